/* SPDX-License-Identifier: MIT */
/*
 * watch.c - fr_watch() of upcalls.h: what has to be looked at now and then. At each call: does
 * `fr ctl` ask for something? Once per clock pair (about a second): clock, triggers, budget.
 *
 * Context: any hook, under the guard. Must not: recurse through the event it records.
 */
#include "record/deepbind.h"
#include "record/thread.h"
#include "record/upcalls.h"
#include "steer/budget.h"
#include "steer/control.h"
#include "steer/trigger.h"

void fr_watch(struct fr_thread *t, uint64_t ticks)
{
	if (t->watching)
		return;
	t->watching = true;
	if (fr_control_asked())
		fr_control_apply(t, ticks);
	if (ticks >= fr_clock.next_pair) {
		fr_clock_pair_write(fr_region.clocks);
		fr_deepbind_look();
		fr_trigger_look(t, ticks);
		fr_budget_look(t, ticks);
	}
	t->watching = false;
}
