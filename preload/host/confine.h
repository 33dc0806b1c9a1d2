/* SPDX-License-Identifier: MIT */
/*
 * confine.h - the host puts itself under a system call filter (seccomp).
 *
 * Such a filter knows the host's calls and not ours, and often kills for any other. From then on
 * the recorder makes none of its own but the few that no program can do without (sys.h asks
 * fr_sys_let_through()): the region no longer grows, new peers stay unknown, a snapshot is made
 * from outside only (`fr snapshot PID`), and events go on.
 *
 * Cannot see: a filter that was there before the program started, or one that is installed by a
 * `syscall` instruction of the host's own.
 */
#ifndef FR_CONFINE_H
#define FR_CONFINE_H

#include <stdbool.h>

/*
 * The kernel is about to kill for reading the clock, by prctl(PR_SET_TSC) or as part of
 * SECCOMP_MODE_STRICT: nothing more is recorded, and the signals are the kernel's again.
 */
void fr_confine_withdraw(void);

/*
 * Before the host's call: takes pages ahead (an eighth of each section) and stops our own calls.
 * STRICT: SECCOMP_MODE_STRICT. False: nothing was changed (a vfork child's filter is not ours, or
 * we are confined already).
 */
bool fr_confine_begin(bool strict);

/* The host's call has failed: all is as it was, but for the pages. */
void fr_confine_undo(void);

#endif
