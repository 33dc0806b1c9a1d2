/* SPDX-License-Identifier: MIT */
/*
 * hooks_conn.c - replacement functions: how a socket comes to have a peer.
 *
 * What opens a descriptor is recorded after the real call. Addresses are the host's memory: they
 * are copied where the kernel could read them, and not looked at otherwise. Context: as all hooks,
 * signal handlers too: nothing here locks or allocates.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/real.h"
#include "host/connecting.h"
#include "host/link.h"
#include "record/wait.h"

static inline bool is_recorded(int fd)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && fr_fd_is_socket(fd);
}

/* An address of the host's, as events show it: a whole UNIX path fits. */
struct address {
	struct fr_blob blob;
	char bytes[sizeof(struct sockaddr_un)];
};

static void address_copy(struct address *a, const struct sockaddr *from, socklen_t len)
{
	a->blob = (struct fr_blob){a->bytes, 0};
	if (!from || len > sizeof(struct sockaddr_storage) || !fr_wait_readable(from, len))
		return;
	a->blob.size = len < sizeof(a->bytes) ? len : (uint32_t)sizeof(a->bytes);
	memcpy(a->bytes, from, a->blob.size);
}

/* Where FD itself is bound to. */
static void address_of(struct address *a, int fd)
{
	socklen_t len = sizeof(a->bytes);

	a->blob = (struct fr_blob){a->bytes, 0};
	if (fr_sys3(SYS_getsockname, fd, a->bytes, &len) == 0)
		a->blob.size = len < sizeof(a->bytes) ? len : (uint32_t)sizeof(a->bytes);
}

/* ---- making and naming ----------------------------------------------------------------------- */

FR_HOOK int socket(int domain, int type, int protocol)
{
	int fd = FR_REAL(socket)(domain, type, protocol);
	uint64_t err = fr_err_of(fd);
	struct fr_thread *t;
	uint64_t now;
	uint32_t stack;

	if (fr_level(FR_CLASS_NET) == FR_LEVEL_OFF)
		return fd;
	t = fr_enter();
	if (!t)
		return fd;
	now = fr_clock_ticks();
	stack = fr_stack_get(t, FR_SITE());
	if (fd >= 0)
		fr_fd_open(fd, FR_FD_SOCKET, now, stack);
	fr_put_cold(t, FR_EV_NET_SOCKET, FR_TIER_RARE, now, stack,
		    FR_ARGS(NET_SOCKET, .fd = fd, .domain = domain, .type = type,
			    .protocol = protocol, .err = err));
	fr_leave(t);
	return fd;
}

FR_HOOK int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int rc = FR_REAL(bind)(fd, addr, len);
	uint64_t err = fr_err_of(rc);
	struct fr_thread *t;
	struct address a;

	if (!is_recorded(fd))
		return rc;
	address_copy(&a, addr, len);
	t = fr_enter();
	if (!t)
		return rc;
	fr_put_cold(t, FR_EV_NET_BIND, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, FR_SITE()),
		    FR_ARGS(NET_BIND, .fd = fd, .addr = &a.blob, .err = err));
	fr_leave(t);
	return rc;
}

static void is_listener(int fd)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);

	if (r && r->x_kind != FR_FD_LISTENER && fr_thread_reclaim())
		r->x_kind = FR_FD_LISTENER;
}

FR_HOOK int listen(int fd, int backlog)
{
	int rc = FR_REAL(listen)(fd, backlog);
	uint64_t err = fr_err_of(rc);
	struct fr_thread *t;
	struct address a;

	if (!is_recorded(fd))
		return rc;
	t = fr_enter();
	if (!t)
		return rc;
	address_of(&a, fd);
	if (rc == 0)
		is_listener(fd);
	fr_put_cold(t, FR_EV_NET_LISTEN, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, FR_SITE()),
		    FR_ARGS(NET_LISTEN, .fd = fd, .addr = &a.blob, .backlog = backlog, .err = err));
	fr_leave(t);
	return rc;
}

/* Before the real call, which ends the waits of other threads. */
FR_HOOK int shutdown(int fd, int how)
{
	struct fr_blob peer;
	struct fr_thread *t;

	if (!is_recorded(fd))
		return FR_REAL(shutdown)(fd, how);
	t = fr_enter();
	if (t) {
		peer = fr_fd_peer_blob(fd);
		fr_put_cold(t, FR_EV_NET_SHUTDOWN, FR_TIER_RARE, fr_clock_ticks(),
			    fr_stack_get(t, FR_SITE()),
			    FR_ARGS(NET_SHUTDOWN, .fd = fd, .peer = &peer, .how = how));
		fr_leave(t);
	}
	return fr_real.shutdown(fd, how);
}

/* ---- connect --------------------------------------------------------------------------------- */

/* Does this answer end a connect that began before? EALREADY: not yet. */
static bool ends_earlier(uint64_t err)
{
	return err != EALREADY && err != EINPROGRESS && err != EINTR;
}

