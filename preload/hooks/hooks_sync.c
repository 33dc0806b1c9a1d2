/* SPDX-License-Identifier: MIT */
/*
 * hooks_sync.c - replacement functions: barriers and once.
 *
 * A barrier's last thread does not wait but lets the others go: its call (serial = 1) is recorded
 * at level slow too, so that the waits have a waker. A once that is done is no event at any level.
 * The init function of a once may throw, be cancelled or jump away: nothing is kept across it.
 */
#include <pthread.h>
#include <threads.h>

#include "core/real.h"
#include "record/wait.h"

/* ---- barriers -------------------------------------------------------------------------------- */

/* glibc struct pthread_barrier: in, current_round, count, shared, out. */
static uint32_t threads_of(const pthread_barrier_t *b)
{
	return __atomic_load_n((const unsigned int *)b + 2, __ATOMIC_RELAXED);
}

FR_HOOK int pthread_barrier_wait(pthread_barrier_t *b)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	bool serial, several;
	uint64_t now, dur;
	struct fr_thread *t;
	struct fr_wait w;
	int rc;

	if (level == FR_LEVEL_OFF)
		return FR_REAL(pthread_barrier_wait)(b);
	several = threads_of(b) > 1;
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_pthread_barrier_wait, (uint64_t)b, 0, 0);
	rc = FR_REAL(pthread_barrier_wait)(b);
	serial = rc == PTHREAD_BARRIER_SERIAL_THREAD;
	t = fr_wait_end(&w, &now, &dur);
	if (!t)
		return rc;
	if (level == FR_LEVEL_FULL || dur >= fr_slow_ticks || (serial && several))
		fr_put_cold(t, FR_EV_BARRIER_WAIT, fr_wait_tier(dur, false), now, w.stack,
			    FR_ARGS(BARRIER_WAIT, .barrier = (uint64_t)b, .dur = dur,
				    .serial = serial, .err = serial ? 0 : (uint64_t)rc));
	fr_leave(t);
	return rc;
}

/* ---- once ------------------------------------------------------------------------------------ */

#define ONCE_RUNNING 1 /* glibc __PTHREAD_ONCE_INPROGRESS */
#define ONCE_DONE 2

static void record_once(const void *once, uint64_t now, uint64_t dur, uint32_t stack, bool waited,
			uint64_t via)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(
		t, FR_EV_ONCE, FR_TIER_RARE, now, stack,
		FR_ARGS(ONCE, .once = (uint64_t)once, .dur = dur, .waited = waited, .via = via));
	fr_leave(t);
}

/*
 * This thread runs the init function. What waits in there is shown as such, so the once itself
 * has no state of its own; the clock is all that is kept.
 */
static void once_ran(const void *once, struct fr_site s, uint64_t t0, uint64_t via)
{
	uint64_t now = fr_clock_ticks();
	uint64_t dur = now > t0 ? now - t0 : 0;
	struct fr_thread *t;
	uint32_t stack;

	if (fr_level_now(FR_CLASS_LOCK) != FR_LEVEL_FULL && dur < fr_slow_ticks)
		return;
	t = fr_enter();
	if (!t)
		return;
	stack = fr_stack_get(t, s);
	fr_leave(t);
	record_once(once, now, dur, stack, false, via);
}

/* Another thread runs it, or died in a fork while it did: then this one may run it after all. */
static void once_waited(const void *once, const struct fr_wait *w, uint64_t via)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (!t)
		return;
	fr_leave(t);
	if (fr_level_now(FR_CLASS_LOCK) == FR_LEVEL_FULL || dur >= fr_slow_ticks)
		record_once(once, now, dur, w->stack, true, via);
}

struct once_call {
	const void *once;
	enum fr_hook hook;
	bool waits;
	uint64_t t0; /* of one that runs the function itself */
	struct fr_wait w; /* its site is given, the rest is valid where it waits */
};

static FR_ALWAYS_INLINE bool is_unseen(int word)
{
	return word & ONCE_DONE || fr_level(FR_CLASS_LOCK) == FR_LEVEL_OFF;
}

static FR_ALWAYS_INLINE void once_begin(struct once_call *c, const int *once, int word,
					enum fr_hook hook, struct fr_site s)
{
	c->once = once;
	c->hook = hook;
	c->waits = word & ONCE_RUNNING;
	c->w.site = s;
	if (c->waits)
		fr_wait_begin(&c->w, s, hook, (uint64_t)once, 0, 0);
	else
		c->t0 = fr_clock_ticks();
}

static void once_end(const struct once_call *c)
{
	uint64_t via = c->hook == FR_HOOK_pthread_once ? 0 : (uint64_t)c->hook;

	if (c->waits)
		once_waited(c->once, &c->w, via);
	else
		once_ran(c->once, c->w.site, c->t0, via);
}

/*
 * Before ours were known; or a program without libpthread under glibc < 2.34, whose libdl calls us
 * while it looks something up: one thread, as libc itself then does it.
 */
static FR_COLD int once_early(pthread_once_t *once, void (*init)(void))
{
	if (__atomic_load_n(once, __ATOMIC_ACQUIRE) & ONCE_DONE)
		return 0;
	fr_real_resolve();
	if (fr_real.pthread_once)
		return fr_real.pthread_once(once, init);
	init();
	*once |= ONCE_DONE;
	return 0;
}

FR_HOOK int pthread_once(pthread_once_t *once, void (*init)(void))
{
	int word = __atomic_load_n(once, __ATOMIC_RELAXED);
	struct once_call c;
	int rc;

	if (unlikely(!fr_real.pthread_once))
		return once_early(once, init);
	if (is_unseen(word))
		return fr_real.pthread_once(once, init);
	once_begin(&c, once, word, FR_HOOK_pthread_once, FR_SITE());
	rc = fr_real.pthread_once(once, init);
	once_end(&c);
	return rc;
}

FR_HOOK int __pthread_once(pthread_once_t *once, void (*init)(void))
{
	int word = __atomic_load_n(once, __ATOMIC_RELAXED);
	struct once_call c;
	int rc;

	if (unlikely(!fr_real.pthread_once))
		return once_early(once, init);
	if (is_unseen(word))
		return FR_REAL_OLD(pthread_once)(once, init);
	once_begin(&c, once, word, FR_HOOK___pthread_once, FR_SITE());
	rc = FR_REAL_OLD(pthread_once)(once, init);
	once_end(&c);
	return rc;
}

FR_HOOK void call_once(once_flag *once, void (*init)(void))
{
	int word = __atomic_load_n(&once->__data, __ATOMIC_RELAXED);
	struct once_call c;

	if (is_unseen(word)) {
		FR_REAL(call_once)(once, init);
		return;
	}
	once_begin(&c, &once->__data, word, FR_HOOK_call_once, FR_SITE());
	FR_REAL(call_once)(once, init);
	once_end(&c);
}
