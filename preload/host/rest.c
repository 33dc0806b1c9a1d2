/* SPDX-License-Identifier: MIT */
/*
 * rest.c - see rest.h.
 *
 * What ends the rest (an error, the end of the stream, a signal of the host's) is not shown: the
 * host gets the bytes, as from the kernel, and meets the error at its next call.
 *
 * Context: hooks of transfers, unguarded, as in a real call: the thread may be cancelled here. Must
 * not: move anything where the host's own call would have returned: descriptors that do not wait,
 * messages with boundaries, files (a disk that is full).
 */
#include "host/rest.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/real.h"
#include "core/sys.h"

bool fr_rest_may_wait(int fd, int flags)
{
	long mode = fr_sys3(SYS_fcntl, fd, F_GETFL, 0);

	return mode >= 0 && !(mode & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
}

static bool is_stream(int fd)
{
	int type = 0;
	unsigned int size = sizeof(type);

	return fr_sys6(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&size, 0) == 0 &&
	       type == SOCK_STREAM;
}

static bool goes_on(const struct fr_rest *r, bool *socket)
{
	struct stat st;

	if (!fr_rest_may_wait(r->fd, r->flags) || fr_sys2(SYS_fstat, r->fd, &st) != 0)
		return false;
	*socket = S_ISSOCK(st.st_mode);
	if (*socket)
		return is_stream(r->fd) && (!r->receives || (r->flags & MSG_WAITALL)) &&
		       !(r->flags & (MSG_OOB | MSG_PEEK));
	return !r->receives && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

/* What is left behind DONE bytes: *PART of a buffer, or whole ones from the result on. */
static size_t skip(const struct fr_rest *r, size_t done, struct iovec *part)
{
	size_t i = 0;

	while (i < r->n && done >= r->iov[i].iov_len)
		done -= r->iov[i++].iov_len;
	*part = (struct iovec){0};
	if (i < r->n && done) {
		part->iov_base = (char *)r->iov[i].iov_base + done;
		part->iov_len = r->iov[i].iov_len - done;
	}
	return i;
}

/* No SIGPIPE: for a socket that has taken something the kernel sends none. For a pipe it does. */
static ssize_t move(const struct fr_rest *r, bool socket, const struct iovec *iov, size_t n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};

	if (!socket)
		return FR_REAL(writev)(r->fd, iov, n < 1024 ? (int)n : 1024);
	if (r->receives)
		return FR_REAL(recvmsg)(r->fd, &m, r->flags & ~MSG_CMSG_CLOEXEC);
	return FR_REAL(sendmsg)(r->fd, &m, (r->flags & ~MSG_FASTOPEN) | MSG_NOSIGNAL);
}

ssize_t fr_rest_move(struct fr_wait *w, const struct fr_rest *r, ssize_t done)
{
	int saved = errno;
	struct iovec part;
	bool socket;

	if (!goes_on(r, &socket))
		return done;
	for (;;) {
		size_t at = skip(r, (size_t)done, &part);
		ssize_t rc;

		if (at >= r->n)
			break;
		rc = part.iov_len ? move(r, socket, &part, 1)
				  : move(r, socket, r->iov + at, r->n - at);
		if (rc > 0)
			done += rc;
		else if (rc == 0 || !fr_wait_our_eintr(w))
			break;
		if (rc > 0 && w->host_signals != fr_self->host_signals)
			break;
	}
	errno = saved;
	return done;
}

ssize_t fr_rest_buffer(struct fr_wait *w, int fd, const void *buf, size_t n, int flags,
		       bool receives, ssize_t done)
{
	const struct iovec one = {(void *)buf, n};
	const struct fr_rest r = {fd, flags, receives, &one, 1};

	return fr_rest_move(w, &r, done);
}
