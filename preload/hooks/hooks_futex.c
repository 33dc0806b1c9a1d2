/* SPDX-License-Identifier: MIT */
/*
 * hooks_futex.c - futex(2) as libraries call it, by syscall(): the locks that are not pthread's
 * (Rust, Abseil, GLib, Qt, C++20), their conditions and their parked threads.
 *
 * Only who waits and who wakes comes here: nobody calls futex for a lock that is free. What the
 * word means is the library's; the decoder learns it from the stack. Comes here by a jump from
 * syscall(), with the caller's arguments. Must not: read the word, which may be gone after a wake,
 * but for the owner of a priority inheriting one; touch errno.
 */
#include <linux/futex.h>

#include "core/real.h"
#include "host/next_syscall.h"
#include "record/wait.h"

#define NS_PER_S 1000000000ull
#define LOCK_PI2 13 /* FUTEX_LOCK_PI2: Linux 5.14 */

/* As in the kernel's headers, of which older ones lack it. */
struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

/* The words of syscall(), as they came. */
struct call {
	long nr, a, b, c, d, e, f;
};

struct how {
	uint64_t addr;
	uint64_t op; /* what the event says */
	uint64_t timeout; /* ticks from now on, 0 = none */
	const struct timespec *relative; /* the host's limit, where it begins anew with each call */
	uint32_t owner;
};

static long call_real(const struct call *c)
{
	return fr_next_syscall(c->nr, c->a, c->b, c->c, c->d, c->e, c->f);
}

