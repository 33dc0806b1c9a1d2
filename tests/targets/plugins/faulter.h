/* SPDX-License-Identifier: MIT */
/*
 * faulter.h - a library whose constructor sets a handler for SIGSEGV where the program's first
 * argument is "own" or "busy", and with "busy" starts a thread that faults all the time.
 */
#ifndef TARGET_FAULTER_H
#define TARGET_FAULTER_H

#include <signal.h>
#include <stdbool.h>

extern bool faulter_own; /* the handler is set */

/* Steps over the instruction that faulted. */
void faulter_handler(int sig, siginfo_t *si, void *uc);

/* Faults, and counts that. */
void faulter_fault(void);

/* Ends the thread. Has each fault been handled, once? */
bool faulter_end(void);

#endif
