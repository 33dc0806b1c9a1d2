/* SPDX-License-Identifier: MIT */
/*
 * hooks_spin.c - replacement functions: spin locks.
 *
 * The word (glibc pthread_spin_lock): x86-64 counts down from 1 = free, below 0 = others spin;
 * elsewhere 0 = free and nothing tells of others. Read as a hint before the one real call.
 * Must not: look at the lock after giving it back.
 */
#include <pthread.h>

#include "core/real.h"
#include "record/locks.h"
#include "record/wait.h"
#include "steer/trigger.h"

static inline int word_of(const pthread_spinlock_t *l)
{
	return __atomic_load_n(l, __ATOMIC_RELAXED);
}

#if defined(__x86_64__)
static inline bool seems_free(const pthread_spinlock_t *l)
{
	return word_of(l) > 0;
}
static inline bool is_waited_for(const pthread_spinlock_t *l)
{
	return word_of(l) < 0;
}
#else
static inline bool seems_free(const pthread_spinlock_t *l)
{
	return word_of(l) == 0;
}
static inline bool is_waited_for(const pthread_spinlock_t *l)
{
	return false;
}
#endif

/* No wait was seen: the plain call that took it, at level full. */
static __attribute__((noinline)) void record_taken(pthread_spinlock_t *l, struct fr_site s)
{
	struct fr_thread *t = fr_enter();
	uint64_t now;
	uint32_t stack;

	if (unlikely(!t))
		return;
	now = fr_clock_ticks_after();
	stack = fr_stack_get(t, s);
	fr_held_push(t, (uint64_t)l, FR_HELD_SPIN, now, stack);
	fr_put(t, FR_EV_SPIN_LOCK, FR_TIER_DENSE, now, stack,
	       FR_ARGS(SPIN_LOCK, .lock = (uint64_t)l));
	fr_leave(t);
}

/* Every other call that did not wait. */
static FR_COLD void record_try(pthread_spinlock_t *l, struct fr_site s, int rc)
{
	struct fr_thread *t = fr_enter();
	uint64_t now;
	uint32_t stack;

	if (!t)
		return;
	now = fr_clock_ticks_after();
	stack = fr_stack_get(t, s);
	if (rc == 0)
		fr_held_push(t, (uint64_t)l, FR_HELD_SPIN, now, stack);
	fr_put_cold(t, FR_EV_SPIN_LOCK, FR_TIER_DENSE, now, stack,
		    FR_ARGS(SPIN_LOCK, .lock = (uint64_t)l, .err = rc,
			    .via = FR_HOOK_pthread_spin_trylock));
	fr_leave(t);
}

static FR_COLD int lock_taken(pthread_spinlock_t *l, struct fr_site s)
{
	uint64_t now, dur;
	struct fr_thread *t;
	struct fr_wait w;
	int rc;

	fr_wait_begin(&w, s, FR_HOOK_pthread_spin_lock, (uint64_t)l, 0, 0);
	rc = FR_REAL(pthread_spin_lock)(l);
	t = fr_wait_end(&w, &now, &dur);
	if (!t)
		return rc;
	fr_held_push(t, (uint64_t)l, FR_HELD_SPIN, now, w.stack);
	fr_lock_waited((uint64_t)l, dur, w.stack, FR_HELD_SPIN);
	fr_put_cold(t, FR_EV_SPIN_LOCK, fr_wait_tier(dur, false), now, w.stack,
		    FR_ARGS(SPIN_LOCK, .lock = (uint64_t)l, .dur = dur, .err = rc));
	fr_leave(t);
	return rc;
}

FR_HOOK int pthread_spin_lock(pthread_spinlock_t *l)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	int rc;

	if (level == FR_LEVEL_OFF)
		return FR_REAL(pthread_spin_lock)(l);
	if (!seems_free(l))
		return lock_taken(l, FR_SITE());
	rc = FR_REAL(pthread_spin_lock)(l);
	if (level == FR_LEVEL_FULL)
		record_taken(l, FR_SITE());
	else
		fr_held_push(fr_self, (uint64_t)l, FR_HELD_SPIN, 0, 0);
	return rc;
}

FR_HOOK int pthread_spin_trylock(pthread_spinlock_t *l)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	int rc = FR_REAL(pthread_spin_trylock)(l);

	if (level == FR_LEVEL_OFF)
		return rc;
	if (level == FR_LEVEL_FULL || rc != 0)
		record_try(l, FR_SITE(), rc);
	else
		fr_held_push(fr_self, (uint64_t)l, FR_HELD_SPIN, 0, 0);
	return rc;
}

static __attribute__((noinline)) void record_uncontended_unlock(const pthread_spinlock_t *l,
								struct fr_site s)
{
	struct fr_thread *t = fr_enter();

	if (unlikely(!t))
		return;
	fr_put(t, FR_EV_SPIN_UNLOCK, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
	       FR_ARGS(SPIN_UNLOCK, .lock = (uint64_t)l));
	fr_leave(t);
}

static FR_COLD void record_unlock(pthread_spinlock_t *l, struct fr_site s)
{
	struct fr_thread *t = fr_enter();
	uint64_t now, since;

	if (!t)
		return;
	now = fr_clock_ticks();
	since = fr_held_since(t, (uint64_t)l);
	fr_put_cold(t, FR_EV_SPIN_UNLOCK, fr_wait_tier(since ? now - since : 0, false), now,
		    fr_stack_get(t, s), FR_ARGS(SPIN_UNLOCK, .lock = (uint64_t)l, .contended = 1));
	fr_leave(t);
}

FR_HOOK int pthread_spin_unlock(pthread_spinlock_t *l)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	uint64_t since = 0;
	int rc;

	if (level == FR_LEVEL_OFF)
		return FR_REAL(pthread_spin_unlock)(l);
	if (unlikely(fr_trigger_hold != UINT64_MAX))
		since = fr_held_since(fr_self, (uint64_t)l);
	if (unlikely(is_waited_for(l)))
		record_unlock(l, FR_SITE());
	else if (level == FR_LEVEL_FULL)
		record_uncontended_unlock(l, FR_SITE());
	fr_held_pop(fr_self, (uint64_t)l);
	rc = FR_REAL(pthread_spin_unlock)(l);
	if (unlikely(since))
		fr_trigger_held((uint64_t)l, since);
	return rc;
}
