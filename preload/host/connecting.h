/* SPDX-License-Identifier: MIT */
/*
 * connecting.h - connects that go on after connect() has returned.
 *
 * A non-blocking connect returns EINPROGRESS, and whether it came about is learnt later, in one of
 * many ways: getsockopt(SO_ERROR), a second connect, the first transfer, or the client gives up
 * and closes. The table of descriptors remembers since when; whoever learns the end first records
 * net.connected, once. So the time includes how long the client took to look.
 *
 * Context: hooks, under the guard where a thread is given. System calls only.
 */
#ifndef FR_CONNECTING_H
#define FR_CONNECTING_H

#include "record/fds.h"
#include "record/ring.h"

/* connect() on FD returned EINPROGRESS; it was called at T0. */
void fr_connecting_begin(int fd, uint64_t t0);

/* Is a connect on FD under way? One look, for every transfer. */
static inline bool fr_connecting(int fd)
{
	const struct fr_fd_rec *r = fr_fd_known(fd);

	return r && r->x_connecting;
}

/*
 * Has it come about? SO_ERROR is 0 before as well as after: a connection has a peer. One system
 * call, for each connect that did not end at once.
 */
bool fr_connecting_is_done(int fd);

/* It is over: ERR 0 or why there is no connection, as seen in the call VIA. */
void fr_connecting_end(struct fr_thread *t, int fd, uint64_t err, uint32_t via, uint32_t stack);

#endif
