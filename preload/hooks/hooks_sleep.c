/* SPDX-License-Identifier: MIT */
/*
 * hooks_sleep.c - replacement functions: sleeping.
 *
 * The kernel never restarts these after a signal: when only our own signal came, the hook sleeps
 * on for the time that is left, whatever the level of class io. The host's `rem` is then as if
 * nothing had been: written when a handler of its own ended the sleep, untouched otherwise.
 */
#include <time.h>

#include "core/real.h"
#include "record/wait.h"

/* The recorder itself is off: then there is no signal of ours either. */
static bool off(void)
{
	return fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF;
}

static uint64_t ns_of(const struct timespec *ts)
{
	if (ts->tv_sec < 0)
		return 0;
	return ts->tv_sec > 1000000000 ? 1000000000000000000ull
				       : (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

static struct timespec ts_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

static void record(const struct fr_wait *w, uint64_t asked_ns, uint64_t err, enum fr_hook via)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	enum fr_level level = (enum fr_level)FR_LEVEL(FR_CLASS_IO);

	if (!t)
		return;
	if (level == FR_LEVEL_FULL || (level > FR_LEVEL_OFF && (dur >= fr_slow_ticks || err)))
		fr_put_cold(t, FR_EV_IO_SLEEP, fr_wait_tier(dur, err != 0), now, w->stack,
			    FR_ARGS(IO_SLEEP, .asked = fr_clock_from_ns(asked_ns), .dur = dur,
				    .err = err, .via = via));
	fr_leave(t);
}

/*
 * For clock_nanosleep, which returns its error and leaves errno alone: the real call has returned
 * RC. True: it was our signal only.
 */
static bool ours(struct fr_wait *w, int rc)
{
	int saved = errno;
	bool mine;

	if (rc != EINTR)
		return false;
	errno = EINTR;
	mine = fr_wait_our_eintr(w);
	errno = saved;
	return mine;
}

/* ---- relative sleeps ------------------------------------------------------------------------- */

/* A sleep of the host's, and what it needs when our signal cuts it into pieces. */
struct nap {
	clockid_t clock;
	uint64_t asked_ns;
	uint64_t start_ns;
	struct timespec *rem; /* the host's, may be NULL or wild */
	struct timespec rem_before;
	bool keep_rem; /* rem_before is valid */
};

static struct nap nap_of(clockid_t clock, const struct timespec *req, struct timespec *rem)
{
	struct nap n = {.clock = clock, .rem = rem};

	if (fr_wait_readable(req, sizeof(*req)))
		n.asked_ns = ns_of(req);
	n.keep_rem = rem && fr_wait_readable(rem, sizeof(*rem));
	if (n.keep_rem)
		n.rem_before = *rem;
	n.start_ns = fr_clock_ns(CLOCK_MONOTONIC);
	return n;
}

/*
 * Our signal ended the first piece. Sleeps the rest; 0 or an error number, as clock_nanosleep.
 * Where there is a REM the kernel has just written it, so it can be used.
 */
static int sleep_on(struct fr_wait *w, const struct nap *n)
{
	struct timespec left, after;
	int rc;

	do {
		uint64_t gone = fr_clock_ns(CLOCK_MONOTONIC) - n->start_ns;

		left = n->rem ? *n->rem : ts_of(gone < n->asked_ns ? n->asked_ns - gone : 0);
		rc = FR_REAL(clock_nanosleep)(n->clock, 0, &left, &after);
		if (rc == EINTR && n->rem)
			*n->rem = after;
	} while (ours(w, rc));
	if (rc == 0 && n->keep_rem)
		*n->rem = n->rem_before;
	return rc;
}

/* Our signal ended the real call, whose result was RC: what the host shall see instead. */
static int slept_on(struct fr_wait *w, const struct nap *n)
{
	int err = sleep_on(w, n);

	if (!err)
		return 0;
	errno = err;
	return -1;
}

static FR_ALWAYS_INLINE int nanosleep_by(__typeof__(nanosleep) *real, enum fr_hook via,
					 const struct timespec *req, struct timespec *rem,
					 struct fr_site s)
{
	struct fr_wait w;
	struct nap n;
	int rc;

	if (off())
		return real(req, rem);
	n = nap_of(CLOCK_REALTIME, req, rem);
	fr_wait_begin(&w, s, via, n.asked_ns, 0, 0);
	rc = real(req, rem);
	if (rc < 0 && fr_wait_our_eintr(&w))
		rc = slept_on(&w, &n);
	record(&w, n.asked_ns, rc < 0 ? (uint64_t)errno : 0, via);
	return rc;
}

FR_HOOK int nanosleep(const struct timespec *req, struct timespec *rem)
{
	return nanosleep_by(FR_REAL(nanosleep), FR_HOOK_nanosleep, req, rem, FR_SITE());
}

FR_HOOK int __nanosleep(const struct timespec *req, struct timespec *rem)
{
	return nanosleep_by(FR_REAL_OLD(nanosleep), FR_HOOK___nanosleep, req, rem, FR_SITE());
}

FR_HOOK int usleep(useconds_t us)
{
	struct nap n = {.clock = CLOCK_REALTIME, .asked_ns = (uint64_t)us * 1000u};
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(usleep)(us);
	n.start_ns = fr_clock_ns(CLOCK_MONOTONIC);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_usleep, n.asked_ns, 0, 0);
	rc = FR_REAL(usleep)(us);
	if (rc < 0 && fr_wait_our_eintr(&w))
		rc = slept_on(&w, &n);
	record(&w, n.asked_ns, rc < 0 ? (uint64_t)errno : 0, FR_HOOK_usleep);
	return rc;
}

