/* SPDX-License-Identifier: MIT */
/*
 * hooks_net.c - replacement functions: what is sent and received, by read and write too.
 *
 * A descriptor that is no socket passes through with one look at the table. Several of these are
 * called from signal handlers: nothing here locks or allocates.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/real.h"
#include "hooks/transfer.h"
#include "host/connecting.h"
#include "host/fileio.h"

static inline bool would_block(uint64_t err)
{
	return err == EAGAIN || err == EWOULDBLOCK;
}

/* Does the answer of a transfer say how a connect that was under way ended? */
static bool tells_of_connect(uint64_t err)
{
	return !would_block(err) && err != ENOTCONN && err != EINTR && err != EFAULT;
}

FR_SAME_ARGS(NET_SEND, NET_RECV);

/* The end of a transfer, in all cases that the hot form does not handle. */
static FR_COLD void record_transfer(const struct fr_wait *w, enum fr_event ev, size_t size,
				    ssize_t rc)
{
	uint64_t err = fr_err_of(rc);
	int fd = (int)w->object;
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (unlikely(fr_connecting(fd)) && tells_of_connect(err))
		fr_connecting_end(t, fd, err, w->call, w->stack);
	if (fr_level_now(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks ||
	    (err && !would_block(err)))
		fr_put_cold(t, ev, fr_wait_tier(dur, err && !would_block(err)), now, w->stack,
			    FR_ARGS(NET_SEND, .fd = fd, .size = size, .result = rc, .dur = dur,
				    .err = err, .via = w->call));
	if (err == EBADF)
		fr_fd_bad_by(t, fd, w, now);
	fr_leave(t);
}

/* All in one, without a call, and for both directions: after a system call each line is a miss. */
__attribute__((noinline)) void fr_transferred(const struct fr_wait *w, enum fr_event ev,
					      size_t size, ssize_t rc)
{
	struct fr_thread *t = fr_self;
	uint64_t now, dur, err;

	if (unlikely(!fr_call_is_plain(w, t)))
		return record_transfer(w, ev, size, rc);
	now = fr_clock_tsc();
	dur = now - w->t0;
	err = rc < 0 ? (uint64_t)*t->errno_at : 0;
	if (unlikely(!fr_call_was_plain(now, dur) || (err && !would_block(err)) ||
		     fr_connecting((int)w->object) || !fr_guard_room(t, FR_TIER_DENSE)))
		return record_transfer(w, ev, size, rc);
	fr_state_clear(t);
	if (likely(fr_level_now(FR_CLASS_NET) == FR_LEVEL_FULL))
		fr_put_whole(t, ev, FR_EV_NET_SEND, FR_TIER_DENSE, now, w->stack,
			     FR_ARGS(NET_SEND, .fd = w->object, .size = size, .result = rc,
				     .dur = dur, .err = err, .via = w->call));
	fr_leave(t);
}

/*
 * Has the kernel read the host's vector? Only then may we: of an error that it finds before, such
 * as EFAULT, its answer must not become our SIGSEGV.
 */
static inline bool vector_was_read(long rc)
{
	return rc >= 0 || would_block((uint64_t)errno) || errno == EPIPE || errno == ECONNRESET;
}

static FR_ALWAYS_INLINE size_t vector_size(const struct iovec *iov, int n, ssize_t rc)
{
	return vector_was_read(rc) ? fr_file_vector_size(iov, (size_t)n) : 0;
}

static FR_ALWAYS_INLINE size_t message_size(const struct msghdr *msg, ssize_t rc)
{
	return vector_was_read(rc) ? fr_file_vector_size(msg->msg_iov, msg->msg_iovlen) : 0;
}

static FR_ALWAYS_INLINE ssize_t send_rest(struct fr_wait *w, int fd, const void *buf, size_t n,
					  int flags, ssize_t rc)
{
	return fr_has_rest(w, rc) ? fr_rest_buffer(w, fd, buf, n, flags, false, rc) : rc;
}

static FR_ALWAYS_INLINE ssize_t receive_rest(struct fr_wait *w, int fd, void *buf, size_t n,
					     int flags, ssize_t rc)
{
	return fr_has_rest(w, rc) ? fr_rest_buffer(w, fd, buf, n, flags, true, rc) : rc;
}

/* What came with a control message is not gone on with: the next might bring another. */
static FR_COLD ssize_t message_rest(struct fr_wait *w, const struct msghdr *msg, int flags,
				    bool receives, ssize_t rc)
{
	const struct fr_rest r = {(int)w->object, flags, receives, msg->msg_iov, msg->msg_iovlen};

	return receives && msg->msg_control ? rc : fr_rest_move(w, &r, rc);
}

FR_HOOK ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(send)(fd, buf, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_send, fd);
	FR_RETRY(&w, rc, fr_real.send(fd, buf, n, flags));
	rc = send_rest(&w, fd, buf, n, flags, rc);
	return fr_has_sent(&w, n, rc);
}

