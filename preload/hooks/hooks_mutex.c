/* SPDX-License-Identifier: MIT */
/*
 * hooks_mutex.c - replacement functions: mutexes, of POSIX and of C11 (in glibc the same object).
 *
 * At level slow an uncontended lock+unlock is looked at and noted as held, nothing more: the mutex
 * word tells whether it is taken (before the lock) or waited for (before the unlock). Must not:
 * call the real function other than once (see wait_for), or look at the mutex after giving it back.
 */
#include <pthread.h>

#include "core/c11.h"
#include "core/real.h"
#include "record/locks.h"
#include "record/wait.h"
#include "steer/trigger.h"

/* Bits of __kind (glibc nptl/pthreadP.h) under which __lock holds a tid instead of 0, 1, 2. */
#define KIND_ROBUST 16
#define KIND_INHERIT 32
#define KIND_PROTECT 64
#define LOCK_WAITERS 0x80000000u /* FUTEX_WAITERS */

/* Acquired, whatever else it says. */
static inline bool got(int rc)
{
	return rc == 0 || rc == EOWNERDEAD;
}

static bool is_waited_for(const pthread_mutex_t *m)
{
	unsigned int word = (unsigned int)__atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED);
	int kind = m->__data.__kind;

	if (kind & (KIND_ROBUST | KIND_INHERIT))
		return (word & LOCK_WAITERS) != 0;
	if (kind & KIND_PROTECT)
		return (word & 0x7ffff) > 1; /* the ceiling stands above */
	return word > 1;
}

static inline bool seems_free(const pthread_mutex_t *m)
{
	return __atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED) == 0;
}

struct how {
	enum fr_hook via;
	clockid_t clock;
	const struct timespec *until;
};

static int real_lock(pthread_mutex_t *m, const struct how *h)
{
	switch (h->via) {
	case FR_HOOK_pthread_mutex_trylock:
		return FR_REAL(pthread_mutex_trylock)(m);
	case FR_HOOK_pthread_mutex_timedlock:
		return FR_REAL(pthread_mutex_timedlock)(m, h->until);
	case FR_HOOK_pthread_mutex_clocklock:
		return FR_REAL(pthread_mutex_clocklock)(m, h->clock, h->until);
	case FR_HOOK___pthread_mutex_lock:
		return FR_REAL_OLD(pthread_mutex_lock)(m);
	case FR_HOOK___pthread_mutex_trylock:
		return FR_REAL_OLD(pthread_mutex_trylock)(m);
	case FR_HOOK_mtx_lock:
		return fr_c11_errno(FR_REAL(mtx_lock)((mtx_t *)m));
	case FR_HOOK_mtx_trylock:
		return fr_c11_errno(FR_REAL(mtx_trylock)((mtx_t *)m));
	case FR_HOOK_mtx_timedlock:
		return fr_c11_errno(FR_REAL(mtx_timedlock)((mtx_t *)m, h->until));
	default:
		return FR_REAL(pthread_mutex_lock)(m);
	}
}

static bool only_tries(const struct how *h)
{
	return h->via == FR_HOOK_pthread_mutex_trylock || h->via == FR_HOOK_mtx_trylock ||
	       h->via == FR_HOOK___pthread_mutex_trylock;
}

/* `via` argument of an event: 0 for the plain call. */
static inline uint64_t via_of(const struct how *h)
{
	return h->via == FR_HOOK_pthread_mutex_lock ? 0 : (uint64_t)h->via;
}

/* No wait was seen. */
static void record_free_lock(pthread_mutex_t *m, const struct how *h, struct fr_site s, int rc)
{
	struct fr_thread *t = fr_enter();
	uint64_t now;
	uint32_t stack;

	if (!t)
		return;
	now = fr_clock_ticks();
	stack = fr_stack_get(t, s);
	if (got(rc))
		fr_held_push(t, (uint64_t)m, FR_HELD_MUTEX, now, stack);
	fr_put_cold(t, FR_EV_MUTEX_LOCK, FR_TIER_DENSE, now, stack,
		    FR_ARGS(MUTEX_LOCK, .lock = (uint64_t)m, .err = rc, .via = via_of(h)));
	fr_leave(t);
}