/*
 * sleep() leaves errno alone when it slept to the end, and sets EINTR, even where less than a
 * second is left and its result 0. So a cleared errno tells the two apart.
 */
FR_HOOK unsigned int sleep(unsigned int s)
{
	struct timespec rem = {0};
	struct nap n = {.clock = CLOCK_REALTIME, .asked_ns = (uint64_t)s * 1000000000u};
	struct fr_wait w;
	unsigned int left;
	int saved = errno, err;

	if (off())
		return FR_REAL(sleep)(s);
	n.start_ns = fr_clock_ns(CLOCK_MONOTONIC);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_sleep, n.asked_ns, 0, 0);
	errno = 0;
	left = FR_REAL(sleep)(s);
	err = errno;
	if (err && fr_wait_our_eintr(&w)) {
		uint64_t gone = fr_clock_ns(CLOCK_MONOTONIC) - n.start_ns;

		rem = ts_of(gone < n.asked_ns ? n.asked_ns - gone : 0);
		n.rem = &rem;
		err = sleep_on(&w, &n);
		left = err ? (unsigned int)rem.tv_sec : 0;
	}
	errno = err ? err : saved;
	record(&w, n.asked_ns, (uint64_t)err, FR_HOOK_sleep);
	return left;
}

/* ---- clock_nanosleep ------------------------------------------------------------------------- */

/* How far away the time of day UNTIL is. */
static uint64_t ns_until(clockid_t clock, const struct timespec *until)
{
	uint64_t now, then;

	if (!fr_wait_readable(until, sizeof(*until)))
		return 0;
	now = fr_clock_ns(clock);
	then = ns_of(until);
	return then > now ? then - now : 0;
}

FR_HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *req,
			    struct timespec *rem)
{
	bool absolute = flags & TIMER_ABSTIME;
	struct fr_wait w;
	struct nap n;
	int rc;

	if (off())
		return FR_REAL(clock_nanosleep)(clock, flags, req, rem);
	n = nap_of(clock, req, absolute ? NULL : rem);
	if (absolute)
		n.asked_ns = ns_until(clock, req);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_clock_nanosleep, n.asked_ns, 0, 0);
	do {
		rc = FR_REAL(clock_nanosleep)(clock, flags, req, rem);
	} while (absolute && ours(&w, rc));
	if (!absolute && ours(&w, rc))
		rc = sleep_on(&w, &n);
	record(&w, n.asked_ns, (uint64_t)rc, FR_HOOK_clock_nanosleep);
	return rc;
}

/* C11: 0, -1 when a signal came, -2 for what is no time; errno stays. */
FR_HOOK int thrd_sleep(const struct timespec *req, struct timespec *rem)
{
	struct fr_wait w;
	struct nap n;
	int rc, err;

	if (off())
		return FR_REAL(thrd_sleep)(req, rem);
	n = nap_of(CLOCK_REALTIME, req, rem);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_thrd_sleep, n.asked_ns, 0, 0);
	rc = FR_REAL(thrd_sleep)(req, rem);
	err = rc == -1 ? EINTR : rc ? EINVAL : 0;
	if (ours(&w, err)) {
		err = sleep_on(&w, &n);
		rc = !err ? 0 : err == EINTR ? -1 : -2;
	}
	record(&w, n.asked_ns, (uint64_t)err, FR_HOOK_thrd_sleep);
	return rc;
}
