/* SPDX-License-Identifier: MIT */
/*
 * connecting.c - see connecting.h. Must not: touch errno, or change the table in a vfork child.
 */
#include "host/connecting.h"

#include "core/sys.h"
#include "host/link.h"

void fr_connecting_begin(int fd, uint64_t t0)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);

	if (!r || !fr_thread_reclaim())
		return;
	r->since = t0;
	__atomic_store_n(&r->x_connecting, 1, __ATOMIC_RELEASE);
}

bool fr_connecting_is_done(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	return fr_sys3(SYS_getpeername, fd, &ss, &len) == 0;
}

void fr_connecting_end(struct fr_thread *t, int fd, uint64_t err, uint32_t via, uint32_t stack)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);
	struct fr_blob peer = fr_fd_peer_blob(fd);
	uint64_t now = fr_clock_ticks();
	struct fr_link l;

	if (!r || !fr_thread_reclaim() ||
	    !__atomic_exchange_n(&r->x_connecting, 0, __ATOMIC_ACQUIRE))
		return;
	l = fr_link_connect(fd, peer.data, peer.size);
	fr_put_cold(t, FR_EV_NET_CONNECTED, FR_TIER_RARE, now, stack,
		    FR_ARGS(NET_CONNECTED, .fd = fd, .peer = &peer,
			    .dur = now > r->since ? now - r->since : 0, .err = err, .via = via,
			    .local_port = l.port, .link = err ? 0 : l.id));
}