static void record_wait(pthread_mutex_t *m, const struct how *h, const struct fr_wait *w,
			uint32_t owner, int rc)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (!t)
		return;
	if (got(rc))
		fr_held_push(t, (uint64_t)m, FR_HELD_MUTEX, now, w->stack);
	fr_lock_waited((uint64_t)m, dur, w->stack, FR_HELD_MUTEX);
	fr_put_cold(t, FR_EV_MUTEX_LOCK, fr_wait_tier(dur, rc != 0), now, w->stack,
		    FR_ARGS(MUTEX_LOCK, .lock = (uint64_t)m, .dur = dur, .owner = owner, .err = rc,
			    .via = via_of(h)));
	fr_leave(t);
}

/* A failed trylock of a taken mutex: contention, but no wait. */
static int try_taken(pthread_mutex_t *m, const struct how *h, struct fr_site s, uint32_t owner)
{
	int rc = real_lock(m, h);
	struct fr_thread *t = fr_enter();

	if (!t)
		return rc;
	if (got(rc))
		fr_held_push(t, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
	fr_put_cold(t, FR_EV_MUTEX_LOCK, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(MUTEX_LOCK, .lock = (uint64_t)m, .owner = owner, .err = rc,
			    .via = via_of(h)));
	fr_leave(t);
	return rc;
}

/*
 * The real lock. Where FR_TRIGGER has `stuck`, the real lock with a time limit comes first: unless
 * it times out, its answer is the plain one's. Not for priority inheritance: which clocks the
 * kernel can wait by there depends on its version.
 */
static int wait_for(pthread_mutex_t *m, const struct how *h)
{
	struct timespec until;
	int rc;

	if (h->until || !fr_real.pthread_mutex_clocklock || (m->__data.__kind & KIND_INHERIT) ||
	    !fr_trigger_stuck_until(&until))
		return real_lock(m, h);
	rc = fr_real.pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &until);
	if (rc != ETIMEDOUT)
		return rc;
	fr_trigger_stuck_check();
	return real_lock(m, h);
}

/* The mutex is taken. Only a recursive one may be the caller's own. */
static FR_COLD int lock_taken(pthread_mutex_t *m, const struct how *h, struct fr_site s)
{
	uint32_t owner = (uint32_t)__atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED);
	bool again = owner && owner == fr_self->tid &&
		     (m->__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE_NP;
	struct fr_wait w;
	int rc;

	if (again) {
		rc = real_lock(m, h);
		if (FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_FULL)
			record_free_lock(m, h, s, rc);
		else if (got(rc))
			fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
		return rc;
	}
	if (only_tries(h))
		return try_taken(m, h, s, owner);
	fr_wait_begin(&w, s, h->via, (uint64_t)m, 0, owner);
	rc = wait_for(m, h);
	record_wait(m, h, &w, owner, rc);
	return rc;
}

/* It was free before the call, and contended after it: how long the wait was is not known. */
static FR_COLD void came_late(pthread_mutex_t *m)
{
	if (is_waited_for(m))
		fr_lock_late((uint64_t)m, FR_HELD_MUTEX);
}

static FR_COLD int lock_other(pthread_mutex_t *m, const struct how *h, struct fr_site s)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	int rc;

	if (level == FR_LEVEL_OFF)
		return real_lock(m, h);
	if (!seems_free(m))
		return lock_taken(m, h, s);
	rc = real_lock(m, h);
	if (level == FR_LEVEL_FULL || !got(rc))
		record_free_lock(m, h, s, rc);
	else
		fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
	return rc;
}

/* Level full, uncontended: hot. Not in the hook itself, whose frame shall stay small. */
static __attribute__((noinline)) int lock_full(pthread_mutex_t *m, uintptr_t pc, uintptr_t sp,
					       uintptr_t fp)
{
	static const struct how h = {.via = FR_HOOK_pthread_mutex_lock};
	struct fr_site s = {pc, sp, fp};
	struct fr_thread *t;
	uint32_t stack = 0;
	uint64_t now;
	int rc;

	if (unlikely(FR_LEVEL(FR_CLASS_LOCK) != FR_LEVEL_FULL || !seems_free(m)))
		return lock_other(m, &h, s);
	/* before the lock: walking a new stack takes microseconds in which nobody else shall wait
	 */
	t = fr_enter();
	if (likely(t != NULL)) {
		stack = fr_stack_get(t, s);
		fr_leave(t);
	}
	rc = fr_real.pthread_mutex_lock(m);
	if (unlikely(rc != 0)) {
		record_free_lock(m, &h, s, rc);
		return rc;
	}
	t = fr_enter();
	if (unlikely(!t))
		return rc;
	now = fr_clock_ticks();
	fr_held_push(t, (uint64_t)m, FR_HELD_MUTEX, now, stack);
	fr_put(t, FR_EV_MUTEX_LOCK, FR_TIER_DENSE, now, stack,
	       FR_ARGS(MUTEX_LOCK, .lock = (uint64_t)m));
	fr_leave(t);
	return rc;
}