static void record_connect(const struct fr_wait *w, int fd, const struct address *a, uint64_t err)
{
	bool goes_on = err == EINPROGRESS || err == EINTR;
	struct fr_link l = {0, 0};
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (fr_connecting(fd) && ends_earlier(err)) {
		fr_connecting_end(t, fd, err == EISCONN ? 0 : err, w->call, w->stack);
	} else {
		if (goes_on)
			fr_connecting_begin(fd, w->t0);
		if (!err || goes_on)
			l = fr_link_connect(fd, a->bytes, a->blob.size);
		fr_put_cold(t, FR_EV_NET_CONNECT, FR_TIER_RARE, now, w->stack,
			    FR_ARGS(NET_CONNECT, .fd = fd, .peer = &a->blob, .dur = dur, .err = err,
				    .via = w->call == FR_HOOK_connect ? 0 : w->call,
				    .local_port = l.port, .link = l.id));
	}
	fr_leave(t);
}

static int connecting(int (*real)(int, const struct sockaddr *, socklen_t), enum fr_hook via,
		      int fd, const struct sockaddr *addr, socklen_t len, struct fr_site s)
{
	struct address a;
	struct fr_wait w;
	int rc;

	address_copy(&a, addr, len);
	if (a.blob.size) /* now, so that a connect that hangs shows where to */
		fr_fd_peer(fd, (const struct sockaddr *)a.bytes, a.blob.size);
	fr_wait_begin(&w, s, via, (uint64_t)fd, 0, 0);
	FR_RETRY(&w, rc, real(fd, addr, len));
	record_connect(&w, fd, &a, fr_err_of(rc));
	return rc;
}

FR_HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (!is_recorded(fd))
		return FR_REAL(connect)(fd, addr, len);
	return connecting(fr_real.connect, FR_HOOK_connect, fd, addr, len, FR_SITE());
}

FR_HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (!is_recorded(fd))
		return FR_REAL_OLD(connect)(fd, addr, len);
	return connecting(FR_REAL_OLD(connect), FR_HOOK___connect, fd, addr, len, FR_SITE());
}

static FR_COLD void learn_error(int fd, int err, struct fr_site s)
{
	struct fr_thread *t;

	if (!err && !fr_connecting_is_done(fd))
		return;
	t = fr_enter();
	if (!t)
		return;
	fr_connecting_end(t, fd, (uint64_t)err, FR_HOOK_getsockopt, fr_stack_get(t, s));
	fr_leave(t);
}

FR_HOOK int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int rc = FR_REAL(getsockopt)(fd, level, name, value, len);

	if (rc == 0 && level == SOL_SOCKET && name == SO_ERROR && *len == sizeof(int) &&
	    fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && fr_connecting(fd))
		learn_error(fd, *(const int *)value, FR_SITE());
	return rc;
}

/* ---- accept ---------------------------------------------------------------------------------- */

struct accepting {
	int listener;
	enum fr_hook via; /* 0 = accept */
	const struct sockaddr *addr; /* where the kernel writes the peer, NULL = nowhere */
	socklen_t room; /* there */
	const socklen_t *len;
};

static struct accepting accepting(int fd, const struct sockaddr *addr, const socklen_t *len,
				  enum fr_hook via)
{
	struct accepting a = {.listener = fd, .via = via};

	if (addr && len && fr_wait_readable(len, sizeof(*len))) {
		a.addr = addr;
		a.len = len;
		a.room = *len;
	}
	return a;
}

/* The caller that asked for the peer has it already: the kernel need not be asked again. */
static void learn_peer(const struct accepting *a, int fd)
{
	if (a->addr && *a->len <= a->room && *a->len >= sizeof(sa_family_t))
		fr_fd_peer(fd, a->addr, *a->len);
	else
		fr_fd_peer(fd, NULL, 0);
}

static void record_accept(const struct fr_wait *w, const struct accepting *a, int fd)
{
	uint64_t err = fr_err_of(fd);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	struct fr_blob peer = {"", 0};
	uint64_t link = 0;

	if (!t)
		return;
	if (fd >= 0 || err == EAGAIN)
		is_listener(a->listener);
	if (fd >= 0) {
		fr_fd_open(fd, FR_FD_SOCKET, now, w->stack);
		learn_peer(a, fd);
		peer = fr_fd_peer_blob(fd);
		link = fr_link_accept(fd, peer.data, peer.size);
	}
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || err != EAGAIN)
		fr_put_cold(t, FR_EV_NET_ACCEPT, FR_TIER_RARE, now, w->stack,
			    FR_ARGS(NET_ACCEPT, .listener = a->listener, .fd = fd, .peer = &peer,
				    .dur = dur, .err = err, .via = a->via, .link = link));
	fr_leave(t);
}

FR_HOOK int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct accepting a;
	struct fr_wait w;
	int rc;

	if (!is_recorded(fd))
		return FR_REAL(accept)(fd, addr, len);
	a = accepting(fd, addr, len, 0);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_accept, (uint64_t)fd, 0, 0);
	FR_RETRY(&w, rc, fr_real.accept(fd, addr, len));
	record_accept(&w, &a, rc);
	return rc;
}

FR_HOOK int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct accepting a;
	struct fr_wait w;
	int rc;

	if (!is_recorded(fd))
		return FR_REAL(accept4)(fd, addr, len, flags);
	a = accepting(fd, addr, len, FR_HOOK_accept4);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_accept4, (uint64_t)fd, 0, 0);
	FR_RETRY(&w, rc, fr_real.accept4(fd, addr, len, flags));
	record_accept(&w, &a, rc);
	return rc;
}
