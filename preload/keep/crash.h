/* SPDX-License-Identifier: MIT */
/*
 * crash.h - the end by a fatal signal.
 */
#ifndef FR_CRASH_H
#define FR_CRASH_H

#include <signal.h>
#include <stdbool.h>

#include "core/arch.h"

/*
 * Handler of a signal that is about to kill the process: records it, writes a snapshot, and lets
 * the process die of that signal with the status and the core it would have had.
 */
void fr_crash_handler(int sig, siginfo_t *si, void *uc);

/* Looks up what libc says of an abort. When the program starts: takes the loader's lock. */
void fr_crash_init(void);

/*
 * Before the host's own handler is called: a fault becomes an event, with the stack of where it
 * happened. True: _end() is to be called when the handler has returned. Signal-safe.
 */
bool fr_crash_handled_begin(int sig, const siginfo_t *si, const void *uc);

/* If the handler comes back into abort(), the process is about to die of it, unseen. */
void fr_crash_handled_end(void);

/* The process is about to exit, at S: a crash where that is inside of such a handler. */
void fr_crash_at_exit(struct fr_site s);

#endif