/* It looked free, and the answer was not 0: a lost race, or the end of an owner. */
static FR_COLD int lock_odd(pthread_mutex_t *m, enum fr_hook via, struct fr_site s, int rc)
{
	const struct how h = {.via = via};

	if (got(rc))
		fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
	else
		record_free_lock(m, &h, s, rc);
	return rc;
}

FR_HOOK int pthread_mutex_lock(pthread_mutex_t *m)
{
	enum fr_level level = FR_LEVEL(FR_CLASS_LOCK);
	struct fr_site s;
	int rc;

	if (likely(level == FR_LEVEL_SLOW && seems_free(m))) {
		rc = fr_real.pthread_mutex_lock(m);
		if (unlikely(rc != 0))
			return lock_odd(m, FR_HOOK_pthread_mutex_lock, FR_SITE(), rc);
		fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
		if (unlikely((unsigned int)m->__data.__lock > 1))
			came_late(m);
		return rc;
	}
	if (level == FR_LEVEL_OFF)
		return fr_real.pthread_mutex_lock(m);
	s = FR_SITE();
	return lock_full(m, s.pc, s.sp, s.fp);
}

FR_HOOK int pthread_mutex_trylock(pthread_mutex_t *m)
{
	static const struct how h = {.via = FR_HOOK_pthread_mutex_trylock};
	int rc;

	if (unlikely(FR_LEVEL(FR_CLASS_LOCK) != FR_LEVEL_SLOW || !seems_free(m)))
		return lock_other(m, &h, FR_SITE());
	rc = fr_real.pthread_mutex_trylock(m);
	if (unlikely(rc != 0))
		return lock_odd(m, FR_HOOK_pthread_mutex_trylock, FR_SITE(), rc);
	fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
	return rc;
}

FR_HOOK int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_pthread_mutex_timedlock, .until = until};

	return lock_other(m, &h, FR_SITE());
}

FR_HOOK int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock,
				    const struct timespec *until)
{
	const struct how h = {FR_HOOK_pthread_mutex_clocklock, clock, until};

	return lock_other(m, &h, FR_SITE());
}

/*
 * Before the real unlock: from the next instruction on somebody else may own it, or free it. After
 * a long hold the release goes to the rare tier, like the waits it ends: else, at level full, they
 * would outlive it and nobody could say who made them wait.
 */
static FR_COLD void record_waited_unlock(pthread_mutex_t *m, uint64_t via, struct fr_site s)
{
	bool waited = is_waited_for(m);
	struct fr_thread *t;
	uint64_t now, since;

	if (!waited && FR_LEVEL(FR_CLASS_LOCK) != FR_LEVEL_FULL)
		return;
	t = fr_enter();
	if (!t)
		return;
	now = fr_clock_ticks();
	since = fr_held_since(t, (uint64_t)m);
	fr_put_cold(t, FR_EV_MUTEX_UNLOCK, fr_wait_tier(waited && since ? now - since : 0, false),
		    now, fr_stack_get(t, s),
		    FR_ARGS(MUTEX_UNLOCK, .lock = (uint64_t)m, .contended = waited, .via = via));
	fr_leave(t);
}

/* A limit for holds is set: is this one over? Told when somebody else can have the mutex. */
static FR_COLD int unlock_timed(pthread_mutex_t *m, struct fr_site s)
{
	uint64_t since = fr_held_since(fr_self, (uint64_t)m);
	int rc;

	record_waited_unlock(m, 0, s);
	fr_held_pop(fr_self, (uint64_t)m);
	rc = FR_REAL(pthread_mutex_unlock)(m);
	fr_trigger_held((uint64_t)m, since);
	return rc;
}

static FR_COLD int unlock_other(pthread_mutex_t *m, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	struct fr_site s = {pc, sp, fp};

	if (level == FR_LEVEL_OFF)
		return FR_REAL(pthread_mutex_unlock)(m);
	if (level == FR_LEVEL_FULL && fr_trigger_hold != UINT64_MAX)
		return unlock_timed(m, s);
	record_waited_unlock(m, 0, s);
	fr_held_pop(fr_self, (uint64_t)m);
	return FR_REAL(pthread_mutex_unlock)(m);
}

