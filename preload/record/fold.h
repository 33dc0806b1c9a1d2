/* SPDX-License-Identifier: MIT */
/*
 * fold.h - failures that repeat are counted, not written again and again.
 *
 * A thread that fails at one stack with one error, in a loop, would push all else out of the rare
 * tier. The first of them are written as they come; from then on one in FR_FOLD_NS, and before it
 * an event `repeated` that says how many were left out since the one before.
 */
#ifndef FR_FOLD_H
#define FR_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/events.h"

struct fr_thread;

#define FR_FOLDS 8u /* failures that a thread remembers; two in one place take turns */

struct fr_fold {
	uint64_t key; /* 0 = none */
	uint64_t first, last; /* ticks: of those left out */
	uint64_t written; /* ticks: when one was written */
	uint64_t count; /* left out */
	uint64_t object, via;
	uint32_t stack, seen;
	uint16_t event, err;
};

/* FR_SLOW in ticks: such a call is told each time. */
extern uint64_t fr_slow_ticks;

/*
 * Is the event, which may be a failure, one of many like it, and to be left out? Counts it then.
 * BEFORE gets what is to be told first, with a count of 0: nothing. Under the guard.
 */
bool fr_fold(struct fr_thread *t, enum fr_event ev, uint64_t ticks, uint32_t stack,
	     const uint64_t *args, struct fr_fold *before);

/* Takes one of the counts that are not told yet; false: there is none. Under the guard. */
bool fr_fold_take(struct fr_thread *t, struct fr_fold *f);

#endif
