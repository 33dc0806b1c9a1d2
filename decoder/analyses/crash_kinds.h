/* SPDX-License-Identifier: MIT */
/*
 * crash_kinds.h - what the stack of a crash says about its kind.
 */
#ifndef FR_ANALYSES_CRASH_KINDS_H
#define FR_ANALYSES_CRASH_KINDS_H

#include "analyses/analysis.h"

struct crash_kind {
	const char *text; /* "an assertion failed" */
	const char *why;
	const char *next;
	bool is_heap;
};

/* NULL = the stack says nothing of its own. SKIP: frames that came after the fault. */
const struct crash_kind *fr_crash_kind(struct analysis *a, const struct fr_crash *c, size_t skip);
/* How many frames of STACK a handler that ran for the signal has put on it; 0 = none. */
size_t fr_crash_in_handler(struct analysis *a, uint32_t stack);
/* Where what THREAD has just freed had been freed before: a line and both stacks. */
void fr_crash_double_free(struct analysis *a, struct finding *f, const char *who, uint32_t thread);

#endif
