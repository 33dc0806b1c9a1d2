/* SPDX-License-Identifier: MIT */
/*
 * trigger.c - was a threshold crossed, and may it ask for a snapshot?
 *
 *   fr_wait_end, an unlock, fr_periodic ──> which rule ──> rate limit ──> event, snapshot
 *
 * Context: hooks, under the guard but for fr_trigger_held; perhaps with the host's lock held, so
 * nothing here waits. Must not: fire in a vfork child, whose memory is its parent's.
 */
#include "steer/trigger.h"

#include <string.h>

#include "core/config.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "keep/snapshot.h"
#include "record/fds.h"
#include "record/wait.h"

FR_HOT uint64_t fr_trigger_wait = UINT64_MAX;
FR_HOT uint64_t fr_trigger_hold = UINT64_MAX;

static uint64_t limits[FR_RULES_MAX]; /* ticks, or bytes; UINT64_MAX = not set */
static uint64_t cooldown; /* ticks */
static _Atomic uint64_t fired;
static _Atomic uint64_t cooldown_until; /* ticks */
static bool rss_told; /* memory is over its limit, and that was said */

void fr_trigger_limits(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		uint64_t v = fr_config.trigger[i];

		limits[i] = !v ? UINT64_MAX : i == FR_RULE_rss ? v : fr_clock_from_ns(v);
		if ((fr_trigger_where(i) & FR_WHERE_WAIT) && limits[i] < least)
			least = limits[i];
	}
	cooldown = fr_clock_from_ns(fr_config.cooldown_ns);
	fr_trigger_wait = least;
	fr_trigger_hold = limits[FR_RULE_hold];
}

void fr_trigger_init(void)
{
	atomic_store(&fired, 0);
	atomic_store(&cooldown_until, 0);
	rss_told = false;
	fr_trigger_limits();
}

/* ---- the reason, in words -------------------------------------------------------------------- */

static uint64_t to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * 1000000000u / fr_clock.per_second);
}

struct unit {
	uint64_t factor;
	const char *name;
};
static const struct unit time_units[] = {
	{1000000000, " s"}, {1000000, " ms"}, {1000, " us"}, {1, " ns"}};
static const struct unit byte_units[] = {
	{1u << 30, " GiB"}, {1u << 20, " MiB"}, {1u << 10, " KiB"}, {1, " B"}};

/* "115 ms", "1.2 s": one decimal below ten. */
static void put_amount(struct fr_text *t, uint64_t v, const struct unit *units)
{
	unsigned int i = 0;

	while (i < 3 && v < units[i].factor)
		i++;
	fr_text_num(t, v / units[i].factor, 10);
	if (v / units[i].factor < 10 && v % units[i].factor * 10 / units[i].factor) {
		fr_text_str(t, ".");
		fr_text_num(t, v % units[i].factor * 10 / units[i].factor, 10);
	}
	fr_text_str(t, units[i].name);
}

/* "lock_wait 115 ms > 100 ms" */
static void put_crossing(struct fr_text *t, unsigned int rule, uint64_t value)
{
	bool bytes = rule == FR_RULE_rss;
	const struct unit *units = bytes ? byte_units : time_units;

	fr_text_str(t, fr_trigger_name(rule));
	fr_text_str(t, " ");
	put_amount(t, bytes ? value : to_ns(value), units);
	fr_text_str(t, " > ");
	put_amount(t, fr_config.trigger[rule], units);
}

/* ", T7 reporter" */
static void put_thread(struct fr_text *t, const struct fr_thread_rec *r)
{
	fr_text_str(t, ", T");
	fr_text_num(t, r->serial, 10);
	fr_text_str(t, " ");
	fr_text_bytes(t, r->name, sizeof(r->name));
}

