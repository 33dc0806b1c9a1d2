/* SPDX-License-Identifier: MIT */
/*
 * watch.c - fr_watch() of upcalls.h. Context: any hook, under the guard. Must not: come back into itself
 * through the event it records.
 */
#include "budget.h"
#include "control.h"
#include "deepbind.h"
#include "trigger.h"
#include "thread.h"
#include "upcalls.h"

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
