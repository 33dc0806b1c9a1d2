/* SPDX-License-Identifier: MIT */
/*
 * control.c - levels and limits in force, and the ones that somebody asks for from outside.
 *
 * Off for all classes, asked for from outside, is sleep: the gate shows FR_LEVEL_UNBORN, so that
 * each hook comes by fr_birth() and looks whether it is to wake up.
 *
 * Context: fr_control_apply in any hook, perhaps a signal handler. Must not: believe a byte of the
 * section that it has not copied and checked; keep what was true of locks, descriptors and memory
 * before a time that nobody watched.
 */
#include "control.h"

#include <string.h>

#include "config.h"
#include "fds.h"
#include "gate.h"
#include "process.h"
#include "ring.h"
#include "sample.h"
#include "trigger.h"
#include "wait.h"

FR_HOT uint64_t fr_control_seen;
static bool by_request; /* the levels were set from outside */

static void show(void)
{
	struct fr_settings *s = &fr_region.control->in_force;

	memcpy(s->levels, fr_config.levels, sizeof(fr_config.levels));
	s->slow_ns = fr_config.slow_ns;
	s->cooldown_ns = fr_config.cooldown_ns;
	s->trigger_max = fr_config.trigger_max;
	memcpy(s->limit, fr_config.trigger, sizeof(s->limit));
}

void fr_control_init(void)
{
	struct fr_control *c = fr_region.control;

	fr_control_seen = 0;
	fr_trigger_describe(c);
	memcpy(c->configured, fr_config.levels, sizeof(fr_config.levels));
	show();
	fr_trigger_init();
}

/* ---- levels
 * --------------------------------------------------------------------------------------- */

static bool all_off(const uint8_t *levels)
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (levels[k] != FR_LEVEL_OFF)
			return false;
	}
	return true;
}

void fr_control_levels(const uint8_t *levels)
{
	bool sleep = by_request && all_off(levels);

	for (int k = 0; k < FR_CLASSES; k++) {
		uint8_t level = levels[k];

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
	return FR_LEVEL(klass) ? (enum fr_level)FR_LEVEL(klass) : FR_LEVEL_OFF;
}

/* Nobody saw these locks given back. Their owners are not at work on the list: the level is off. */
static void forget_holds(void)
{
	struct fr_thread_rec *r;

	for (uint32_t i = 0; (r = fr_thread_at(i)); i++) {
		r->n_held = 0;
		r->held_more = 0;
	}
}

/* What a descriptor is, is asked again. */
static void forget_fds(void)
{
	size_t n = atomic_load(&fr_region.fds.ready) / sizeof(struct fr_fd_rec);
	struct fr_fd_rec *r = (struct fr_fd_rec *)fr_region.fds.base;

	for (size_t i = 0; i < n; i++)
		r[i].x_kind = FR_FD_CLOSED;
}

/* Before a class is watched again. */
static void forget(int klass)
{
	if (klass == FR_CLASS_LOCK)
		forget_holds();
	else if (klass == FR_CLASS_NET)
		forget_fds();
	else if (klass == FR_CLASS_MEM)
		fr_sample_forget();
}

static void change_levels(struct fr_thread *t, uint64_t ticks, const uint8_t *levels)
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		uint8_t before = fr_config.levels[k];

		if (before == levels[k])
			continue;
		if (before == FR_LEVEL_OFF || levels[k] == FR_LEVEL_OFF)
			forget(k);
		fr_config.levels[k] = levels[k];
		if (t)
			fr_put_cold(t, FR_EV_LEVEL, FR_TIER_RARE, ticks, 0,
				    FR_ARGS((uint64_t)k, levels[k], before));
	}
	by_request = true;
	fr_control_levels(fr_config.levels);
}

/* ---- a request
 * ------------------------------------------------------------------------------------- */

static bool possible(const struct fr_settings *s)
{
	const uint64_t year = 86400ull * 365 * 1000000000;

	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (s->levels[k] < FR_LEVEL_OFF || s->levels[k] > FR_LEVEL_FULL)
			return false;
	}
	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		if (!fr_trigger_possible(i, s->limit[i]))
			return false;
	}
	return s->slow_ns <= year && s->cooldown_ns <= year && s->trigger_max <= 1000000;
}

static void obey(struct fr_thread *t, uint64_t ticks, const struct fr_settings *s)
{
	uint8_t levels[FR_CLASSES];

	fr_config.slow_ns = s->slow_ns;
	fr_config.cooldown_ns = s->cooldown_ns;
	fr_config.trigger_max = s->trigger_max;
	memcpy(fr_config.trigger, s->limit, sizeof(fr_config.trigger));
	memcpy(levels, s->levels, sizeof(levels));
	levels[FR_CLASS_RECORDER] = FR_LEVEL_FULL;
	fr_config_levels(levels);
	fr_slow_ticks = fr_clock_from_ns(s->slow_ns);
	fr_region.hdr->slow_ns = s->slow_ns;
	fr_trigger_limits();
	change_levels(t, ticks, levels);
	show();
}

void fr_control_apply(struct fr_thread *t, uint64_t ticks)
{
	struct fr_control *c = fr_region.control;
	uint64_t request = __atomic_load_n(&c->x_request, __ATOMIC_ACQUIRE);
	struct fr_settings wanted = c->wanted;
	uint64_t hash = __atomic_load_n(&c->hash, __ATOMIC_RELAXED);
	bool good;

	if (__atomic_exchange_n(&fr_control_seen, request, __ATOMIC_ACQ_REL) == request)
		return; /* another thread does it */
	/* the copy, and not the section, is looked at from here on */
	__asm__ volatile("" : : "r"(&wanted) : "memory");
	good = fr_settings_hash(&wanted) == hash && possible(&wanted);
	if (good)
		obey(t, ticks, &wanted);
	__atomic_store_n(&c->x_refused, !good, __ATOMIC_RELAXED);
	__atomic_store_n(&c->x_answer, request, __ATOMIC_RELEASE);
}
