/* SPDX-License-Identifier: MIT */
/*
 * ready.h - which descriptors ended a wait for several, as text for net.poll's `ready`.
 *
 * Looked at after a call that succeeded: the kernel has just written there. Context: hooks of
 * hooks_poll.c. As many as fit; how many there were says the call's result.
 */
#ifndef FR_READY_H
#define FR_READY_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "record/ring.h"

/* What the call was given: one of the three. */
struct fr_asked {
	const struct pollfd *fds;
	size_t n; /* of them; select: its first argument */
	const struct epoll_event *events;
	const fd_set *r, *w, *x;
};

struct fr_ready {
	struct fr_blob blob;
	int left; /* not listed yet */
	char text[96];
};

void fr_ready_list(struct fr_ready *out, const struct fr_asked *a, int result);

#endif
