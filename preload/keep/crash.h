/* SPDX-License-Identifier: MIT */
/*
 * crash.h - the end by a fatal signal.
 */
#ifndef FR_CRASH_H
#define FR_CRASH_H

#include <signal.h>

/*
 * Handler of a signal that is about to kill the process: records it, writes a snapshot, and lets
 * the process die of that signal with the status and the core it would have had.
 */
void fr_crash_handler(int sig, siginfo_t *si, void *uc);

#endif
