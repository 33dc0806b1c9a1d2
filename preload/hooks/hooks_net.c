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
#include "host/connecting.h"
#include "host/fileio.h"
#include "host/rest.h"
#include "record/fds.h"
#include "record/wait.h"

static inline bool would_block(uint64_t err)
{
	return err == EAGAIN || err == EWOULDBLOCK;
}

/* Is a transfer on FD to be recorded? Asks the level first: that is the cheap test. */
static inline bool is_recorded(int fd)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && fr_fd_is_socket(fd);
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
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks ||
	    (err && !would_block(err)))
		fr_put_cold(t, ev, fr_wait_tier(dur, err && !would_block(err)), now, w->stack,
			    FR_ARGS(NET_SEND, .fd = fd, .size = size, .result = rc, .dur = dur,
				    .err = err, .via = w->call));
	fr_leave(t);
}

/*
 * A transfer that came to its end as most do: quickly, done or not ready. All in one, without a
 * call, and for both directions: after a system call each line of code is a miss.
 */
static __attribute__((noinline)) void transferred(const struct fr_wait *w, enum fr_event ev,
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
	if (likely(FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL))
		fr_put_whole(t, ev, FR_EV_NET_SEND, FR_TIER_DENSE, now, w->stack,
			     FR_ARGS(NET_SEND, .fd = w->object, .size = size, .result = rc,
				     .dur = dur, .err = err, .via = w->call));
	fr_leave(t);
}

/*
 * The real call, again when only our own signal has interrupted it: a timeout on the socket makes
 * the kernel return EINTR even though our handler is installed with SA_RESTART.
 */
#define TRANSFER(ev, fd, size, via, call, rest)                                                    \
	EITHER(FR_CLASS_NET, ev, ev, fd, size, via, call, rest)

/*
 * The same of what may also be a file: KLASS tells, as fr_fd_class(). REST: the result, when our
 * signal came while some of it (rc_) was moved; see rest.h.
 */
#define EITHER(klass, net_ev, io_ev, fd, size, via, call, rest)                                    \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		ssize_t rc_;                                                                       \
                                                                                                   \
		fr_wait_begin(&w_, FR_SITE(), via, (uint64_t)(int64_t)(fd), 0, 0);                 \
		do {                                                                               \
			rc_ = call;                                                                \
		} while (rc_ < 0 && fr_wait_our_eintr(&w_));                                       \
		if (rc_ > 0 && fr_wait_met_ours_only(&w_))                                         \
			rc_ = rest;                                                                \
		if ((klass) == FR_CLASS_NET)                                                       \
			transferred(&w_, net_ev, size, rc_);                                       \
		else                                                                               \
			fr_file_record(&w_, io_ev, fd, size, rc_, via);                            \
		rc_;                                                                               \
	})

/* One of the calls that read or write whatever FD is. */
#define READ_OR_WRITE(net_ev, io_ev, fd, size, via, call, rest)                                    \
	({                                                                                         \
		int klass_ = fr_fd_class(fd);                                                      \
                                                                                                   \
		klass_ == FR_FD_UNRECORDED ? (call)                                                \
					   : EITHER(klass_, FR_EV_##net_ev, FR_EV_##io_ev, fd,     \
						    size, via, call, rest);                        \
	})

/*
 * Has the kernel read the host's vector? Only then may we: of an error that it finds before, such
 * as EFAULT, its answer must not become our SIGSEGV.
 */
static inline bool vector_was_read(long rc)
{
	return rc >= 0 || would_block((uint64_t)errno) || errno == EPIPE || errno == ECONNRESET;
}

#define SEND_REST(fd, buf, n, flags) fr_rest_buffer(&w_, fd, buf, n, flags, false, rc_)
#define RECV_REST(fd, buf, n, flags) fr_rest_buffer(&w_, fd, buf, n, flags, true, rc_)
#define VECTOR_REST(fd, iov, n, flags, receives)                                                   \
	fr_rest_move(&w_, &(struct fr_rest){fd, flags, receives, iov, (size_t)(n)}, rc_)

#define VECTOR_SIZE(iov, n)                                                                        \
	(vector_was_read(rc_) ? fr_file_vector_size(iov, (size_t)(n)) : (size_t)0)

