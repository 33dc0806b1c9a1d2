/* SPDX-License-Identifier: MIT */
/*
 * control.c - levels and limits: those in force, and those that `fr ctl` asks for.
 *
 * fr_config.events holds the levels asked for; a forked child begins with them. FR_BUDGET may lower
 * some of those in force. If `fr ctl` turns all classes off, the recorder sleeps: the gate shows
 * FR_LEVEL_UNBORN, so every hook calls fr_birth(), which looks whether it is to wake up. Changes
 * are made under the gate's settings_lock.
 *
 * Context: fr_control_apply in any hook, perhaps a signal handler. Must not: believe a byte of the
 * section that it has not copied and checked; keep what was known of locks, descriptors and memory
 * before a time that was not recorded.
 */
#include "steer/control.h"

#include <string.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/process.h"
#include "core/settings.h"
#include "record/fds.h"
#include "record/ring.h"
#include "record/sample.h"
#include "record/wait.h"
#include "steer/budget.h"
#include "steer/trigger.h"

FR_HOT uint64_t fr_control_seen;
static bool by_request; /* the levels were set from outside */
static uint8_t in_force[FR_CLASSES];

static void show(void)
{
	struct fr_settings *s = &fr_region.control->in_force;

	memcpy(s->levels, in_force, sizeof(in_force));
	memcpy(fr_region.control->asked, fr_config.events, sizeof(fr_config.events));
	fr_settings_show(fr_region.settings, s);
	memcpy(s->limit, fr_config.trigger, sizeof(s->limit));
}

void fr_control_init(void)
{
	struct fr_control *c = fr_region.control;

	fr_control_seen = 0;
	fr_trigger_describe(c);
	fr_settings_describe(fr_region.settings);
	fr_budget_init();
	memcpy(in_force, fr_config.events, sizeof(in_force));
	memcpy(c->configured, fr_config.events, sizeof(fr_config.events));
	show();
	fr_trigger_init();
}

/* ---- levels ---------------------------------------------------------------------------------- */

static bool all_off(void)
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (in_force[k] != FR_LEVEL_OFF)
			return false;
	}
	return true;
}

void fr_control_levels(void)
{
	bool sleep = by_request && all_off();

	for (int k = 0; k < FR_CLASSES; k++) {
		uint8_t level = in_force[k];

		if (k == FR_CLASS_MEM && fr_process.sanitized)
			level = FR_LEVEL_OFF;
		fr_region.hdr->levels[k] = level;
		if (sleep && k != FR_CLASS_RECORDER)
			level = FR_LEVEL_UNBORN;
		__atomic_store_n(&fr_gate.level[k], level, __ATOMIC_RELEASE);
	}
}

enum fr_level fr_control_wake(enum fr_class klass)
{
	struct fr_thread *t;

	if (fr_control_asked()) {
		t = fr_enter();
		fr_control_apply(t, fr_clock_ticks());
		if (t)
			fr_leave(t);
	}
	return fr_level_now(klass) ? (enum fr_level)fr_level_now(klass) : FR_LEVEL_OFF;
}

/* No hook saw these locks given back. Their owners do not write the lists now: the level is off. */
static void forget_holds(void)
{
	struct fr_thread_rec *r;

	for (uint32_t i = 0; (r = fr_thread_at(i)); i++) {
		r->n_held = 0;
		r->held_more = 0;
	}
}

/* What each descriptor is, the kernel is asked again. */
static void forget_fds(void)
{
	size_t n = atomic_load(&fr_region.fds.ready) / sizeof(struct fr_fd_rec);
	struct fr_fd_rec *r = (struct fr_fd_rec *)fr_region.fds.base;

	for (size_t i = 0; i < n; i++)
		r[i].x_kind = FR_FD_CLOSED;
}

/* Drops what is known of a class's objects: it was not, or will not be, kept true. */
static void forget(int klass, bool off)
{
	if (klass == FR_CLASS_MEM)
		fr_sample_forget(); /* no other level tells the table of a block's end */
	else if (klass == FR_CLASS_LOCK && off)
		forget_holds();
	else if (klass == FR_CLASS_NET && off)
		forget_fds();
}

/*
 * Stamped TICKS; a level that is raised is told of when every hook goes by it, with the time that
 * took: from then on nothing is missing.
 */
static void put_level(struct fr_thread *t, uint64_t ticks, int klass, uint8_t before,
		      enum fr_level_why why)
{
	uint64_t now = in_force[klass] > before ? fr_clock_ticks() : ticks;

	if (t)
		fr_put_cold(t, FR_EV_LEVEL, FR_TIER_RARE, ticks, 0,
			    FR_ARGS(LEVEL, .class = klass, .level = in_force[klass],
				    .before = before, .why = why,
				    .settled = now > ticks ? now - ticks : 0));
}

