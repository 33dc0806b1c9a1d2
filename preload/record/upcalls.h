/* SPDX-License-Identifier: MIT */
/*
 * upcalls.h - the functions of later rooms that recording calls: steer/ (settings from outside,
 * thresholds, the budget) and keep/ (snapshots). All are cold but for the two tests that an event
 * makes.
 */
#ifndef FR_UPCALLS_H
#define FR_UPCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "store/region.h"
#include "wire/events.h"

struct fr_thread;
struct fr_wait;

/* ---- steer/control.c, steer/periodic.c ------------------------------------------------------- */

extern uint64_t fr_control_seen; /* the last request that was looked at */

static FR_ALWAYS_INLINE bool fr_control_asked(void)
{
	const struct fr_control *c = fr_region.control;

	return c && __atomic_load_n(&c->x_request, __ATOMIC_RELAXED) != fr_control_seen;
}

static FR_ALWAYS_INLINE bool fr_periodic_due(uint64_t ticks)
{
	return ticks >= fr_clock.next_pair || fr_control_asked();
}

/* Under the guard, between two events. May record one. */
void fr_periodic(struct fr_thread *t, uint64_t ticks);

/* ---- steer/trigger.c ------------------------------------------------------------------------- */

/* Ticks. The least limit of a wait; UINT64_MAX = none is set. */
extern uint64_t fr_trigger_wait;

/* A wait took longer than fr_trigger_wait. Under the guard. */
void fr_trigger_waited(struct fr_thread *t, const struct fr_wait *w, uint64_t now, uint64_t dur);

/* ---- steer/budget.c -------------------------------------------------------------------------- */

/* EV needed the chunk that has EVENTS events; WALKS of their stacks were new. Cold. */
void fr_budget_charge(enum fr_event ev, uint64_t events, uint64_t walks);

/* ---- keep/snapshot.c ------------------------------------------------------------------------- */

/*
 * Asks for a snapshot and returns at once: it is written by a thread of its own, or, where that is
 * refused, before the return. A request while one is being written is counted in that one.
 * Signal-safe; errno is kept.
 */
void fr_snapshot_request(enum fr_trigger_kind kind, int signo, uint32_t sender, const char *reason);

#endif