FR_HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
		       socklen_t len)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(sendto)(fd, buf, n, flags, addr, len);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sendto, fd);
	FR_RETRY(&w, rc, fr_real.sendto(fd, buf, n, flags, addr, len));
	rc = send_rest(&w, fd, buf, n, flags, rc);
	return fr_has_sent(&w, n, rc);
}

FR_HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(sendmsg)(fd, msg, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sendmsg, fd);
	FR_RETRY(&w, rc, fr_real.sendmsg(fd, msg, flags));
	if (fr_has_rest(&w, rc))
		rc = message_rest(&w, msg, flags, false, rc);
	return fr_has_sent(&w, message_size(msg, rc), rc);
}

FR_HOOK ssize_t write(int fd, const void *buf, size_t n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(write)(fd, buf, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_write, fd);
	FR_RETRY(&w, rc, FR_REAL(write)(fd, buf, n));
	rc = send_rest(&w, fd, buf, n, 0, rc);
	return fr_has_written(&w, klass, n, rc);
}

FR_HOOK ssize_t writev(int fd, const struct iovec *iov, int n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(writev)(fd, iov, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_writev, fd);
	FR_RETRY(&w, rc, FR_REAL(writev)(fd, iov, n));
	if (fr_has_rest(&w, rc))
		rc = fr_rest_move(&w, &(struct fr_rest){fd, 0, false, iov, (size_t)n}, rc);
	return fr_has_written(&w, klass, vector_size(iov, n, rc), rc);
}

FR_HOOK ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(recv)(fd, buf, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_recv, fd);
	FR_RETRY(&w, rc, fr_real.recv(fd, buf, n, flags));
	rc = receive_rest(&w, fd, buf, n, flags, rc);
	return fr_has_received(&w, n, rc);
}

FR_HOOK ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
			 socklen_t *len)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(recvfrom)(fd, buf, n, flags, addr, len);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_recvfrom, fd);
	FR_RETRY(&w, rc, fr_real.recvfrom(fd, buf, n, flags, addr, len));
	rc = receive_rest(&w, fd, buf, n, flags, rc);
	return fr_has_received(&w, n, rc);
}

static FR_ALWAYS_INLINE ssize_t receive_message(int fd, struct msghdr *msg, int flags,
						struct fr_site s)
{
	struct fr_wait w;
	ssize_t rc;

	fr_wait_begin_fd(&w, s, FR_HOOK_recvmsg, fd);
	FR_RETRY(&w, rc, fr_real.recvmsg(fd, msg, flags));
	if (fr_has_rest(&w, rc))
		rc = message_rest(&w, msg, flags, true, rc);
	return fr_has_received(&w, message_size(msg, rc), rc);
}

FR_HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = fr_net_is_recorded(fd) ? receive_message(fd, msg, flags, FR_SITE())
					    : FR_REAL(recvmsg)(fd, msg, flags);

	if (rc >= 0 && fr_fd_kept())
		fr_fd_received(msg, FR_SITE());
	return rc;
}

FR_HOOK ssize_t read(int fd, void *buf, size_t n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(read)(fd, buf, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_read, fd);
	FR_RETRY(&w, rc, FR_REAL(read)(fd, buf, n));
	return fr_has_read(&w, klass, n, rc);
}

