/* SPDX-License-Identifier: MIT */
/*
 * hooks_rwlock.c - replacement functions: read-write locks.
 *
 * The lock's words (glibc nptl/pthread_rwlock_common.c): __cur_writer is the tid of the writer
 * that holds it; __readers >> 3 counts readers that hold it or, while a writer does, wait;
 * __writers counts waiting writers. Read as hints before the one real call.
 */
#include <pthread.h>

#include "core/real.h"
#include "record/locks.h"
#include "record/wait.h"
#include "steer/trigger.h"

#define READER_SHIFT 3
#define WRITERS_TURN 1u /* PTHREAD_RWLOCK_WRPHASE */
#define WRITER_MARK 2u /* PTHREAD_RWLOCK_WRLOCKED */

struct how {
	enum fr_hook via;
	bool write;
	bool try;
	clockid_t clock;
	const struct timespec *until;
};

static int real_lock(pthread_rwlock_t *l, const struct how *h)
{
	switch (h->via) {
	case FR_HOOK_pthread_rwlock_rdlock:
		return FR_REAL(pthread_rwlock_rdlock)(l);
	case FR_HOOK_pthread_rwlock_tryrdlock:
		return FR_REAL(pthread_rwlock_tryrdlock)(l);
	case FR_HOOK_pthread_rwlock_timedrdlock:
		return FR_REAL(pthread_rwlock_timedrdlock)(l, h->until);
	case FR_HOOK_pthread_rwlock_clockrdlock:
		return FR_REAL(pthread_rwlock_clockrdlock)(l, h->clock, h->until);
	case FR_HOOK_pthread_rwlock_wrlock:
		return FR_REAL(pthread_rwlock_wrlock)(l);
	case FR_HOOK_pthread_rwlock_trywrlock:
		return FR_REAL(pthread_rwlock_trywrlock)(l);
	case FR_HOOK_pthread_rwlock_timedwrlock:
		return FR_REAL(pthread_rwlock_timedwrlock)(l, h->until);
	case FR_HOOK___pthread_rwlock_rdlock:
		return FR_REAL_OLD(pthread_rwlock_rdlock)(l);
	case FR_HOOK___pthread_rwlock_tryrdlock:
		return FR_REAL_OLD(pthread_rwlock_tryrdlock)(l);
	case FR_HOOK___pthread_rwlock_wrlock:
		return FR_REAL_OLD(pthread_rwlock_wrlock)(l);
	case FR_HOOK___pthread_rwlock_trywrlock:
		return FR_REAL_OLD(pthread_rwlock_trywrlock)(l);
	default:
		return FR_REAL(pthread_rwlock_clockwrlock)(l, h->clock, h->until);
	}
}

/*
 * A lock that prefers writers lets no reader in behind one that waits, whether or not it reads
 * already: READERS says so as long as it is the readers' turn.
 */
static bool waits_for_writer(const pthread_rwlock_t *l, unsigned int readers)
{
	return l->__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP &&
	       !(readers & WRITERS_TURN) && (readers & WRITER_MARK) && readers >> READER_SHIFT;
}

static bool taken(const pthread_rwlock_t *l, bool write)
{
	unsigned int readers;

	if (__atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED))
		return true;
	readers = __atomic_load_n(&l->__data.__readers, __ATOMIC_RELAXED);
	return write ? readers >> READER_SHIFT : waits_for_writer(l, readers);
}

/*
 * The first writer that waits for readers only marks the lock as its own; __writers counts those
 * behind it. Readers that wait are counted like those that have it.
 */
static bool is_waited_for(const pthread_rwlock_t *l)
{
	unsigned int readers = __atomic_load_n(&l->__data.__readers, __ATOMIC_RELAXED);

	if (__atomic_load_n(&l->__data.__writers, __ATOMIC_RELAXED))
		return true;
	return l->__data.__cur_writer ? readers >> READER_SHIFT : readers & WRITER_MARK;
}

static enum fr_event event_of(const struct how *h)
{
	return h->write ? FR_EV_RWLOCK_WRLOCK : FR_EV_RWLOCK_RDLOCK;
}

static enum fr_held_kind held_of(const struct how *h)
{
	return h->write ? FR_HELD_WRLOCK : FR_HELD_RDLOCK;
}

static uint64_t via_of(const struct how *h)
{
	bool plain =
		h->via == FR_HOOK_pthread_rwlock_rdlock || h->via == FR_HOOK_pthread_rwlock_wrlock;

	return plain ? 0 : (uint64_t)h->via;
}

FR_SAME_ARGS(RWLOCK_RDLOCK, RWLOCK_WRLOCK);

/* No wait: RC 0 at level full, or a failure. */
static void record_at_once(pthread_rwlock_t *l, const struct how *h, struct fr_site s,
			   uint32_t owner, int rc)
{
	uint64_t now;
	uint32_t stack;
	struct fr_thread *t = fr_lock_at_once((uint64_t)l, held_of(h), s, rc, &now, &stack);

	if (!t)
		return;
	fr_put_cold(t, event_of(h), FR_TIER_DENSE, now, stack,
		    FR_ARGS(RWLOCK_RDLOCK, .lock = (uint64_t)l, .owner = owner, .err = rc,
			    .via = via_of(h)));
	fr_leave(t);
}

