/* SPDX-License-Identifier: MIT */
/*
 * rest.h - transfers that our own signal has cut short.
 *
 * A transfer that waits, and has moved some bytes when a signal comes, returns their number: no
 * EINTR, and SA_RESTART does not help. Without our signal it would have gone on; many programs take
 * a short write to a blocking pipe for an error. So the rest is moved too, unless a handler of the
 * host's ran meanwhile.
 */
#ifndef FR_REST_H
#define FR_REST_H

#include <stdbool.h>
#include <sys/uio.h>

#include "record/wait.h"

struct fr_rest {
	int fd;
	int flags; /* MSG_... of the call */
	bool receives;
	const struct iovec *iov; /* the host's: the kernel has read it a moment ago */
	size_t n;
};

/* DONE > 0 bytes were moved. Returns how many are in the end. Keeps errno. */
ssize_t fr_rest_move(struct fr_wait *w, const struct fr_rest *r, ssize_t done);

/* May a transfer to or from FD with FLAGS (MSG_...) wait? */
bool fr_rest_may_wait(int fd, int flags);

/* The same for one buffer. */
ssize_t fr_rest_buffer(struct fr_wait *w, int fd, const void *buf, size_t n, int flags,
		       bool receives, ssize_t done);

#endif
