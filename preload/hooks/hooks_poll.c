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

/* Shorter calls, as most of a busy server's, did not wait: no list is made for them. */
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
	if (fr_level_now(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || err)
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
	if (likely(fr_level_now(FR_CLASS_NET) == FR_LEVEL_FULL))
		fr_put_whole(t, FR_EV_NET_POLL, FR_EV_NET_POLL, FR_TIER_DENSE, now, w->stack,
			     FR_ARGS(NET_POLL, .fd = c->fd, .nfds = c->n,
				     .timeout_ms = c->timeout_ms, .result = rc, .dur = dur,
				     .via = c->via));
	fr_leave(t);
}

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF;
}

static FR_ALWAYS_INLINE void begin(struct fr_wait *w, const struct call *c, struct fr_site s)
{
	fr_wait_begin(w, s, c->via, (uint64_t)(int64_t)c->fd, 0, 0);
}

/* Only our own signal ended the call: *LEFT is the timeout that remains for the next. */
static FR_ALWAYS_INLINE bool again(struct fr_wait *w, const struct call *c, int rc, int *left)
{
	if (rc >= 0 || !fr_wait_our_eintr(w))
		return false;
	*left = fr_wait_left_ms(w, c->timeout_ms);
	return true;
}

static int first_fd(const struct pollfd *fds, nfds_t n)
{
	__asm__("" : "+r"(fds)); /* in and out, whatever poll.h tells the compiler */
	return n && fr_wait_readable(fds, sizeof(*fds)) ? fds[0].fd : -1;
}

FR_HOOK int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call c = {FR_HOOK_poll, -1, n, timeout, {.fds = fds, .n = n}};
	int rc, left = timeout;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(poll)(fds, n, timeout);
	c.fd = first_fd(fds, n);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.poll(fds, n, left);
	} while (again(&w, &c, rc, &left));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int __poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call c = {FR_HOOK___poll, -1, n, timeout, {.fds = fds, .n = n}};
	int rc, left = timeout;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL_OLD(poll)(fds, n, timeout);
	c.fd = first_fd(fds, n);
	begin(&w, &c, FR_SITE());
	do {
		rc = FR_REAL_OLD(poll)(fds, n, left);
	} while (again(&w, &c, rc, &left));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t fdslen)
{
	struct call c = {FR_HOOK___poll_chk, -1, n, timeout, {.fds = fds, .n = n}};
	int rc, left = timeout;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(__poll_chk)(fds, n, timeout, fdslen);
	c.fd = first_fd(fds, n);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.__poll_chk(fds, n, left, fdslen);
	} while (again(&w, &c, rc, &left));
	polled(&w, &c, rc);
	return rc;
}

static int ms_of(const struct timespec *ts)
{
	if (!ts)
		return -1;
	return ts->tv_sec > 2000000 ? 2000000000
				    : (int)(ts->tv_sec * 1000 + (ts->tv_nsec + 999999) / 1000000);
}

/* The same where the timeout is a structure: *LEFT points to the host's until *ROOM has less. */
static FR_ALWAYS_INLINE bool again_ts(struct fr_wait *w, const struct call *c, int rc,
				      const struct timespec **left, struct timespec *room)
{
	int ms;

	if (!again(w, c, rc, &ms))
		return false;
	if (ms != c->timeout_ms) {
		*room = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
		*left = room;
	}
	return true;
}

FR_HOOK int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		  const sigset_t *mask)
{
	struct call c = {FR_HOOK_ppoll, -1, n, -1, {.fds = fds, .n = n}};
	const struct timespec *left = timeout;
	struct timespec room;
	struct fr_wait w;
	int rc;

	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(ppoll)(fds, n, timeout, mask);
	c.fd = first_fd(fds, n);
	c.timeout_ms = ms_of(timeout);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.ppoll(fds, n, left, mask);
	} while (again_ts(&w, &c, rc, &left, &room));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
			const sigset_t *mask, size_t fdslen)
{
	struct call c = {FR_HOOK___ppoll_chk, -1, n, -1, {.fds = fds, .n = n}};
	const struct timespec *left = timeout;
	struct timespec room;
	struct fr_wait w;
	int rc;

	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(__ppoll_chk)(fds, n, timeout, mask, fdslen);
	c.fd = first_fd(fds, n);
	c.timeout_ms = ms_of(timeout);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.__ppoll_chk(fds, n, left, mask, fdslen);
	} while (again_ts(&w, &c, rc, &left, &room));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
	const struct call c = {
		FR_HOOK_epoll_wait, epfd, (uint64_t)(int64_t)n, timeout, {.events = events}};
	int rc, left = timeout;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(epoll_wait)(epfd, events, n, timeout);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.epoll_wait(epfd, events, n, left);
	} while (again(&w, &c, rc, &left));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout,
			const sigset_t *mask)
{
	const struct call c = {
		FR_HOOK_epoll_pwait, epfd, (uint64_t)(int64_t)n, timeout, {.events = events}};
	int rc, left = timeout;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(epoll_pwait)(epfd, events, n, timeout, mask);
	begin(&w, &c, FR_SITE());
	do {
		rc = fr_real.epoll_pwait(epfd, events, n, left, mask);
	} while (again(&w, &c, rc, &left));
	polled(&w, &c, rc);
	return rc;
}