/* ", pthread_mutex_lock 0x7f00" or ", recv fd 7" */
static void put_call(struct fr_text *t, unsigned int rule, uint32_t call, uint64_t object)
{
	for (unsigned int i = 0; i < fr_hook_count; i++) {
		if (fr_hook_rows[i].id != call)
			continue;
		fr_text_str(t, ", ");
		fr_text_str(t, fr_hook_rows[i].name);
	}
	if (fr_trigger_where(rule) & FR_WHERE_FD) {
		fr_text_str(t, (int64_t)object < 0 ? "" : " fd ");
		if ((int64_t)object >= 0)
			fr_text_num(t, object, 10);
	} else if (object) {
		fr_text_str(t, " 0x");
		fr_text_num(t, object, 16);
	}
}

static void put_owner(struct fr_text *t, uint32_t owner)
{
	if (!owner)
		return;
	fr_text_str(t, ", owner ");
	fr_text_num(t, owner, 10);
}

/* ---- may it? --------------------------------------------------------------------------------- */

static bool suppressed(uint64_t now)
{
	return atomic_load(&fired) >= fr_config.trigger_max || now < atomic_load(&cooldown_until);
}

/* Of several threads that cross a limit at once, one asks. */
static bool allowed(uint64_t now)
{
	uint64_t until = atomic_load(&cooldown_until);

	if (!fr_region.hdr || fr_region.hdr->pid != (uint32_t)fr_sys_getpid())
		return false;
	if (suppressed(now) ||
	    !atomic_compare_exchange_strong(&cooldown_until, &until, now + cooldown)) {
		__atomic_fetch_add(&fr_region.control->x_suppressed, 1, __ATOMIC_RELAXED);
		return false;
	}
	atomic_fetch_add(&fired, 1);
	return true;
}

static void fire(struct fr_thread *t, unsigned int rule, uint64_t now, uint64_t value,
		 const struct fr_text *reason)
{
	const struct fr_blob blob = {reason->p, (uint32_t)reason->n};

	__atomic_fetch_add(&fr_region.control->rules[rule].x_fired, 1, __ATOMIC_RELAXED);
	fr_put_cold(t, FR_EV_TRIGGER, FR_TIER_RARE, now, 0,
		    FR_ARGS(TRIGGER, .rule = rule,
			    .value = rule == FR_RULE_rss ? value : to_ns(value), .reason = &blob));
	fr_snapshot_request(FR_TRIGGER_THRESHOLD, 0, 0, reason->p);
}

/* ---- waits and holds ------------------------------------------------------------------------- */

/* A transfer on a file is no receive. */
static int rule_of_wait(const struct fr_wait *w)
{
	int rule = fr_trigger_rule_of(w->call);

	if ((rule == FR_RULE_recv || rule == FR_RULE_send) &&
	    fr_fd_kind((int)w->object) == FR_FD_FILE)
		return FR_RULE_file;
	return rule;
}

void fr_trigger_waited(struct fr_thread *t, const struct fr_wait *w, uint64_t now, uint64_t dur)
{
	char buf[192];
	struct fr_text reason = fr_text_on(buf, sizeof(buf));
	int rule = rule_of_wait(w);

	if (rule < 0 || dur <= limits[rule] || !allowed(now))
		return;
	put_crossing(&reason, (unsigned int)rule, dur);
	put_thread(&reason, t->rec);
	put_call(&reason, (unsigned int)rule, w->call, w->object);
	put_owner(&reason, w->owner);
	fire(t, (unsigned int)rule, now, dur, &reason);
}

void fr_trigger_held(uint64_t lock, uint64_t since)
{
	char buf[192];
	struct fr_text reason = fr_text_on(buf, sizeof(buf));
	uint64_t now = fr_clock_ticks();
	struct fr_thread *t;

	if (!since || now < since || now - since <= fr_trigger_hold)
		return;
	t = fr_enter();
	if (!t)
		return;
	if (allowed(now)) {
		put_crossing(&reason, FR_RULE_hold, now - since);
		put_thread(&reason, t->rec);
		fr_text_str(&reason, ", lock 0x");
		fr_text_num(&reason, lock, 16);
		fire(t, FR_RULE_hold, now, now - since, &reason);
	}
	fr_leave(t);
}