static uint64_t ns_of(const struct timespec *ts)
{
	if (ts->tv_sec < 0 || ts->tv_sec > 1000000000)
		return ts->tv_sec < 0 ? 0 : NS_PER_S * NS_PER_S;
	return (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec;
}

/* Never 0, which is "no limit". */
static uint64_t ticks_of(uint64_t ns)
{
	uint64_t ticks = fr_clock_from_ns(ns);

	return ticks ? ticks : 1;
}

/* What is left until UNTIL by CLOCK, as far as the kernel may read it. */
static uint64_t left_until(const struct timespec *until, clockid_t clock)
{
	uint64_t end, now;

	if (!until || !fr_wait_readable(until, sizeof(*until)))
		return 0;
	end = ns_of(until);
	now = fr_clock_ns(clock == CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC);
	return ticks_of(end > now ? end - now : 0);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* A relative limit is what is left of it when our signal has ended the call. */
static long call_again(struct fr_wait *w, const struct call *c, const struct how *h)
{
	struct timespec left, asked = {0, 0};
	struct call now = *c;
	long rc;

	if (h->relative)
		asked = *h->relative;
	rc = call_real(&now);
	while (rc < 0 && fr_wait_our_eintr(w)) {
		if (h->relative) {
			left = fr_wait_left(w, &asked);
			now.d = (long)&left;
		}
		rc = call_real(&now);
	}
	return rc;
}

/* How the word of a library's lock looks is not a failure. */
static bool is_failure(uint64_t err)
{
	return err && err != EAGAIN && err != ETIMEDOUT && err != EINTR;
}

static FR_COLD long wait_for_wake(const struct call *c, const struct how *h, struct fr_site s)
{
	uint64_t now, dur, err;
	struct fr_thread *t;
	struct fr_wait w;
	long rc;

	fr_wait_begin(&w, s, FR_HOOK_syscall, h->addr, h->timeout, h->owner);
	rc = call_again(&w, c, h);
	err = fr_err_of(rc);
	t = fr_call_end(&w, &now, &dur);
	if (!t)
		return rc;
	if (err != EAGAIN || dur >= fr_slow_ticks || fr_level_now(FR_CLASS_LOCK) == FR_LEVEL_FULL)
		fr_put_cold(t, FR_EV_FUTEX_WAIT, fr_wait_tier(dur, is_failure(err)), now, w.stack,
			    FR_ARGS(FUTEX_WAIT, .futex = h->addr, .dur = dur, .op = h->op,
				    .timeout = h->timeout, .owner = h->owner, .err = err));
	fr_leave(t);
	return rc;
}

/* The word of a priority inheriting lock is its owner's tid. */
static uint32_t owner_of(uint64_t addr)
{
	if ((addr & 3) || !fr_wait_readable((const void *)addr, sizeof(uint32_t)))
		return 0;
	return __atomic_load_n((const uint32_t *)addr, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
}

static long futex_wait(const struct call *c, struct fr_site s)
{
	int cmd = (int)c->b & FUTEX_CMD_MASK;
	bool pi = cmd == FUTEX_LOCK_PI || cmd == LOCK_PI2;
	bool real = cmd == FUTEX_LOCK_PI || (c->b & FUTEX_CLOCK_REALTIME);
	const struct timespec *limit = (const struct timespec *)c->d;
	struct how h = {.addr = (uint64_t)c->a, .op = (uint64_t)(uint32_t)c->b};

	if (cmd != FUTEX_WAIT) {
		h.timeout = left_until(limit, real ? CLOCK_REALTIME : CLOCK_MONOTONIC);
	} else if (limit && fr_wait_readable(limit, sizeof(*limit))) {
		h.timeout = ticks_of(ns_of(limit));
		h.relative = limit;
	}
	if (pi)
		h.owner = owner_of(h.addr);
	return wait_for_wake(c, &h, s);
}

/* ---- waking ---------------------------------------------------------------------------------- */

/* Stamped at its end; whoever is woken goes on from its beginning on. */
static FR_COLD long futex_wake(const struct call *c, struct fr_site s)
{
	int cmd = (int)c->b & FUTEX_CMD_MASK;
	bool moves =
		cmd == FUTEX_REQUEUE || cmd == FUTEX_CMP_REQUEUE || cmd == FUTEX_CMP_REQUEUE_PI;
	bool pi = cmd == FUTEX_UNLOCK_PI;
	uint64_t t0 = fr_clock_ticks(), now, asked = pi ? 1 : (uint32_t)c->c, woken;
	long rc = call_real(c);
	struct fr_thread *t = fr_enter();

	if (!t)
		return rc;
	now = fr_clock_ticks();
	woken = rc > 0 ? (uint64_t)rc : 0;
	if (moves && woken > asked)
		woken = asked;
	fr_put_cold(t, FR_EV_FUTEX_WAKE, FR_TIER_DENSE, now, fr_stack_get(t, s),
		    FR_ARGS(FUTEX_WAKE, .futex = (uint64_t)c->a, .dur = now > t0 ? now - t0 : 0,
			    .asked = asked, .woken = woken, .op = (uint64_t)(uint32_t)c->b,
			    .to = moves ? (uint64_t)c->e : 0, .err = fr_err_of(rc)));
	fr_leave(t);
	return rc;
}

/* ---- from syscall() -------------------------------------------------------------------------- */

static bool is_wanted(void)
{
	return fr_next_syscall_is_real() && fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF;
}

__attribute__((used, visibility("hidden"))) long fr_syscall_futex(long nr, long a, long b, long c,
								  long d, long e, long f);
long fr_syscall_futex(long nr, long a, long b, long c, long d, long e, long f)
{
	struct call all = {nr, a, b, c, d, e, f};

	if (!is_wanted())
		return call_real(&all);
	switch ((int)b & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_LOCK_PI:
	case LOCK_PI2:
		return futex_wait(&all, FR_SITE());
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_WAKE_OP:
	case FUTEX_UNLOCK_PI:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_CMP_REQUEUE_PI:
		return futex_wake(&all, FR_SITE());
	}
	return call_real(&all);
}

/* Of several futexes the first stands for all. */
__attribute__((used, visibility("hidden"))) long fr_syscall_waitv(long nr, long a, long b, long c,
								  long d, long e, long f);
long fr_syscall_waitv(long nr, long a, long b, long c, long d, long e, long f)
{
	struct call all = {nr, a, b, c, d, e, f};
	const struct waitv *v = (const struct waitv *)a;
	struct how h = {.op = FR_FUTEX_OP_WAITV};

	if (!is_wanted())
		return call_real(&all);
	if (b && fr_wait_readable(v, sizeof(*v)))
		h.addr = v->uaddr;
	h.timeout = left_until((const struct timespec *)d, (clockid_t)e);
	return wait_for_wake(&all, &h, FR_SITE());
}