FR_HOOK int epoll_pwait2(int epfd, struct epoll_event *events, int n,
			 const struct timespec *timeout, const sigset_t *mask)
{
	struct call c = {FR_HOOK_epoll_pwait2, epfd, (uint64_t)(int64_t)n, -1, {.events = events}};
	const struct timespec *left = timeout;
	struct timespec room;
	struct fr_wait w;
	int rc;

	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(epoll_pwait2)(epfd, events, n, timeout, mask);
	c.timeout_ms = ms_of(timeout);
	begin(&w, &c, FR_SITE());
	do {
		rc = FR_REAL(epoll_pwait2)(epfd, events, n, left, mask);
	} while (again_ts(&w, &c, rc, &left, &room));
	polled(&w, &c, rc);
	return rc;
}

/* ---- what an epoll looks at ------------------------------------------------------------------ */

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

	if (is_recorded())
		record_watch(epfd, op, fd, ev, rc < 0 ? (uint64_t)errno : 0, FR_SITE());
	return rc;
}

/* ---- select ---------------------------------------------------------------------------------- */

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

static struct fr_asked sets_of(fd_set *r, fd_set *w, fd_set *x, int n)
{
	return (struct fr_asked){.n = n < 0 ? 0 : (size_t)n, .r = r, .w = w, .x = x};
}

/*
 * Resumed as it is: when a signal interrupts it, Linux leaves the sets alone and has written the
 * time that is left over the timeout.
 */
static FR_ALWAYS_INLINE int select_by(enum fr_hook via, int n, fd_set *r, fd_set *w, fd_set *x,
				      struct timeval *timeout, struct fr_site s)
{
	struct call c = {via, -1, (uint64_t)(int64_t)n, -1, sets_of(r, w, x, n)};
	struct fr_wait wait;
	int rc;

	c.fd = first_of(r, w, x, n);
	if (timeout)
		c.timeout_ms = ms_of(&(struct timespec){timeout->tv_sec, timeout->tv_usec * 1000});
	begin(&wait, &c, s);
	FR_RETRY(&wait, rc,
		 via == FR_HOOK_select ? fr_real.select(n, r, w, x, timeout)
				       : FR_REAL_OLD(select)(n, r, w, x, timeout));
	polled(&wait, &c, rc);
	return rc;
}

FR_HOOK int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(select)(n, r, w, x, timeout);
	return select_by(FR_HOOK_select, n, r, w, x, timeout, FR_SITE());
}

FR_HOOK int __select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL_OLD(select)(n, r, w, x, timeout);
	return select_by(FR_HOOK___select, n, r, w, x, timeout, FR_SITE());
}

FR_HOOK int pselect(int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *timeout,
		    const sigset_t *mask)
{
	struct call c = {FR_HOOK_pselect, -1, (uint64_t)(int64_t)n, -1, sets_of(r, w, x, n)};
	const struct timespec *left = timeout;
	struct timespec room;
	struct fr_wait wait;
	int rc;

	if (!is_recorded() || (timeout && !fr_wait_readable(timeout, sizeof(*timeout))))
		return FR_REAL(pselect)(n, r, w, x, timeout, mask);
	c.fd = first_of(r, w, x, n);
	c.timeout_ms = ms_of(timeout);
	begin(&wait, &c, FR_SITE());
	do {
		rc = fr_real.pselect(n, r, w, x, left, mask);
	} while (again_ts(&wait, &c, rc, &left, &room));
	polled(&wait, &c, rc);
	return rc;
}
