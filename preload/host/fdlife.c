/* SPDX-License-Identifier: MIT */
/*
 * fdlife.c - ends of descriptors by whatever closes them, and descriptors that come by message.
 *
 * Context: hooks, signal handlers. Must not: touch errno, give birth (a forked child that only
 * tidies its descriptors before exec is not worth a region), change the table in a vfork child.
 */
#include <errno.h>

#include "host/connecting.h"
#include "record/fds.h"
#include "record/ring.h"
#include "record/wait.h"

static void record_end(struct fr_thread *t, int fd, enum fr_fd_kind kind, uint32_t via,
		       uint32_t stack)
{
	struct fr_blob peer = fr_fd_peer_blob(fd);

	if (fr_connecting(fd)) /* its client has given up, or never asked */
		fr_connecting_end(t, fd, fr_connecting_is_done(fd) ? 0 : ECANCELED, via, stack);
	if (kind == FR_FD_SOCKET || kind == FR_FD_LISTENER)
		fr_put_cold(t, FR_EV_NET_CLOSE, FR_TIER_RARE, fr_clock_ticks(), stack,
			    FR_ARGS(NET_CLOSE, .fd = fd, .kind = kind, .peer = &peer, .via = via));
	else
		fr_put_cold(t, FR_EV_FD_CLOSE, FR_TIER_RARE, fr_clock_ticks(), stack,
			    FR_ARGS(FD_CLOSE, .fd = fd, .kind = kind, .via = via));
}

/* Files come and go by the thousand: only level full wants the end of each. */
static bool wanted(enum fr_fd_kind kind)
{
	switch (kind) {
	case FR_FD_CLOSED:
		return false;
	case FR_FD_SOCKET:
	case FR_FD_LISTENER:
		return fr_level_now(FR_CLASS_NET) > FR_LEVEL_OFF;
	case FR_FD_PIPE:
	case FR_FD_EVENTFD:
	case FR_FD_EPOLL:
		return fr_level_now(FR_CLASS_IO) > FR_LEVEL_OFF;
	default:
		return fr_level_now(FR_CLASS_IO) == FR_LEVEL_FULL;
	}
}

void fr_fd_end(int fd, uint32_t via, struct fr_site s)
{
	const struct fr_fd_rec *r = fr_fd_kept() ? fr_fd_rec(fd) : NULL;
	enum fr_fd_kind kind = r ? (enum fr_fd_kind)r->x_kind : FR_FD_CLOSED;
	struct fr_thread *t;
	uint32_t stack;

	if (kind == FR_FD_CLOSED || !fr_thread_reclaim())
		return;
	/* what makes no event is worth no birth, and nothing is lost without it */
	t = wanted(kind) || !fr_self->busy ? fr_enter() : NULL;
	if (!t) {
		fr_fd_close(fd);
		return;
	}
	stack = fr_stack_get(t, s);
	if (wanted(kind))
		record_end(t, fd, kind, via, stack);
	fr_fd_close_by(fd, fr_clock_ticks(), stack, t->tid);
	fr_leave(t);
}

void fr_fd_ended(int fd, uint64_t began, struct fr_site s)
{
	struct fr_thread *t = !fr_self->busy && fr_thread_reclaim() ? fr_enter() : NULL;

	if (t && fr_fd_is_over(fd)) /* else somebody has got the number since */
		fr_fd_close_by(fd, began, fr_stack_get(t, s), t->tid);
	else if (fr_fd_is_over(fd))
		fr_fd_close(fd);
	if (t)
		fr_leave(t);
}

static void put_bad(struct fr_thread *t, int fd, struct fr_fd_closer c, uint64_t now,
		    uint32_t stack, uint32_t via)
{
	fr_put_cold(t, FR_EV_FD_BAD, FR_TIER_RARE, now, stack,
		    FR_ARGS(FD_BAD, .fd = fd, .closer = c.tid, .closed_by = c.stack,
			    .ago = c.since ? now - c.since : 0, .err = EBADF, .via = via));
}

void fr_fd_bad(int fd, uint64_t began, uint32_t via, struct fr_site s)
{
	struct fr_thread *t = fr_fd_kept() && fr_thread_reclaim() ? fr_enter() : NULL;

	if (!t)
		return;
	put_bad(t, fd, fr_fd_closer(fd, began), fr_clock_ticks(), fr_stack_get(t, s), via);
	fr_leave(t);
}

void fr_fd_bad_by(struct fr_thread *t, int fd, const struct fr_wait *w, uint64_t now)
{
	struct fr_fd_closer c = fr_fd_closer(fd, w->t0);

	if (c.since)
		put_bad(t, fd, c, now, w->stack, w->call);
}

void fr_fd_end_range(unsigned int first, unsigned int last, uint32_t via, struct fr_site s)
{
	size_t n = atomic_load(&fr_region.fds.ready) / sizeof(struct fr_fd_rec);

	for (size_t fd = first; fd <= last && fd < n; fd++)
		fr_fd_end((int)fd, via, s);
}

/* ---- SCM_RIGHTS ------------------------------------------------------------------------------ */

static void received_one(struct fr_thread *t, int fd, uint32_t stack)
{
	enum fr_fd_kind kind;
	struct fr_blob peer;

	fr_fd_close(fd); /* whatever the table remembers of this number is over */
	kind = fr_fd_kind(fd);
	peer = fr_fd_peer_blob(fd);
	fr_put_cold(t, FR_EV_FD_RECEIVED, FR_TIER_RARE, fr_clock_ticks(), stack,
		    FR_ARGS(FD_RECEIVED, .fd = fd, .kind = kind, .peer = &peer));
}

void fr_fd_received(const struct msghdr *msg, struct fr_site s)
{
	struct fr_thread *t;
	uint32_t stack;

	if (!msg->msg_control || msg->msg_controllen < sizeof(struct cmsghdr))
		return;
	t = fr_enter();
	if (!t)
		return;
	stack = fr_stack_get(t, s);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
		const int *fd = (const int *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); n; n--, fd++)
			received_one(t, *fd, stack);
	}
	fr_leave(t);
}
