/* SPDX-License-Identifier: MIT */
/*
 * budget.c - what recording costs, measured once a second.
 *
 * The cost of an event is an estimate, by class: good enough to tell a share of some percent, and
 * which class causes it. It is what redis -P16 and memcached pay at level full, measured with
 * levels that are switched while they work (`scripts/bench switched` says how). In the hot loop of
 * `scripts/bench micro` it is less, 25 and 90 ns; a server has other things in its caches. What a
 * hook costs that records nothing is not in it: no level but `off` would save that.
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

static uint64_t cost_ns[FR_CLASSES];
static uint64_t next; /* ticks */
static struct fr_budget budget;

void fr_budget_init(void)
{
	memset(cost_ns, 0, sizeof(cost_ns));
	budget = (struct fr_budget){0};
	next = 0;
}

void fr_budget_charge(enum fr_event ev, uint64_t events, uint64_t walks)
{
	unsigned int klass = class_of[ev];

	__atomic_fetch_add(&cost_ns[klass], events * event_ns[klass] + walks * WALK_NS,
			   __ATOMIC_RELAXED);
}

void fr_budget_forget(enum fr_class klass)
{
	budget.pause[klass] = (struct fr_budget_pause){0};
}

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
		v.cost_ns[k] = __atomic_load_n(&cost_ns[k], __ATOMIC_RELAXED);
	fr_control_view(v.level, v.lower);
	memcpy(v.asked, fr_config.levels, sizeof(v.asked));
	if (fr_budget_decide(&budget, &v, &step))
		fr_control_step(t, ticks, &step);
}

void fr_budget_check(struct fr_thread *t, uint64_t ticks)
{
	uint64_t before;

	if (!fr_config.budget || ticks < __atomic_load_n(&next, __ATOMIC_RELAXED) ||
	    !fr_thread_reclaim())
		return;
	if (!fr_try_lock_masked(&fr_gate.settings_lock, &before))
		return;
	__atomic_store_n(&next, ticks + fr_clock.per_second / 4, __ATOMIC_RELAXED);
	measure(t, ticks);
	fr_unlock_masked(&fr_gate.settings_lock, before);
}
