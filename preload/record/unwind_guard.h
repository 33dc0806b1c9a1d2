/* SPDX-License-Identifier: MIT */
/*
 * unwind_guard.h - libunwind under guard: what goes wrong in it ends the call and not the host.
 */
#ifndef FR_UNWIND_GUARD_H
#define FR_UNWIND_GUARD_H

#include <signal.h>
#include <stdbool.h>

/*
 * Calls FN(ARG), in which libunwind is called. NULL: it has returned. Else it was left half way,
 * for the reason given, and libunwind must not be called again. Caller holds fr_gate.unwind_lock.
 */
const char *fr_unwind_guard(void (*fn)(void *), void *arg);

/* Is this thread in FN of a guard? Else libunwind works for the host, which has it too. */
bool fr_unwind_inside(void);

/* Leaves FN for the reason WHY, which must be static. Only inside. */
__attribute__((noreturn)) void fr_unwind_leave(const char *why);

/*
 * For a handler of fatal signals, first of all: does not return if it was libunwind that faulted,
 * on this thread, under guard. UC: the handler's third argument.
 */
void fr_unwind_fault(int sig, const siginfo_t *si, const void *uc);

#endif
