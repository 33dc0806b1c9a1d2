/* SPDX-License-Identifier: MIT */
/*
 * budget.c - the check of what recording costs, once a second.
 *
 * Context: any hook, under the guard. Must not: ask the clock under the host's own filter of
 * system calls (no decision is made there); decide in a vfork child, whose CPU time is another's.
 */
#include "steer/budget.h"

#include <string.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/sys.h"
#include "record/fds.h"
#include "record/thread.h"
#include "record/upcalls.h"
#include "steer/control.h"

/* CPU time of all threads; 0 = not to be asked for. A system call, as the vDSO would make one. */
static uint64_t cpu_time(void)
{
	struct timespec ts;

	if (fr_sys2(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void measure(struct fr_thread *t, uint64_t ticks)
{
	struct fr_budget_view v = {.percent = (uint32_t)fr_config.budget};
	struct fr_budget_step step;

	v.cpu_ns = cpu_time();
	if (!v.cpu_ns)
		return;
	v.now_ns = fr_clock_ns(CLOCK_MONOTONIC);
	for (int k = 0; k < FR_CLASSES; k++)
		v.cost_ns[k] = __atomic_load_n(&fr_budget_state.cost_ns[k], __ATOMIC_RELAXED);
	fr_control_view(v.level, v.lower);
	memcpy(v.asked, fr_config.events, sizeof(v.asked));
	if (fr_budget_decide(&fr_budget_state.rule, &v, &step))
		fr_control_step(t, ticks, &step);
}

void fr_budget_check(struct fr_thread *t, uint64_t ticks)
{
	uint64_t before;

	if (!fr_config.budget || ticks < __atomic_load_n(&fr_budget_state.next, __ATOMIC_RELAXED) ||
	    !fr_thread_reclaim())
		return;
	if (!fr_try_lock_masked(&fr_gate.settings_lock, &before))
		return;
	__atomic_store_n(&fr_budget_state.next, ticks + fr_clock.per_second / 4, __ATOMIC_RELAXED);
	measure(t, ticks);
	fr_unlock_masked(&fr_gate.settings_lock, before);
}
