/* SPDX-License-Identifier: MIT */
/*
 * hooks_life.c - replacement functions: locks made and destroyed.
 *
 * Recorded at level full, and when they fail. A destroy that fails (EBUSY) is in the recording
 * with its error: the lock lives on. Destroys are stamped before the real call, after which the
 * memory may be another lock.
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

/* VALUE: kind of a mutex, first value of a semaphore, threads of a barrier; none of a failure. */
static void record_init(const volatile void *lock, uint64_t value, int err, enum fr_hook via,
			struct fr_site s)
{
	struct fr_thread *t;

	if (!wanted(err))
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_put_cold(t, FR_EV_LOCK_INIT, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(LOCK_INIT, .lock = (uint64_t)lock, .value = err ? 0 : value, .err = err,
			    .via = via));
	fr_leave(t);
}

/* ---- made ------------------------------------------------------------------------------------ */

/* Of a failure nothing is known: the real function may never have looked at M. */
static uint64_t kind_of(const void *m, int rc)
{
	return rc ? 0 : ((const pthread_mutex_t *)m)->__data.__kind & 3;
}

FR_HOOK int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	int rc = FR_REAL(pthread_mutex_init)(m, attr);

	record_init(m, kind_of(m, rc), rc, FR_HOOK_pthread_mutex_init, FR_SITE());
	return rc;
}

FR_HOOK int __pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	int rc = FR_REAL_OLD(pthread_mutex_init)(m, attr);

	record_init(m, kind_of(m, rc), rc, FR_HOOK___pthread_mutex_init, FR_SITE());
	return rc;
}

FR_HOOK int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
	int rc = FR_REAL(pthread_rwlock_init)(l, attr);

	record_init(l, 0, rc, FR_HOOK_pthread_rwlock_init, FR_SITE());
	return rc;
}

FR_HOOK int __pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
	int rc = FR_REAL_OLD(pthread_rwlock_init)(l, attr);

	record_init(l, 0, rc, FR_HOOK___pthread_rwlock_init, FR_SITE());
	return rc;
}

FR_HOOK int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	int rc = FR_REAL(pthread_cond_init)(c, attr);

	record_init(c, 0, rc, FR_HOOK_pthread_cond_init, FR_SITE());
	return rc;
}

FR_HOOK int pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *attr,
				 unsigned int count)
{
	int rc = FR_REAL(pthread_barrier_init)(b, attr, count);

	record_init(b, count, rc, FR_HOOK_pthread_barrier_init, FR_SITE());
	return rc;
}

FR_HOOK int pthread_spin_init(pthread_spinlock_t *l, int shared)
{
	int rc = FR_REAL(pthread_spin_init)(l, shared);

	record_init(l, 0, rc, FR_HOOK_pthread_spin_init, FR_SITE());
	return rc;
}

FR_HOOK int sem_init(sem_t *sem, int shared, unsigned int value)
{
	int rc = FR_REAL(sem_init)(sem, shared, value);

	record_init(sem, value, fr_err_of(rc), FR_HOOK_sem_init, FR_SITE());
	return rc;
}

FR_HOOK int mtx_init(mtx_t *m, int type)
{
	int rc = FR_REAL(mtx_init)(m, type);

	record_init(m, kind_of(m, rc), fr_c11_errno(rc), FR_HOOK_mtx_init, FR_SITE());
	return rc;
}

FR_HOOK int cnd_init(cnd_t *c)
{
	int rc = FR_REAL(cnd_init)(c);

	record_init(c, 0, fr_c11_errno(rc), FR_HOOK_cnd_init, FR_SITE());
	return rc;
}

/* ---- destroyed ------------------------------------------------------------------------------- */

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
static bool in_use(const pthread_cond_t *c)
{
	return __atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED) >> 3;
}

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

	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF && in_use(c)) {
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

	if (fr_level(FR_CLASS_LOCK) != FR_LEVEL_OFF && in_use(c)) {
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

FR_HOOK int pthread_mutex_destroy(pthread_mutex_t *m)
{
	uint64_t before = stamp();
	int rc = FR_REAL(pthread_mutex_destroy)(m);

	record_destroy(m, before, rc, FR_HOOK_pthread_mutex_destroy, FR_SITE());
	return rc;
}

FR_HOOK int __pthread_mutex_destroy(pthread_mutex_t *m)
{
	uint64_t before = stamp();
	int rc = FR_REAL_OLD(pthread_mutex_destroy)(m);

	record_destroy(m, before, rc, FR_HOOK___pthread_mutex_destroy, FR_SITE());
	return rc;
}

FR_HOOK int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	uint64_t before = stamp();
	int rc = FR_REAL(pthread_rwlock_destroy)(l);

	record_destroy(l, before, rc, FR_HOOK_pthread_rwlock_destroy, FR_SITE());
	return rc;
}

FR_HOOK int __pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	uint64_t before = stamp();
	int rc = FR_REAL_OLD(pthread_rwlock_destroy)(l);

	record_destroy(l, before, rc, FR_HOOK___pthread_rwlock_destroy, FR_SITE());
	return rc;
}

FR_HOOK int pthread_barrier_destroy(pthread_barrier_t *b)
{
	uint64_t before = stamp();
	int rc = FR_REAL(pthread_barrier_destroy)(b);

	record_destroy(b, before, rc, FR_HOOK_pthread_barrier_destroy, FR_SITE());
	return rc;
}

FR_HOOK int pthread_spin_destroy(pthread_spinlock_t *l)
{
	uint64_t before = stamp();
	int rc = FR_REAL(pthread_spin_destroy)(l);

	record_destroy(l, before, rc, FR_HOOK_pthread_spin_destroy, FR_SITE());
	return rc;
}

FR_HOOK int sem_destroy(sem_t *sem)
{
	uint64_t before = stamp();
	int rc = FR_REAL(sem_destroy)(sem);

	record_destroy(sem, before, fr_err_of(rc), FR_HOOK_sem_destroy, FR_SITE());
	return rc;
}

FR_HOOK int sem_close(sem_t *sem)
{
	uint64_t before = stamp();
	int rc = FR_REAL(sem_close)(sem);

	record_destroy(sem, before, fr_err_of(rc), FR_HOOK_sem_close, FR_SITE());
	return rc;
}
