/* SPDX-License-Identifier: MIT */
/*
 * hooks_poll.c - replacement functions: waiting for several descriptors.
 *
 * The kernel never restarts these after a signal, SA_RESTART or not: when only our own signal came,
 * the hook waits on for the time that is left, so that the host sees nothing of it.
 */
#include "core/real.h"
#include "host/ready.h"
#include "record/fds.h"
#include "record/wait.h"

struct call {
	enum fr_hook via;
	int fd; /* the first one, or the epoll descriptor */
	uint64_t n;
	int timeout_ms;
	struct fr_asked asked;
};

/* Shorter calls have not waited, and most calls of a busy server are: no list for them. */
static inline bool waited(uint64_t dur)
{
	return dur * 100000u >= fr_clock.per_second; /* 10 us */
}

static FR_COLD void record_poll(const struct fr_wait *w, const struct call *c, int rc)
{
	uint64_t err = rc < 0 ? (uint64_t)errno : 0;
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	struct fr_ready ready;

	if (!t)
		return;
	fr_ready_list(&ready, &c->asked, waited(dur) ? rc : 0);
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || err)
		fr_put_cold(t, FR_EV_NET_POLL, FR_TIER_DENSE, now, w->stack,
			    FR_ARGS(NET_POLL, .fd = c->fd, .nfds = c->n,
				    .timeout_ms = c->timeout_ms, .result = rc, .dur = dur,
				    .err = err, .via = c->via, .ready = &ready.blob));
	fr_leave(t);
}

/* One that has not waited: all in one and without a call, as in hooks_net.c. */
static __attribute__((noinline)) void polled(const struct fr_wait *w, const struct call *c, int rc)
{
	struct fr_thread *t = fr_self;
	uint64_t now, dur;

	if (unlikely(rc < 0 || !fr_call_is_plain(w, t)))
		return record_poll(w, c, rc);
	now = fr_clock_tsc();
	dur = now - w->t0;
	if (unlikely(waited(dur) || !fr_call_was_plain(now, dur) ||
		     !fr_guard_room(t, FR_TIER_DENSE)))
		return record_poll(w, c, rc);
	fr_state_clear(t);
	if (likely(FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL))
		fr_put_whole(t, FR_EV_NET_POLL, FR_EV_NET_POLL, FR_TIER_DENSE, now, w->stack,
			     FR_ARGS(NET_POLL, .fd = c->fd, .nfds = c->n,
				     .timeout_ms = c->timeout_ms, .result = rc, .dur = dur,
				     .via = c->via));
	fr_leave(t);
}

static bool watched(void)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF;
}

/* CALL uses the variable left_, the timeout that remains. */
#define POLL(c, call)                                                                              \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		int left_ = (c).timeout_ms;                                                        \
		int rc_;                                                                           \
                                                                                                   \
		fr_wait_begin(&w_, FR_SITE(), (c).via, (uint64_t)(int64_t)(c).fd, 0, 0);           \
		for (;;) {                                                                         \
			rc_ = call;                                                                \
			if (rc_ >= 0 || !fr_wait_our_eintr(&w_))                                   \
				break;                                                             \
			left_ = fr_wait_left_ms(&w_, (c).timeout_ms);                              \
		}                                                                                  \
		polled(&w_, &(c), rc_);                                                            \
		rc_;                                                                               \
	})

static int first_fd(const struct pollfd *fds, nfds_t n)
{
	__asm__("" : "+r"(fds)); /* in and out, whatever poll.h tells the compiler */
	return n && fr_wait_readable(fds, sizeof(*fds)) ? fds[0].fd : -1;
}

FR_HOOK int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call c = {FR_HOOK_poll, -1, n, timeout, {.fds = fds, .n = n}};

	if (!watched())
		return FR_REAL(poll)(fds, n, timeout);
	c.fd = first_fd(fds, n);
	return POLL(c, fr_real.poll(fds, n, left_));
}

FR_HOOK int __poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call c = {FR_HOOK___poll, -1, n, timeout, {.fds = fds, .n = n}};

	if (!watched())
		return FR_REAL_OLD(poll)(fds, n, timeout);
	c.fd = first_fd(fds, n);
	return POLL(c, FR_REAL_OLD(poll)(fds, n, left_));
}

FR_HOOK int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t fdslen)
{
	struct call c = {FR_HOOK___poll_chk, -1, n, timeout, {.fds = fds, .n = n}};

	if (!watched())
		return FR_REAL(__poll_chk)(fds, n, timeout, fdslen);
	c.fd = first_fd(fds, n);
	return POLL(c, fr_real.__poll_chk(fds, n, left_, fdslen));
}

/* For a wait that is resumed. */
static struct timespec left_ts(int ms)
{
	return (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
}

static int ms_of(const struct timespec *ts)
{
	if (!ts)
		return -1;
	return ts->tv_sec > 2000000 ? 2000000000
				    : (int)(ts->tv_sec * 1000 + (ts->tv_nsec + 999999) / 1000000);
}

FR_HOOK int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		  const sigset_t *mask)
{
	struct call c = {FR_HOOK_ppoll, -1, n, -1, {.fds = fds, .n = n}};
	struct timespec ts;

	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(ppoll)(fds, n, timeout, mask);
	c.fd = first_fd(fds, n);
	c.timeout_ms = ms_of(timeout);
	return POLL(c, ({
			    ts = left_ts(left_);
			    fr_real.ppoll(fds, n, left_ == c.timeout_ms ? timeout : &ts, mask);
		    }));
}

