/* SPDX-License-Identifier: MIT */
/*
 * budget_cost.c - what recording has cost, by class.
 *
 * The cost of an event is an estimate, by class, good for a share of some percent and for which
 * class it is: as redis -P16 and memcached pay it at level full, measured with levels that are
 * switched while they work (`scripts/bench switched` says how). In the hot loop of `scripts/bench
 * micro` it is less, 25 and 90 ns; a server has other things in its caches. What a hook costs that
 * records nothing is not in it: no level but `off` would save that.
 *
 * Context: any hook, under the guard.
 */
#include <string.h>

#include "record/upcalls.h"
#include "steer/budget.h"

/* ns of an event; behind a system call it finds nothing in the caches. */
static const uint16_t event_ns[FR_CLASSES] = {
	[FR_CLASS_THREAD] = 150, [FR_CLASS_LOCK] = 40, [FR_CLASS_NET] = 150,
	[FR_CLASS_MEM] = 40,     [FR_CLASS_IO] = 150,  [FR_CLASS_USER] = 40,
};
#define WALK_NS 440 /* a stack not known, of 17 frames */

#define EVENT(id, NAME, text, klass, ...) [id] = FR_CLASS_##klass,
static const uint8_t class_of[FR_EV_MAX + 1] = {
#include "wire/events.def"
};
#undef EVENT

struct fr_budget_state fr_budget_state;

void fr_budget_init(void)
{
	memset(&fr_budget_state, 0, sizeof(fr_budget_state));
}

void fr_budget_charge(enum fr_event ev, uint64_t events, uint64_t walks)
{
	unsigned int klass = class_of[ev];

	__atomic_fetch_add(&fr_budget_state.cost_ns[klass],
			   events * event_ns[klass] + walks * WALK_NS, __ATOMIC_RELAXED);
}

void fr_budget_forget(enum fr_class klass)
{
	fr_budget_state.rule.pause[klass] = (struct fr_budget_pause){0};
}