static void record_wait(pthread_rwlock_t *l, const struct how *h, const struct fr_wait *w,
			uint32_t owner, int rc)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (!t)
		return;
	if (rc == 0)
		fr_held_push(t, (uint64_t)l, held_of(h), now, w->stack);
	fr_lock_waited((uint64_t)l, dur, w->stack, held_of(h));
	fr_put_cold(t, event_of(h), fr_wait_tier(dur, rc != 0), now, w->stack,
		    FR_ARGS(RWLOCK_RDLOCK, .lock = (uint64_t)l, .dur = dur, .owner = owner,
			    .err = rc, .via = via_of(h)));
	fr_leave(t);
}

/* As wait_for() of hooks_mutex.c. */
static int wait_for(pthread_rwlock_t *l, const struct how *h)
{
	struct timespec until;
	int rc;

	if (h->until || !fr_real.pthread_rwlock_clockrdlock ||
	    !fr_real.pthread_rwlock_clockwrlock || !fr_trigger_stuck_until(&until))
		return real_lock(l, h);
	rc = h->write ? fr_real.pthread_rwlock_clockwrlock(l, CLOCK_MONOTONIC, &until)
		      : fr_real.pthread_rwlock_clockrdlock(l, CLOCK_MONOTONIC, &until);
	if (rc != ETIMEDOUT)
		return rc;
	fr_trigger_stuck_check();
	return real_lock(l, h);
}

static int lock(pthread_rwlock_t *l, const struct how *h, struct fr_site s)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	uint32_t owner;
	struct fr_wait w;
	int rc;

	if (level == FR_LEVEL_OFF)
		return real_lock(l, h);
	owner = (uint32_t)__atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED);
	if (!h->try && taken(l, h->write)) {
		fr_wait_begin(&w, s, h->via, (uint64_t)l, 0, owner);
		rc = wait_for(l, h);
		record_wait(l, h, &w, owner, rc);
		return rc;
	}
	rc = real_lock(l, h);
	if (level == FR_LEVEL_FULL || rc != 0)
		record_at_once(l, h, s, owner, rc);
	else
		fr_held_push(fr_self, (uint64_t)l, held_of(h), 0, 0);
	return rc;
}

FR_HOOK int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_rdlock};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_tryrdlock, .try = true};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_timedrdlock, .until = until};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_clockrdlock(pthread_rwlock_t *l, clockid_t clock,
				       const struct timespec *until)
{
	const struct how h = {
		.via = FR_HOOK_pthread_rwlock_clockrdlock, .clock = clock, .until = until};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_wrlock, .write = true};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_trywrlock, .write = true, .try = true};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *until)
{
	const struct how h = {
		.via = FR_HOOK_pthread_rwlock_timedwrlock, .write = true, .until = until};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int pthread_rwlock_clockwrlock(pthread_rwlock_t *l, clockid_t clock,
				       const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_pthread_rwlock_clockwrlock,
			      .write = true,
			      .clock = clock,
			      .until = until};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int __pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK___pthread_rwlock_rdlock};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int __pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK___pthread_rwlock_tryrdlock, .try = true};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int __pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	const struct how h = {.via = FR_HOOK___pthread_rwlock_wrlock, .write = true};

	return lock(l, &h, FR_SITE());
}

FR_HOOK int __pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	const struct how h = {
		.via = FR_HOOK___pthread_rwlock_trywrlock, .write = true, .try = true};

	return lock(l, &h, FR_SITE());
}

static void record_unlock(pthread_rwlock_t *l, struct fr_site s, bool waited, uint64_t via)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_RWLOCK_UNLOCK, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(RWLOCK_UNLOCK, .lock = (uint64_t)l, .contended = waited, .via = via));
	fr_leave(t);
}

/* Since when it was held, if a condition asks for that. */
static uint64_t before_unlock(pthread_rwlock_t *l, uint64_t via, struct fr_site s)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	uint64_t since = 0;
	bool waited;

	if (level == FR_LEVEL_OFF)
		return 0;
	waited = is_waited_for(l);
	if (unlikely(fr_trigger_hold != UINT64_MAX))
		since = fr_held_since(fr_self, (uint64_t)l);
	fr_held_pop(fr_self, (uint64_t)l);
	if (waited || level == FR_LEVEL_FULL)
		record_unlock(l, s, waited, via);
	return since;
}

FR_HOOK int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	uint64_t since = before_unlock(l, 0, FR_SITE());
	int rc = FR_REAL(pthread_rwlock_unlock)(l);

	if (unlikely(since))
		fr_trigger_held((uint64_t)l, since);
	return rc;
}

FR_HOOK int __pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	uint64_t since = before_unlock(l, FR_HOOK___pthread_rwlock_unlock, FR_SITE());
	int rc = FR_REAL_OLD(pthread_rwlock_unlock)(l);

	if (unlikely(since))
		fr_trigger_held((uint64_t)l, since);
	return rc;
}