/* ---- what no hook sees ----------------------------------------------------------------------- */

/* A thread record is written by its owner: a copy of its state, or false while it changes. */
static bool state_of(const struct fr_thread_rec *r, struct fr_thread_rec *copy)
{
	uint32_t seq = __atomic_load_n(&r->st_seq, __ATOMIC_ACQUIRE);

	if ((seq & 1) || __atomic_load_n(&r->x_life, __ATOMIC_ACQUIRE) != FR_THREAD_LIVE)
		return false;
	memcpy(copy, r, offsetof(struct fr_thread_rec, held));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&r->st_seq, __ATOMIC_RELAXED) == seq && copy->st_call;
}

static bool is_stuck(const struct fr_thread_rec *r, uint64_t now)
{
	int rule = fr_trigger_rule_of(r->st_call);

	return rule >= 0 && (fr_trigger_where((unsigned int)rule) & FR_WHERE_STUCK) &&
	       r->x_reported != r->st_since && now > r->st_since &&
	       now - r->st_since > limits[FR_RULE_stuck];
}

static void check_stuck(struct fr_thread *t, uint64_t now)
{
	char buf[192];
	struct fr_text reason = fr_text_on(buf, sizeof(buf));
	struct fr_thread_rec *r, copy;

	for (uint32_t i = 0; (r = fr_thread_at(i)); i++) {
		if (!state_of(r, &copy) || !is_stuck(&copy, now))
			continue;
		if (!allowed(now))
			return;
		__atomic_store_n(&r->x_reported, copy.st_since, __ATOMIC_RELAXED);
		put_crossing(&reason, FR_RULE_stuck, now - copy.st_since);
		put_thread(&reason, &copy);
		put_call(&reason, (unsigned int)fr_trigger_rule_of(copy.st_call), copy.st_call,
			 copy.st_object);
		put_owner(&reason, copy.st_owner);
		fire(t, FR_RULE_stuck, now, now - copy.st_since, &reason);
		return;
	}
}

bool fr_trigger_stuck_until(struct timespec *until)
{
	uint64_t limit = fr_config.trigger[FR_RULE_stuck], end;

	if (likely(!limit))
		return false;
	/* a little more: the two clocks do not agree to the last digit */
	end = fr_clock_ns(CLOCK_MONOTONIC) + limit + limit / 1000 + 1000000;
	until->tv_sec = (time_t)(end / 1000000000u);
	until->tv_nsec = (long)(end % 1000000000u);
	return true;
}

void fr_trigger_stuck_check(void)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_trigger_check(t, fr_clock_ticks());
	fr_leave(t);
}

/* Second field of /proc/self/statm, in pages. 0 = not to be had, as after chroot. */
static uint64_t resident(void)
{
	char buf[128];
	const char *p = buf;
	uint64_t v = 0;

	fr_sys_read_file("/proc/self/statm", buf, sizeof(buf));
	p += strcspn(p, " ");
	for (p += *p == ' '; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v * FR_PAGE;
}

/* Once per crossing: it must fall below seven eighths of the limit to be told again. */
static void check_rss(struct fr_thread *t, uint64_t now)
{
	char buf[192];
	struct fr_text reason = fr_text_on(buf, sizeof(buf));
	uint64_t limit = limits[FR_RULE_rss];
	uint64_t rss = resident();

	if (rss < limit - limit / 8)
		rss_told = false;
	if (rss <= limit || rss_told || !allowed(now))
		return;
	rss_told = true;
	put_crossing(&reason, FR_RULE_rss, rss);
	fire(t, FR_RULE_rss, now, rss, &reason);
}

void fr_trigger_check(struct fr_thread *t, uint64_t now)
{
	if (limits[FR_RULE_stuck] != UINT64_MAX && !suppressed(now))
		check_stuck(t, now);
	if (limits[FR_RULE_rss] != UINT64_MAX && !suppressed(now))
		check_rss(t, now);
}
