/* SPDX-License-Identifier: MIT */
/*
 * hooks_net_many.c - replacement functions: several messages at once, and what goes from descriptor
 * to descriptor without coming by the program. As hooks_net.c.
 */
#include <sys/socket.h>

#include "hooks/transfer.h"

/* ---- several messages at once ---------------------------------------------------------------- */

/* RC messages went: result is their bytes. The kernel has read and written these entries. */
static void record_messages(const struct fr_wait *w, enum fr_event ev, const struct mmsghdr *v,
			    int rc)
{
	long bytes = rc < 0 ? -1 : 0;
	size_t size = 0;

	for (int i = 0; i < rc; i++) {
		size += fr_file_vector_size(v[i].msg_hdr.msg_iov, v[i].msg_hdr.msg_iovlen);
		bytes += v[i].msg_len;
	}
	fr_transferred(w, ev, size, bytes);
}

FR_HOOK int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	struct fr_wait w;
	int rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(sendmmsg)(fd, v, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sendmmsg, fd);
	FR_RETRY(&w, rc, fr_real.sendmmsg(fd, v, n, flags));
	record_messages(&w, FR_EV_NET_SEND, v, rc);
	return rc;
}

/*
 * The kernel looks at the timeout only between messages, and writes what is left with the last.
 * Where it restarts the call itself after our signal (no SO_RCVTIMEO, no message yet) it begins the
 * timeout anew, and nothing of us stands between.
 */
FR_HOOK int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout)
{
	struct timespec left, *until = timeout;
	struct fr_wait w;
	int rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(recvmmsg)(fd, v, n, flags, timeout);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_recvmmsg, fd);
	while ((rc = fr_real.recvmmsg(fd, v, n, flags, until)) < 0 && fr_wait_our_eintr(&w)) {
		if (!timeout)
			continue;
		left = fr_wait_left(&w, timeout);
		until = &left;
	}
	if (until != timeout && rc > 0)
		*timeout = left;
	record_messages(&w, FR_EV_NET_RECV, v, rc);
	for (int i = 0; i < rc; i++)
		fr_fd_received(&v[i].msg_hdr, FR_SITE());
	return rc;
}

/* ---- from descriptor to descriptor ----------------------------------------------------------- */

/* The offset has moved with what was sent. */
static FR_COLD ssize_t sendfile_rest(struct fr_wait *w, __typeof__(fr_real.sendfile) real, int in,
				     off_t *offset, size_t n, ssize_t done)
{
	int out = (int)w->object, saved = errno;
	ssize_t more = 1;

	while (more > 0 && (size_t)done < n && fr_rest_may_wait(out, 0) &&
	       fr_wait_met_ours_only(w)) {
		more = real(out, in, offset, n - (size_t)done);
		done += more > 0 ? more : 0;
	}
	errno = saved;
	return done;
}

FR_HOOK ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(out))
		return FR_REAL(sendfile)(out, in, offset, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sendfile, out);
	FR_RETRY(&w, rc, fr_real.sendfile(out, in, offset, n));
	if (fr_has_rest(&w, rc))
		rc = sendfile_rest(&w, fr_real.sendfile, in, offset, n, rc);
	return fr_has_sent(&w, n, rc);
}

FR_HOOK ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(out))
		return FR_REAL(sendfile64)(out, in, offset, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sendfile64, out);
	FR_RETRY(&w, rc, fr_real.sendfile64(out, in, offset, n));
	if (fr_has_rest(&w, rc))
		rc = sendfile_rest(&w, fr_real.sendfile64, in, offset, n, rc);
	return fr_has_sent(&w, n, rc);
}

/* One end is a pipe, or the kernel refuses. */
FR_HOOK ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n,
		       unsigned int flags)
{
	bool sends = fr_net_is_recorded(out);
	struct fr_wait w;
	ssize_t rc;

	if (!sends && !fr_net_is_recorded(in))
		return FR_REAL(splice)(in, in_offset, out, out_offset, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_splice, sends ? out : in);
	FR_RETRY(&w, rc, fr_real.splice(in, in_offset, out, out_offset, n, flags));
	return sends ? fr_has_sent(&w, n, rc) : fr_has_received(&w, n, rc);
}
