/* SPDX-License-Identifier: MIT */
/*
 * hooks_life.c - replacement functions: locks made and destroyed.
 *
 * Recorded at level full, and when they fail. A destroy that fails (EBUSY) is in the recording
 * with its error: the lock lives on. Destroys are stamped before the real call, after which the
 * memory may be another lock. One row per function at the end.
 */
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "core/c11.h"
#include "core/real.h"
#include "record/wait.h"

static bool wanted(int err)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);

	return level == FR_LEVEL_FULL || (level == FR_LEVEL_SLOW && err);
}

/* VALUE: kind of a mutex, first value of a semaphore, threads of a barrier. */
static void record_init(const volatile void *lock, uint64_t value, int err, enum fr_hook via,
			struct fr_site s)
{
	struct fr_thread *t;

	if (!wanted(err))
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_put_cold(
		t, FR_EV_LOCK_INIT, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		FR_ARGS(LOCK_INIT, .lock = (uint64_t)lock, .value = value, .err = err, .via = via));
	fr_leave(t);
}

/* 0 where only a failure would be recorded: that gave nothing back, any time will do. */
static uint64_t stamp(void)
{
	return fr_level(FR_CLASS_LOCK) == FR_LEVEL_FULL ? fr_clock_ticks() : 0;
}

static void record_destroy(const volatile void *lock, uint64_t before, int err, enum fr_hook via,
			   struct fr_site s)
{
	struct fr_thread *t;

	if (!wanted(err))
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_put_cold(t, FR_EV_LOCK_DESTROY, FR_TIER_DENSE, before ? before : fr_clock_ticks(),
		    fr_stack_get(t, s),
		    FR_ARGS(LOCK_DESTROY, .lock = (uint64_t)lock, .err = err, .via = via));
	fr_leave(t);
}

/* Destroying a condition waits until its waiters have left (glibc: __wrefs >> 3 of them). */
#define IN_USE(c) (__atomic_load_n(&(c)->__data.__wrefs, __ATOMIC_RELAXED) >> 3)

static void record_slow_destroy(const void *lock, const struct fr_wait *w, int err,
				enum fr_hook via)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (!t)
		return;
	if (FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_FULL || err || dur >= fr_slow_ticks)
		fr_put_cold(t, FR_EV_LOCK_DESTROY, fr_wait_tier(dur, err != 0), now, w->stack,
			    FR_ARGS(LOCK_DESTROY, .lock = (uint64_t)lock, .dur = dur, .err = err,
				    .via = via));
	fr_leave(t);
}

FR_HOOK int pthread_cond_destroy(pthread_cond_t *c)
{
	uint64_t before = stamp();
	struct fr_wait w;
	int rc;

	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF && IN_USE(c)) {
		fr_wait_begin(&w, FR_SITE(), FR_HOOK_pthread_cond_destroy, (uint64_t)c, 0, 0);
		rc = FR_REAL(pthread_cond_destroy)(c);
		record_slow_destroy(c, &w, rc, FR_HOOK_pthread_cond_destroy);
		return rc;
	}
	rc = FR_REAL(pthread_cond_destroy)(c);
	record_destroy(c, before, rc, FR_HOOK_pthread_cond_destroy, FR_SITE());
	return rc;
}

FR_HOOK void cnd_destroy(cnd_t *cnd)
{
	pthread_cond_t *c = (pthread_cond_t *)cnd;
	uint64_t before = stamp();
	struct fr_wait w;

	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF && IN_USE(c)) {
		fr_wait_begin(&w, FR_SITE(), FR_HOOK_cnd_destroy, (uint64_t)c, 0, 0);
		FR_REAL(cnd_destroy)(cnd);
		record_slow_destroy(c, &w, 0, FR_HOOK_cnd_destroy);
		return;
	}
	FR_REAL(cnd_destroy)(cnd);
	record_destroy(c, before, 0, FR_HOOK_cnd_destroy, FR_SITE());
}

FR_HOOK void mtx_destroy(mtx_t *m)
{
	uint64_t before = stamp();

	FR_REAL(mtx_destroy)(m);
	record_destroy(m, before, 0, FR_HOOK_mtx_destroy, FR_SITE());
}

#define INIT(fn, params, args, value, err) INIT_BY(fn, FR_REAL(fn), params, args, value, err)
#define INIT_BY(fn, real, params, args, value, err)                                                \
	FR_HOOK int fn params                                                                      \
	{                                                                                          \
		int rc = real args;                                                                \
                                                                                                   \
		record_init(lock, rc ? 0 : (uint64_t)(value), err, FR_HOOK_##fn, FR_SITE());       \
		return rc;                                                                         \
	}
#define DESTROY(fn, type, err) DESTROY_BY(fn, FR_REAL(fn), type, err)
#define DESTROY_BY(fn, real, type, err)                                                            \
	FR_HOOK int fn(type *lock)                                                                 \
	{                                                                                          \
		uint64_t before = stamp();                                                         \
		int rc = real(lock);                                                               \
                                                                                                   \
		record_destroy(lock, before, err, FR_HOOK_##fn, FR_SITE());                        \
		return rc;                                                                         \
	}
#define KIND(m) (((const pthread_mutex_t *)(m))->__data.__kind & 3)
#define ERRNO (rc ? errno : 0)

INIT(pthread_mutex_init, (pthread_mutex_t * lock, const pthread_mutexattr_t *attr), (lock, attr),
     KIND(lock), rc)
INIT(pthread_rwlock_init, (pthread_rwlock_t * lock, const pthread_rwlockattr_t *attr), (lock, attr),
     0, rc)
INIT(pthread_cond_init, (pthread_cond_t * lock, const pthread_condattr_t *attr), (lock, attr), 0,
     rc)
INIT(pthread_barrier_init,
     (pthread_barrier_t * lock, const pthread_barrierattr_t *attr, unsigned int count),
     (lock, attr, count), count, rc)
INIT(pthread_spin_init, (pthread_spinlock_t * lock, int shared), (lock, shared), 0, rc)
INIT(sem_init, (sem_t * lock, int shared, unsigned int value), (lock, shared, value), value, ERRNO)
INIT(mtx_init, (mtx_t * lock, int type), (lock, type), KIND(lock), fr_c11_errno(rc))
INIT(cnd_init, (cnd_t * lock), (lock), 0, fr_c11_errno(rc))

DESTROY(pthread_mutex_destroy, pthread_mutex_t, rc)
DESTROY(pthread_rwlock_destroy, pthread_rwlock_t, rc)
DESTROY(pthread_barrier_destroy, pthread_barrier_t, rc)
DESTROY(pthread_spin_destroy, pthread_spinlock_t, rc)
DESTROY(sem_destroy, sem_t, ERRNO)
DESTROY(sem_close, sem_t, ERRNO)

INIT_BY(__pthread_mutex_init, FR_REAL_OLD(pthread_mutex_init),
	(pthread_mutex_t * lock, const pthread_mutexattr_t *attr), (lock, attr), KIND(lock), rc)
INIT_BY(__pthread_rwlock_init, FR_REAL_OLD(pthread_rwlock_init),
	(pthread_rwlock_t * lock, const pthread_rwlockattr_t *attr), (lock, attr), 0, rc)
DESTROY_BY(__pthread_mutex_destroy, FR_REAL_OLD(pthread_mutex_destroy), pthread_mutex_t, rc)
DESTROY_BY(__pthread_rwlock_destroy, FR_REAL_OLD(pthread_rwlock_destroy), pthread_rwlock_t, rc)
