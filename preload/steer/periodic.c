/* SPDX-License-Identifier: MIT */
/*
 * periodic.c - fr_periodic() of upcalls.h: what has to be looked at now and then. At each call:
 * does `fr ctl` ask for something? Once per clock pair (about a second): clock, triggers, budget.
 *
 * Context: any hook, under the guard. Must not: recurse through the event it records.
 */
#include "record/deepbind.h"
#include "record/thread.h"
#include "record/upcalls.h"
#include "steer/budget.h"
#include "steer/control.h"
#include "steer/trigger.h"

void fr_periodic(struct fr_thread *t, uint64_t ticks)
{
	if (t->in_periodic)
		return;
	t->in_periodic = true;
	if (fr_control_asked())
		fr_control_apply(t, ticks);
	if (ticks >= fr_clock.next_pair) {
		fr_clock_pair_write(fr_region.clocks);
		fr_deepbind_check();
		fr_trigger_check(t, ticks);
		fr_budget_check(t, ticks);
	}
	t->in_periodic = false;
}