static void change_level(struct fr_thread *t, uint64_t ticks, int klass, uint8_t level,
			 enum fr_level_why why)
{
	uint8_t before = in_force[klass];

	if (before == level)
		return;
	forget(klass, before == FR_LEVEL_OFF || level == FR_LEVEL_OFF);
	in_force[klass] = level;
	if (level < before)
		put_level(t, ticks, klass, before, why);
	fr_control_levels();
	if (level > before)
		put_level(t, ticks, klass, before, why);
}

/* ---- the budget ------------------------------------------------------------------------------ */

static const uint8_t below_full[FR_CLASSES] = {
	[FR_CLASS_LOCK] = FR_LEVEL_SLOW,
	[FR_CLASS_NET] = FR_LEVEL_SLOW,
	[FR_CLASS_MEM] = FR_LEVEL_SAMPLED,
	[FR_CLASS_IO] = FR_LEVEL_SLOW,
};

void fr_control_view(uint8_t level[FR_CLASSES], uint8_t lower[FR_CLASSES])
{
	memcpy(level, in_force, sizeof(in_force));
	memcpy(lower, in_force, sizeof(in_force));
	for (int k = 0; k < FR_CLASSES; k++) {
		if (level[k] == FR_LEVEL_FULL && below_full[k])
			lower[k] = below_full[k];
	}
	fr_config_levels(lower);
}

void fr_control_step(struct fr_thread *t, uint64_t ticks, const struct fr_budget_step *step)
{
	change_level(t, ticks, step->klass, step->level, (enum fr_level_why)step->why);
	show();
}

/* ---- a request ------------------------------------------------------------------------------- */

static bool possible(const struct fr_settings *s)
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (s->levels[k] < FR_LEVEL_OFF || s->levels[k] > FR_LEVEL_FULL)
			return false;
	}
	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		if (!fr_trigger_possible(i, s->limit[i]))
			return false;
	}
	return !(s->named >> FR_CLASS_RECORDER);
}

/*
 * The levels that S names are in force from now on, ALL that are asked for if the budget is another
 * one; what a new trigger needs is raised.
 */
static void obey_levels(struct fr_thread *t, uint64_t ticks, const struct fr_settings *s, bool all)
{
	uint8_t levels[FR_CLASSES], *asked = fr_config.events;

	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (s->named >> k & 1)
			asked[k] = s->levels[k];
	}
	fr_config_levels(asked);
	memcpy(levels, in_force, sizeof(levels));
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (all || (s->named >> k & 1))
			levels[k] = asked[k];
	}
	fr_config_levels(levels);
	by_request = true;
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (all || (s->named >> k & 1) || levels[k] != in_force[k])
			fr_budget_forget((enum fr_class)k);
		change_level(t, ticks, k, levels[k], FR_WHY_ASKED);
	}
	fr_control_levels();
}

static void obey(struct fr_thread *t, uint64_t ticks, const struct fr_settings *s,
		 const struct fr_settings_wanted *more)
{
	bool other_budget = s->budget != fr_config.budget;

	fr_settings_obey(more);
	memcpy(fr_config.trigger, s->limit, sizeof(fr_config.trigger));
	fr_slow_ticks = fr_clock_from_ns(s->slow);
	fr_region.hdr->slow_ns = s->slow;
	fr_trigger_limits();
	obey_levels(t, ticks, s, other_budget);
	show();
}

static void apply(struct fr_thread *t, uint64_t ticks)
{
	struct fr_control *c = fr_region.control;
	uint64_t request = __atomic_load_n(&c->x_request, __ATOMIC_ACQUIRE);
	struct fr_settings wanted = c->wanted;
	struct fr_settings_wanted more;
	uint64_t hash = __atomic_load_n(&c->hash, __ATOMIC_RELAXED);
	bool good;

	if (__atomic_exchange_n(&fr_control_seen, request, __ATOMIC_ACQ_REL) == request)
		return; /* another thread does it */
	/* the copy, and not the section, is looked at from here on */
	__asm__ volatile("" : : "r"(&wanted) : "memory");
	good = fr_settings_hash(&wanted) == hash && possible(&wanted) &&
	       fr_settings_take(fr_region.settings, &wanted, &more);
	if (good)
		obey(t, ticks, &wanted, &more);
	__atomic_store_n(&c->x_refused, !good, __ATOMIC_RELAXED);
	__atomic_store_n(&c->x_answer, request, __ATOMIC_RELEASE);
}

void fr_control_apply(struct fr_thread *t, uint64_t ticks)
{
	uint64_t before;

	if (!fr_try_lock_masked(&fr_gate.settings_lock, &before))
		return; /* until the next one comes by */
	apply(t, ticks);
	fr_unlock_masked(&fr_gate.settings_lock, before);
}