/* Level full, nobody waits: as lock_full(). */
static __attribute__((noinline)) int unlock_full(pthread_mutex_t *m, uintptr_t pc, uintptr_t sp,
						 uintptr_t fp)
{
	struct fr_site s = {pc, sp, fp};
	struct fr_thread *t = fr_self;

	if (unlikely(FR_LEVEL(FR_CLASS_LOCK) != FR_LEVEL_FULL || t->busy ||
		     fr_trigger_hold != UINT64_MAX || (unsigned int)m->__data.__lock > 1))
		return unlock_other(m, pc, sp, fp);
	fr_guard(t);
	fr_put(t, FR_EV_MUTEX_UNLOCK, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
	       FR_ARGS(MUTEX_UNLOCK, .lock = (uint64_t)m));
	fr_held_pop(t, (uint64_t)m);
	fr_leave(t);
	return fr_real.pthread_mutex_unlock(m);
}

/* A level tells that the real functions are known, too. */
FR_HOOK int pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct fr_thread *t = fr_self;
	struct fr_site s;

	if (likely(FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_SLOW &&
		   (unsigned int)m->__data.__lock <= 1 && fr_held_is_last(t, (uint64_t)m))) {
		t->rec->n_held--;
		return fr_real.pthread_mutex_unlock(m);
	}
	s = FR_SITE();
	return unlock_full(m, s.pc, s.sp, s.fp);
}

/* Of the other names, which are seldom called: since when it was held if that is of interest. */
static uint64_t before_unlock(pthread_mutex_t *m, enum fr_hook via, struct fr_site s)
{
	uint64_t since = 0;

	if (fr_level(FR_CLASS_LOCK) == FR_LEVEL_OFF)
		return 0;
	if (fr_trigger_hold != UINT64_MAX)
		since = fr_held_since(fr_self, (uint64_t)m);
	if ((unsigned int)m->__data.__lock > 1 || FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_FULL)
		record_waited_unlock(m, via, s);
	fr_held_pop(fr_self, (uint64_t)m);
	return since;
}

/* ---- old names ------------------------------------------------------------------------------- */

FR_HOOK int __pthread_mutex_lock(pthread_mutex_t *m)
{
	static const struct how h = {.via = FR_HOOK___pthread_mutex_lock};

	return lock_other(m, &h, FR_SITE());
}

FR_HOOK int __pthread_mutex_trylock(pthread_mutex_t *m)
{
	static const struct how h = {.via = FR_HOOK___pthread_mutex_trylock};

	return lock_other(m, &h, FR_SITE());
}

FR_HOOK int __pthread_mutex_unlock(pthread_mutex_t *m)
{
	uint64_t since = before_unlock(m, FR_HOOK___pthread_mutex_unlock, FR_SITE());
	int rc = FR_REAL_OLD(pthread_mutex_unlock)(m);

	if (unlikely(since))
		fr_trigger_held((uint64_t)m, since);
	return rc;
}

/* ---- C11 ------------------------------------------------------------------------------------- */

FR_HOOK int mtx_lock(mtx_t *mtx)
{
	static const struct how h = {.via = FR_HOOK_mtx_lock};
	pthread_mutex_t *m = (pthread_mutex_t *)mtx;
	int rc;

	if (likely(FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_SLOW && seems_free(m))) {
		rc = fr_real.mtx_lock(mtx);
		if (unlikely(rc != thrd_success))
			return fr_c11_result(
				lock_odd(m, FR_HOOK_mtx_lock, FR_SITE(), fr_c11_errno(rc)));
		fr_held_push(fr_self, (uint64_t)m, FR_HELD_MUTEX, 0, 0);
		if (unlikely((unsigned int)m->__data.__lock > 1))
			came_late(m);
		return rc;
	}
	return fr_c11_result(lock_other(m, &h, FR_SITE()));
}

FR_HOOK int mtx_trylock(mtx_t *m)
{
	static const struct how h = {.via = FR_HOOK_mtx_trylock};

	return fr_c11_result(lock_other((pthread_mutex_t *)m, &h, FR_SITE()));
}

FR_HOOK int mtx_timedlock(mtx_t *m, const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_mtx_timedlock, .until = until};

	return fr_c11_result(lock_other((pthread_mutex_t *)m, &h, FR_SITE()));
}

FR_HOOK int mtx_unlock(mtx_t *m)
{
	uint64_t since = before_unlock((pthread_mutex_t *)m, FR_HOOK_mtx_unlock, FR_SITE());
	int rc = FR_REAL(mtx_unlock)(m);

	if (unlikely(since))
		fr_trigger_held((uint64_t)m, since);
	return rc;
}
