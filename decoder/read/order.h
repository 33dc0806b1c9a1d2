/* SPDX-License-Identifier: MIT */
/*
 * order.h - who holds which mutex at the place the merge has come to.
 *
 * Why: an acquisition is stamped behind the call, but no barrier keeps rdtsc there (it would cost
 * as much as the whole stamp). The processor may read the clock while it still waits for the
 * mutex's cache line, so the stamp can lie before the release that made the acquisition possible:
 * of two threads that pass a mutex to and fro, 1 of 10 000, by up to 180 ns (AMD EPYC; 0 with a
 * barrier). It waits for all stores before, too: dozens, each of which may miss the caches. The
 * merge puts such an event off until that release has come.
 *
 * A small table without chains: a mutex that another one has pushed out is not put right. Only
 * merge.c includes this.
 */
#ifndef FR_READ_ORDER_H
#define FR_READ_ORDER_H

#include <errno.h>

#include "read/events.h"

#define ORDER_SLOTS 4096 /* a power of two; 64 KiB a stream */
#define ORDER_SKEW_NS 10000 /* later than that, a release is not the one before */

struct holder {
	uint64_t lock; /* 0 = none */
	uint32_t thread;
	uint32_t depth; /* of a recursive mutex */
};

static inline struct holder *order_slot(struct holder *table, uint64_t lock)
{
	return &table[lock * 0x9E3779B97F4A7C15ull >> 52 & (ORDER_SLOTS - 1)];
}

FR_SAME_PLACE(MUTEX_LOCK, MUTEX_UNLOCK, lock);

/* The mutex that E's thread has once it has happened, by a lock or by the end of a wait. 0: none */
static inline uint64_t order_takes(const struct event *e)
{
	uint64_t err;

	if (e->kind == FR_EV_MUTEX_LOCK) {
		err = e->arg[FR_A(MUTEX_LOCK, err)];
		return !err || err == EOWNERDEAD ? e->arg[FR_A(MUTEX_LOCK, lock)] : 0;
	}
	if (e->kind == FR_EV_COND_WAIT) {
		err = e->arg[FR_A(COND_WAIT, err)];
		return !err || err == ETIMEDOUT || err == EOWNERDEAD ? e->arg[FR_A(COND_WAIT, lock)]
								     : 0;
	}
	return 0;
}

static inline bool order_concerns(const struct event *e)
{
	return e->kind == FR_EV_MUTEX_LOCK || e->kind == FR_EV_MUTEX_UNLOCK ||
	       e->kind == FR_EV_COND_WAIT;
}

/* E takes a mutex which, for all that came so far, another thread still has. */
static inline bool order_too_early(struct holder *table, const struct event *e)
{
	uint64_t lock = order_takes(e);
	const struct holder *h = order_slot(table, lock);

	return lock && h->lock == lock && h->thread != e->thread;
}

/* E is the next event of the stream. */
static inline void order_note(struct holder *table, const struct event *e)
{
	uint64_t taken = order_takes(e);
	struct holder *h;

	if (taken) {
		h = order_slot(table, taken);
		/* a wait has given back all of it before */
		if (e->kind == FR_EV_COND_WAIT || h->lock != taken || h->thread != e->thread)
			h->depth = 0;
		*h = (struct holder){taken, e->thread, h->depth + 1};
	} else if (e->kind == FR_EV_MUTEX_UNLOCK) {
		h = order_slot(table, e->arg[FR_A(MUTEX_UNLOCK, lock)]);
		if (h->lock == e->arg[FR_A(MUTEX_UNLOCK, lock)] &&
		    !(h->thread == e->thread && --h->depth))
			h->lock = 0;
	}
}

#endif