FR_HOOK ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	if (!is_recorded(fd))
		return FR_REAL(send)(fd, buf, n, flags);
	return TRANSFER(FR_EV_NET_SEND, fd, n, FR_HOOK_send, fr_real.send(fd, buf, n, flags),
			SEND_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
		       socklen_t len)
{
	if (!is_recorded(fd))
		return FR_REAL(sendto)(fd, buf, n, flags, addr, len);
	return TRANSFER(FR_EV_NET_SEND, fd, n, FR_HOOK_sendto,
			fr_real.sendto(fd, buf, n, flags, addr, len), SEND_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!is_recorded(fd))
		return FR_REAL(sendmsg)(fd, msg, flags);
	return TRANSFER(FR_EV_NET_SEND, fd, VECTOR_SIZE(msg->msg_iov, msg->msg_iovlen),
			FR_HOOK_sendmsg, fr_real.sendmsg(fd, msg, flags),
			VECTOR_REST(fd, msg->msg_iov, msg->msg_iovlen, flags, false));
}

FR_HOOK ssize_t write(int fd, const void *buf, size_t n)
{
	return READ_OR_WRITE(NET_SEND, IO_WRITE, fd, n, FR_HOOK_write, FR_REAL(write)(fd, buf, n),
			     SEND_REST(fd, buf, n, 0));
}

FR_HOOK ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return READ_OR_WRITE(NET_SEND, IO_WRITE, fd, VECTOR_SIZE(iov, n), FR_HOOK_writev,
			     FR_REAL(writev)(fd, iov, n), VECTOR_REST(fd, iov, n, 0, false));
}

FR_HOOK ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	if (!is_recorded(fd))
		return FR_REAL(recv)(fd, buf, n, flags);
	return TRANSFER(FR_EV_NET_RECV, fd, n, FR_HOOK_recv, fr_real.recv(fd, buf, n, flags),
			RECV_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
			 socklen_t *len)
{
	if (!is_recorded(fd))
		return FR_REAL(recvfrom)(fd, buf, n, flags, addr, len);
	return TRANSFER(FR_EV_NET_RECV, fd, n, FR_HOOK_recvfrom,
			fr_real.recvfrom(fd, buf, n, flags, addr, len),
			RECV_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc;

	if (!is_recorded(fd))
		rc = FR_REAL(recvmsg)(fd, msg, flags);
	else
		rc = TRANSFER(FR_EV_NET_RECV, fd, VECTOR_SIZE(msg->msg_iov, msg->msg_iovlen),
			      FR_HOOK_recvmsg, fr_real.recvmsg(fd, msg, flags),
			      msg->msg_control ? rc_
					       : VECTOR_REST(fd, msg->msg_iov, msg->msg_iovlen,
							     flags, true));
	if (rc >= 0 && fr_fd_kept())
		fr_fd_received(msg, FR_SITE());
	return rc;
}

FR_HOOK ssize_t read(int fd, void *buf, size_t n)
{
	return READ_OR_WRITE(NET_RECV, IO_READ, fd, n, FR_HOOK_read, FR_REAL(read)(fd, buf, n),
			     rc_);
}

FR_HOOK ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return READ_OR_WRITE(NET_RECV, IO_READ, fd, VECTOR_SIZE(iov, n), FR_HOOK_readv,
			     FR_REAL(readv)(fd, iov, n), rc_);
}

/* ---- other names of the same ----------------------------------------------------------------- */