FR_HOOK int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
			const sigset_t *mask, size_t fdslen)
{
	struct call c = {FR_HOOK___ppoll_chk, -1, n, -1, {.fds = fds, .n = n}};
	struct timespec ts;

	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(__ppoll_chk)(fds, n, timeout, mask, fdslen);
	c.fd = first_fd(fds, n);
	c.timeout_ms = ms_of(timeout);
	return POLL(c, ({
			    ts = left_ts(left_);
			    fr_real.__ppoll_chk(fds, n, left_ == c.timeout_ms ? timeout : &ts, mask,
						fdslen);
		    }));
}

FR_HOOK int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
	const struct call c = {
		FR_HOOK_epoll_wait, epfd, (uint64_t)(int64_t)n, timeout, {.events = events}};

	if (!watched())
		return FR_REAL(epoll_wait)(epfd, events, n, timeout);
	return POLL(c, fr_real.epoll_wait(epfd, events, n, left_));
}

FR_HOOK int epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout,
			const sigset_t *mask)
{
	const struct call c = {
		FR_HOOK_epoll_pwait, epfd, (uint64_t)(int64_t)n, timeout, {.events = events}};

	if (!watched())
		return FR_REAL(epoll_pwait)(epfd, events, n, timeout, mask);
	return POLL(c, fr_real.epoll_pwait(epfd, events, n, left_, mask));
}

/* A program may ask for it by a weak name: where libc has none, the answer is a kernel's without.
 */
FR_HOOK int epoll_pwait2(int epfd, struct epoll_event *events, int n,
			 const struct timespec *timeout, const sigset_t *mask)
{
	struct call c = {FR_HOOK_epoll_pwait2, epfd, (uint64_t)(int64_t)n, -1, {.events = events}};
	struct timespec ts;

	if (!FR_REAL(epoll_pwait2)) {
		errno = ENOSYS;
		return -1;
	}
	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return fr_real.epoll_pwait2(epfd, events, n, timeout, mask);
	c.timeout_ms = ms_of(timeout);
	return POLL(c, ({
			    ts = left_ts(left_);
			    fr_real.epoll_pwait2(epfd, events, n,
						 left_ == c.timeout_ms ? timeout : &ts, mask);
		    }));
}

/* ---- what an epoll looks at ------------------------------------------------------------------
 */

static void record_watch(int epfd, int op, int fd, const struct epoll_event *ev, uint64_t err,
			 struct fr_site s)
{
	bool given = !err && op != EPOLL_CTL_DEL; /* the kernel has read it */
	enum fr_tier tier = op == EPOLL_CTL_MOD || err ? FR_TIER_DENSE : FR_TIER_RARE;
	struct fr_thread *t;

	if (tier == FR_TIER_DENSE && fr_level(FR_CLASS_NET) != FR_LEVEL_FULL)
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_put_cold(t, FR_EV_NET_WATCH, tier, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(NET_WATCH, .epoll = epfd, .fd = fd, .op = op,
			    .events = given ? ev->events : 0, .data = given ? ev->data.u64 : 0,
			    .err = err));
	fr_leave(t);
}

/* Says what the numbers mean that epoll_wait answers with. */
FR_HOOK int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int rc = FR_REAL(epoll_ctl)(epfd, op, fd, ev);

	if (watched())
		record_watch(epfd, op, fd, ev, rc < 0 ? (uint64_t)errno : 0, FR_SITE());
	return rc;
}

/* ---- select
 * --------------------------------------------------------------------------------------
 */

/* The lowest descriptor in SET, or -1. */
static int lowest(const fd_set *set, int n)
{
	size_t words = ((size_t)n + NFDBITS - 1) / NFDBITS;

	if (!set || n <= 0 || !fr_wait_readable(set, words * sizeof(fd_mask)))
		return -1;
	for (size_t i = 0; i < words; i++) {
		fd_mask bits = __FDS_BITS(set)[i];

		if (bits)
			return (int)(i * NFDBITS) + __builtin_ctzl((unsigned long)bits);
	}
	return -1;
}

/* Before the call, which changes the sets. */
static int first_of(const fd_set *r, const fd_set *w, const fd_set *x, int n)
{
	int fd = lowest(r, n);

	if (fd < 0)
		fd = lowest(w, n);
	return fd < 0 ? lowest(x, n) : fd;
}

#define SETS                                                                                       \
	{                                                                                          \
		.n = n < 0 ? 0 : (size_t)n, .r = r, .w = w, .x = x                                 \
	}

/*
 * Resumed as it is: when a signal interrupts it, Linux leaves the sets alone and has written the
 * time that is left over the timeout.
 */
#define SELECT(via, real)                                                                          \
	({                                                                                         \
		struct call c_ = {via, -1, (uint64_t)(int64_t)n, -1, SETS};                        \
                                                                                                   \
		c_.fd = first_of(r, w, x, n);                                                      \
		if (timeout)                                                                       \
			c_.timeout_ms = ms_of(                                                     \
				&(struct timespec){timeout->tv_sec, timeout->tv_usec * 1000});     \
		POLL(c_, ((void)left_, real(n, r, w, x, timeout)));                                \
	})

FR_HOOK int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(select)(n, r, w, x, timeout);
	return SELECT(FR_HOOK_select, fr_real.select);
}

FR_HOOK int __select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL_OLD(select)(n, r, w, x, timeout);
	return SELECT(FR_HOOK___select, FR_REAL_OLD(select));
}

FR_HOOK int pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *timeout,
		    const sigset_t *mask)
{
	struct call c = {FR_HOOK_pselect, -1, (uint64_t)(int64_t)n, -1, SETS};
	struct timespec ts;

	if (!watched() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(pselect)(n, r, w, x, timeout, mask);
	c.fd = first_of(r, w, x, n);
	c.timeout_ms = ms_of(timeout);
	return POLL(c, ({
			    ts = left_ts(left_);
			    fr_real.pselect(n, r, w, x, left_ == c.timeout_ms ? timeout : &ts,
					    mask);
		    }));
}