FR_HOOK ssize_t readv(int fd, const struct iovec *iov, int n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(readv)(fd, iov, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_readv, fd);
	FR_RETRY(&w, rc, FR_REAL(readv)(fd, iov, n));
	return fr_has_read(&w, klass, vector_size(iov, n, rc), rc);
}

/* ---- other names of the same ----------------------------------------------------------------- */

FR_HOOK ssize_t __send(int fd, const void *buf, size_t n, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL_OLD(send)(fd, buf, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___send, fd);
	FR_RETRY(&w, rc, FR_REAL_OLD(send)(fd, buf, n, flags));
	rc = send_rest(&w, fd, buf, n, flags, rc);
	return fr_has_sent(&w, n, rc);
}

FR_HOOK ssize_t __write(int fd, const void *buf, size_t n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL_OLD(write)(fd, buf, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___write, fd);
	FR_RETRY(&w, rc, FR_REAL_OLD(write)(fd, buf, n));
	rc = send_rest(&w, fd, buf, n, 0, rc);
	return fr_has_written(&w, klass, n, rc);
}

FR_HOOK ssize_t __read(int fd, void *buf, size_t n)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL_OLD(read)(fd, buf, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___read, fd);
	FR_RETRY(&w, rc, FR_REAL_OLD(read)(fd, buf, n));
	return fr_has_read(&w, klass, n, rc);
}

/* On a socket at -1, where it is readv or writev with flags; elsewhere the kernel refuses. */
FR_HOOK ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(preadv2)(fd, iov, n, at, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_preadv2, fd);
	FR_RETRY(&w, rc, FR_REAL(preadv2)(fd, iov, n, at, flags));
	return fr_has_read(&w, klass, vector_size(iov, n, rc), rc);
}

FR_HOOK ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(preadv64v2)(fd, iov, n, at, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_preadv64v2, fd);
	FR_RETRY(&w, rc, FR_REAL(preadv64v2)(fd, iov, n, at, flags));
	return fr_has_read(&w, klass, vector_size(iov, n, rc), rc);
}

FR_HOOK ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(pwritev2)(fd, iov, n, at, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwritev2, fd);
	FR_RETRY(&w, rc, FR_REAL(pwritev2)(fd, iov, n, at, flags));
	return fr_has_written(&w, klass, vector_size(iov, n, rc), rc);
}

FR_HOOK ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t at, int flags)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(pwritev64v2)(fd, iov, n, at, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwritev64v2, fd);
	FR_RETRY(&w, rc, FR_REAL(pwritev64v2)(fd, iov, n, at, flags));
	return fr_has_written(&w, klass, vector_size(iov, n, rc), rc);
}

/* Fortified programs: the real ones abort the program when BUFLEN is too small. */
FR_HOOK ssize_t __recv_chk(int fd, void *buf, size_t n, size_t buflen, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(__recv_chk)(fd, buf, n, buflen, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___recv_chk, fd);
	FR_RETRY(&w, rc, fr_real.__recv_chk(fd, buf, n, buflen, flags));
	rc = receive_rest(&w, fd, buf, n, flags, rc);
	return fr_has_received(&w, n, rc);
}

FR_HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t buflen, int flags,
			       struct sockaddr *addr, socklen_t *len)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_net_is_recorded(fd))
		return FR_REAL(__recvfrom_chk)(fd, buf, n, buflen, flags, addr, len);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___recvfrom_chk, fd);
	FR_RETRY(&w, rc, fr_real.__recvfrom_chk(fd, buf, n, buflen, flags, addr, len));
	rc = receive_rest(&w, fd, buf, n, flags, rc);
	return fr_has_received(&w, n, rc);
}

FR_HOOK ssize_t __read_chk(int fd, void *buf, size_t n, size_t buflen)
{
	int klass = fr_fd_class(fd);
	struct fr_wait w;
	ssize_t rc;

	if (klass == FR_FD_UNRECORDED)
		return FR_REAL(__read_chk)(fd, buf, n, buflen);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___read_chk, fd);
	FR_RETRY(&w, rc, FR_REAL(__read_chk)(fd, buf, n, buflen));
	return fr_has_read(&w, klass, n, rc);
}
