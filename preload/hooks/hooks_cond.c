/* SPDX-License-Identifier: MIT */
/*
 * hooks_cond.c - replacement functions: condition variables, of POSIX and of C11 (in glibc the
 * same object).
 *
 * A wait gives the mutex back and takes it again inside libc, where no hook sees it: so the hook
 * says that the mutex is not held meanwhile, and records the release if somebody waits for it.
 * The number of waiters is __wrefs >> 3 (glibc nptl/pthread_cond_common.c).
 */
#include <pthread.h>

#include "core/c11.h"
#include "core/real.h"
#include "record/wait.h"
#include "steer/trigger.h"

struct how {
	enum fr_hook via;
	clockid_t clock;
	const struct timespec *until;
};

static int real_wait(pthread_cond_t *c, pthread_mutex_t *m, const struct how *h)
{
	switch (h->via) {
	case FR_HOOK_pthread_cond_timedwait:
		return FR_REAL(pthread_cond_timedwait)(c, m, h->until);
	case FR_HOOK_pthread_cond_clockwait:
		return FR_REAL(pthread_cond_clockwait)(c, m, h->clock, h->until);
	case FR_HOOK_cnd_wait:
		return fr_c11_errno(FR_REAL(cnd_wait)((cnd_t *)c, (mtx_t *)m));
	case FR_HOOK_cnd_timedwait:
		return fr_c11_errno(FR_REAL(cnd_timedwait)((cnd_t *)c, (mtx_t *)m, h->until));
	default:
		return FR_REAL(pthread_cond_wait)(c, m);
	}
}

/* The mutex is given back by the wait: as in pthread_mutex_unlock. */
static void record_release(pthread_mutex_t *m, struct fr_site s, const struct how *h, bool full)
{
	bool waited = (unsigned int)m->__data.__lock > 1;
	struct fr_thread *t;

	if (unlikely(fr_trigger_hold != UINT64_MAX))
		fr_trigger_held((uint64_t)m, fr_held_since(fr_self, (uint64_t)m));
	t = fr_enter();
	if (!t)
		return;
	fr_held_pop(t, (uint64_t)m);
	if (waited || full)
		fr_put_cold(t, FR_EV_MUTEX_UNLOCK, FR_TIER_DENSE, fr_clock_ticks(),
			    fr_stack_get(t, s),
			    FR_ARGS(MUTEX_UNLOCK, .lock = (uint64_t)m, .contended = waited,
				    .via = h->via));
	fr_leave(t);
}

static void record_wait(pthread_cond_t *c, pthread_mutex_t *m, const struct how *h,
			const struct fr_wait *w, int rc)
{
	uint64_t via = h->via == FR_HOOK_pthread_cond_wait ? 0 : (uint64_t)h->via;
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (!t)
		return;
	if (rc == 0 || rc == ETIMEDOUT || rc == EOWNERDEAD)
		fr_held_push(t, (uint64_t)m, FR_HELD_MUTEX, now, w->stack);
	fr_put_cold(t, FR_EV_COND_WAIT, fr_wait_tier(dur, rc != 0 && rc != ETIMEDOUT), now,
		    w->stack,
		    FR_ARGS(COND_WAIT, .cond = (uint64_t)c, .lock = (uint64_t)m, .dur = dur,
			    .err = rc, .via = via));
	fr_leave(t);
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, const struct how *h, struct fr_site s)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	struct fr_wait w;
	int rc;

	if (level == FR_LEVEL_OFF)
		return real_wait(c, m, h);
	record_release(m, s, h, level == FR_LEVEL_FULL);
	fr_wait_begin(&w, s, h->via, (uint64_t)c, (uint64_t)m, 0);
	rc = real_wait(c, m, h);
	record_wait(c, m, h, &w, rc);
	return rc;
}

FR_HOOK int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	const struct how h = {.via = FR_HOOK_pthread_cond_wait};

	return cond_wait(c, m, &h, FR_SITE());
}

FR_HOOK int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
				   const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_pthread_cond_timedwait, .until = until};

	return cond_wait(c, m, &h, FR_SITE());
}

FR_HOOK int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
				   const struct timespec *until)
{
	const struct how h = {FR_HOOK_pthread_cond_clockwait, clock, until};

	return cond_wait(c, m, &h, FR_SITE());
}

FR_SAME_ARGS(COND_SIGNAL, COND_BROADCAST);

/* A signal that nobody waits for is recorded at level full only. */
static void record_wake(pthread_cond_t *c, enum fr_event ev, uint64_t via, struct fr_site s)
{
	uint32_t waiters = __atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED) >> 3;
	struct fr_thread *t;

	if (!waiters && FR_LEVEL(FR_CLASS_LOCK) != FR_LEVEL_FULL)
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_put_cold(t, ev, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(COND_SIGNAL, .cond = (uint64_t)c, .waiters = waiters, .via = via));
	fr_leave(t);
}

FR_HOOK int pthread_cond_signal(pthread_cond_t *c)
{
	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF)
		record_wake(c, FR_EV_COND_SIGNAL, 0, FR_SITE());
	return FR_REAL(pthread_cond_signal)(c);
}

FR_HOOK int pthread_cond_broadcast(pthread_cond_t *c)
{
	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF)
		record_wake(c, FR_EV_COND_BROADCAST, 0, FR_SITE());
	return FR_REAL(pthread_cond_broadcast)(c);
}

/* ---- C11 ------------------------------------------------------------------------------------- */

FR_HOOK int cnd_wait(cnd_t *c, mtx_t *m)
{
	const struct how h = {.via = FR_HOOK_cnd_wait};

	return fr_c11_result(cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m, &h, FR_SITE()));
}

FR_HOOK int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_cnd_timedwait, .until = until};

	return fr_c11_result(cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m, &h, FR_SITE()));
}

FR_HOOK int cnd_signal(cnd_t *c)
{
	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF)
		record_wake((pthread_cond_t *)c, FR_EV_COND_SIGNAL, FR_HOOK_cnd_signal, FR_SITE());
	return FR_REAL(cnd_signal)(c);
}

FR_HOOK int cnd_broadcast(cnd_t *c)
{
	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF)
		record_wake((pthread_cond_t *)c, FR_EV_COND_BROADCAST, FR_HOOK_cnd_broadcast,
			    FR_SITE());
	return FR_REAL(cnd_broadcast)(c);
}
