/* SPDX-License-Identifier: MIT */
/*
 * hooks_sem.c - replacement functions: semaphores, named and unnamed.
 *
 * The semaphore's word (glibc struct new_sem, 64 bits) tells beforehand whether a wait will block
 * (value, low half) and whether a post wakes somebody (waiters, high half). A hint only: a value
 * taken by another thread in between is a wait that is not seen.
 * sem_post is called from signal handlers: nothing here locks or allocates.
 */
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <string.h>

#include "core/real.h"
#include "record/wait.h"

#define NAME_MAX_KEPT 64u

struct how {
	enum fr_hook via;
	clockid_t clock;
	const struct timespec *until;
};

static inline uint64_t word_of(const sem_t *s)
{
	return __atomic_load_n((const uint64_t *)s, __ATOMIC_RELAXED);
}

static inline uint32_t value_of(const sem_t *s)
{
	return (uint32_t)word_of(s);
}

static int real_wait(sem_t *s, const struct how *h)
{
	switch (h->via) {
	case FR_HOOK_sem_trywait:
		return FR_REAL(sem_trywait)(s);
	case FR_HOOK_sem_timedwait:
		return FR_REAL(sem_timedwait)(s, h->until);
	case FR_HOOK_sem_clockwait:
		return FR_REAL(sem_clockwait)(s, h->clock, h->until);
	default:
		return FR_REAL(sem_wait)(s);
	}
}

static uint64_t via_of(const struct how *h)
{
	return h->via == FR_HOOK_sem_wait ? 0 : (uint64_t)h->via;
}

/* The value was above 0: the plain call, at level full. */
static __attribute__((noinline)) void record_taken(sem_t *s, struct fr_site site)
{
	struct fr_thread *t = fr_enter();

	if (unlikely(!t))
		return;
	fr_put(t, FR_EV_SEM_WAIT, FR_TIER_DENSE, fr_clock_ticks_after(), fr_stack_get(t, site),
	       FR_ARGS(SEM_WAIT, .sem = (uint64_t)s));
	fr_leave(t);
}

/* The same for the other calls and for what failed at once. */
static void record_at_once(sem_t *s, const struct how *h, struct fr_site site, int rc)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_SEM_WAIT, FR_TIER_DENSE, fr_clock_ticks_after(), fr_stack_get(t, site),
		    FR_ARGS(SEM_WAIT, .sem = (uint64_t)s, .err = fr_err_of(rc), .via = via_of(h)));
	fr_leave(t);
}

/* Timeouts are absolute: a call that only our signal ended is made again as it was. */
static int take_at_once(sem_t *s, const struct how *h)
{
	struct fr_wait w = {
		.t0 = 1,
		.our_signals = fr_self->our_signals,
		.host_signals = fr_self->host_signals,
	};
	int rc;

	FR_RETRY(&w, rc, real_wait(s, h));
	return rc;
}

static FR_COLD int wait_for_post(sem_t *s, const struct how *h, struct fr_site site)
{
	uint64_t now, dur, err;
	struct fr_thread *t;
	struct fr_wait w;
	int rc;

	fr_wait_begin(&w, site, h->via, (uint64_t)s, 0, 0);
	FR_RETRY(&w, rc, real_wait(s, h));
	err = fr_err_of(rc);
	t = fr_wait_end(&w, &now, &dur);
	if (!t)
		return rc;
	fr_put_cold(
		t, FR_EV_SEM_WAIT, fr_wait_tier(dur, err && err != ETIMEDOUT), now, w.stack,
		FR_ARGS(SEM_WAIT, .sem = (uint64_t)s, .dur = dur, .err = err, .via = via_of(h)));
	fr_leave(t);
	return rc;
}

static int take(sem_t *s, const struct how *h, struct fr_site site)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	int rc;

	if (level == FR_LEVEL_OFF)
		return real_wait(s, h);
	if (h->via != FR_HOOK_sem_trywait && !value_of(s))
		return wait_for_post(s, h, site);
	rc = take_at_once(s, h);
	if (level == FR_LEVEL_FULL && rc == 0 && h->via == FR_HOOK_sem_wait)
		record_taken(s, site);
	else if (level == FR_LEVEL_FULL || rc < 0)
		record_at_once(s, h, site, rc);
	return rc;
}

FR_HOOK int sem_wait(sem_t *s)
{
	const struct how h = {.via = FR_HOOK_sem_wait};

	return take(s, &h, FR_SITE());
}

FR_HOOK int sem_trywait(sem_t *s)
{
	const struct how h = {.via = FR_HOOK_sem_trywait};

	return take(s, &h, FR_SITE());
}

FR_HOOK int sem_timedwait(sem_t *s, const struct timespec *until)
{
	const struct how h = {.via = FR_HOOK_sem_timedwait, .until = until};

	return take(s, &h, FR_SITE());
}

FR_HOOK int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *until)
{
	const struct how h = {FR_HOOK_sem_clockwait, clock, until};

	return take(s, &h, FR_SITE());
}

static void record_post(sem_t *s, struct fr_site site, uint32_t waiters, uint64_t err)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_SEM_POST, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, site),
		    FR_ARGS(SEM_POST, .sem = (uint64_t)s, .waiters = waiters, .err = err));
	fr_leave(t);
}

/* Before the real post, after which a waiter may free the semaphore; at its limit it will fail. */
FR_HOOK int sem_post(sem_t *s)
{
	enum fr_level level = fr_level(FR_CLASS_LOCK);
	uint64_t word;
	int rc;

	if (level == FR_LEVEL_OFF)
		return FR_REAL(sem_post)(s);
	word = word_of(s);
	if ((uint32_t)word == SEM_VALUE_MAX) {
		rc = FR_REAL(sem_post)(s);
		record_post(s, FR_SITE(), 0, fr_err_of(rc));
		return rc;
	}
	if (level == FR_LEVEL_FULL || word >> 32)
		record_post(s, FR_SITE(), (uint32_t)(word >> 32), 0);
	return FR_REAL(sem_post)(s);
}

static void record_open(sem_t *s, const char *name, struct fr_site site)
{
	uint64_t err = s == SEM_FAILED ? (uint64_t)errno : 0;
	struct fr_thread *t = fr_enter();
	struct fr_blob blob = {"", 0};

	if (!t)
		return;
	if (!err)
		blob = (struct fr_blob){name, (uint32_t)strnlen(name, NAME_MAX_KEPT)};
	fr_put_cold(t, FR_EV_SEM_OPEN, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, site),
		    FR_ARGS(SEM_OPEN, .sem = err ? 0 : (uint64_t)s, .name = &blob, .err = err));
	fr_leave(t);
}

FR_HOOK sem_t *sem_open(const char *name, int flags, ...)
{
	unsigned int value = 0;
	enum fr_level level;
	mode_t mode = 0;
	va_list ap;
	sem_t *s;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		value = va_arg(ap, unsigned int);
		va_end(ap);
	}
	s = FR_REAL(sem_open)(name, flags, mode, value);
	level = fr_level(FR_CLASS_LOCK);
	if (level == FR_LEVEL_FULL || (level == FR_LEVEL_SLOW && s == SEM_FAILED))
		record_open(s, name, FR_SITE());
	return s;
}