FR_HOOK ssize_t __send(int fd, const void *buf, size_t n, int flags)
{
	if (!is_recorded(fd))
		return FR_REAL_OLD(send)(fd, buf, n, flags);
	return TRANSFER(FR_EV_NET_SEND, fd, n, FR_HOOK___send, FR_REAL_OLD(send)(fd, buf, n, flags),
			SEND_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t __write(int fd, const void *buf, size_t n)
{
	return READ_OR_WRITE(NET_SEND, IO_WRITE, fd, n, FR_HOOK___write,
			     FR_REAL_OLD(write)(fd, buf, n), SEND_REST(fd, buf, n, 0));
}

FR_HOOK ssize_t __read(int fd, void *buf, size_t n)
{
	return READ_OR_WRITE(NET_RECV, IO_READ, fd, n, FR_HOOK___read,
			     FR_REAL_OLD(read)(fd, buf, n), rc_);
}

/* On a socket at -1, where it is readv or writev with flags; elsewhere the kernel refuses. */
#define VECTOR2(fn, buf_t, net_ev, io_ev)                                                          \
	FR_HOOK ssize_t fn(int fd, const struct iovec *iov, int n, buf_t at, int flags)            \
	{                                                                                          \
		return READ_OR_WRITE(net_ev, io_ev, fd, VECTOR_SIZE(iov, n), FR_HOOK_##fn,         \
				     FR_REAL(fn)(fd, iov, n, at, flags), rc_);                     \
	}

VECTOR2(preadv2, off_t, NET_RECV, IO_READ)
VECTOR2(preadv64v2, off64_t, NET_RECV, IO_READ)
VECTOR2(pwritev2, off_t, NET_SEND, IO_WRITE)
VECTOR2(pwritev64v2, off64_t, NET_SEND, IO_WRITE)

/* Fortified programs: the real ones abort the program when BUFLEN is too small. */
FR_HOOK ssize_t __recv_chk(int fd, void *buf, size_t n, size_t buflen, int flags)
{
	if (!is_recorded(fd))
		return FR_REAL(__recv_chk)(fd, buf, n, buflen, flags);
	return TRANSFER(FR_EV_NET_RECV, fd, n, FR_HOOK___recv_chk,
			fr_real.__recv_chk(fd, buf, n, buflen, flags),
			RECV_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t buflen, int flags,
			       struct sockaddr *addr, socklen_t *len)
{
	if (!is_recorded(fd))
		return FR_REAL(__recvfrom_chk)(fd, buf, n, buflen, flags, addr, len);
	return TRANSFER(FR_EV_NET_RECV, fd, n, FR_HOOK___recvfrom_chk,
			fr_real.__recvfrom_chk(fd, buf, n, buflen, flags, addr, len),
			RECV_REST(fd, buf, n, flags));
}

FR_HOOK ssize_t __read_chk(int fd, void *buf, size_t n, size_t buflen)
{
	return READ_OR_WRITE(NET_RECV, IO_READ, fd, n, FR_HOOK___read_chk,
			     FR_REAL(__read_chk)(fd, buf, n, buflen), rc_);
}

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
	transferred(w, ev, size, bytes);
}

FR_HOOK int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded(fd))
		return FR_REAL(sendmmsg)(fd, v, n, flags);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_sendmmsg, (uint64_t)fd, 0, 0);
	do {
		rc = fr_real.sendmmsg(fd, v, n, flags);
	} while (rc < 0 && fr_wait_our_eintr(&w));
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

	if (!is_recorded(fd))
		return FR_REAL(recvmmsg)(fd, v, n, flags, timeout);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_recvmmsg, (uint64_t)fd, 0, 0);
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
#define SENDFILE_REST(fn, out, in, offset, n)                                                      \
	({                                                                                         \
		int errno_ = errno;                                                                \
		ssize_t more_ = 1;                                                                 \
                                                                                                   \
		while (more_ > 0 && (size_t)rc_ < (n) && fr_rest_may_wait(out, 0) &&               \
		       fr_wait_met_ours_only(&w_)) {                                               \
			more_ = fr_real.fn(out, in, offset, (n) - (size_t)rc_);                    \
			rc_ += more_ > 0 ? more_ : 0;                                              \
		}                                                                                  \
		errno = errno_;                                                                    \
		rc_;                                                                               \
	})

FR_HOOK ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	if (!is_recorded(out))
		return FR_REAL(sendfile)(out, in, offset, n);
	return TRANSFER(FR_EV_NET_SEND, out, n, FR_HOOK_sendfile,
			fr_real.sendfile(out, in, offset, n),
			SENDFILE_REST(sendfile, out, in, offset, n));
}

FR_HOOK ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
	if (!is_recorded(out))
		return FR_REAL(sendfile64)(out, in, offset, n);
	return TRANSFER(FR_EV_NET_SEND, out, n, FR_HOOK_sendfile64,
			fr_real.sendfile64(out, in, offset, n),
			SENDFILE_REST(sendfile64, out, in, offset, n));
}

/* One end is a pipe, or the kernel refuses. */
FR_HOOK ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n,
		       unsigned int flags)
{
	if (is_recorded(out))
		return TRANSFER(FR_EV_NET_SEND, out, n, FR_HOOK_splice,
				fr_real.splice(in, in_offset, out, out_offset, n, flags), rc_);
	if (is_recorded(in))
		return TRANSFER(FR_EV_NET_RECV, in, n, FR_HOOK_splice,
				fr_real.splice(in, in_offset, out, out_offset, n, flags), rc_);
	return FR_REAL(splice)(in, in_offset, out, out_offset, n, flags);
}
