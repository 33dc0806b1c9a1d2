/* SPDX-License-Identifier: MIT */
/*
 * hooks_file.c - replacement functions: what reads and writes files.
 *
 * Level slow records what took FR_SLOW or failed. Offsets and contents are not recorded. read and
 * write stand in hooks_net.c and come here by fileio.h.
 */
#include "host/fileio.h"

#include <sys/eventfd.h>
#include <sys/uio.h>

/* Can this have ended somebody's wait? */
static inline bool wakes(enum fr_event ev, int fd, long rc)
{
	enum fr_fd_kind kind;

	if (ev != FR_EV_IO_WRITE || rc <= 0)
		return false;
	kind = fr_fd_kind(fd);
	return kind == FR_FD_PIPE || kind == FR_FD_EVENTFD;
}

FR_SAME_ARGS(IO_READ, IO_WRITE);

static FR_COLD void record(const struct fr_wait *w, enum fr_event ev, size_t size, long rc)
{
	uint64_t err = fr_err_of(rc);
	bool failed = err && err != EAGAIN;
	int fd = (int)w->object;
	bool woke = wakes(ev, fd, rc);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (woke && dur < fr_slow_ticks) {
		now = w->t0; /* giving: before whoever it wakes */
		dur = 0;
	}
	if (fr_file_wanted(dur, failed) || woke)
		fr_put_cold(t, ev, fr_wait_tier(dur, failed), now, w->stack,
			    FR_ARGS(IO_READ, .fd = fd, .size = size, .result = rc, .dur = dur,
				    .err = err, .kind = fr_fd_kind(fd), .via = w->call));
	if (err == EBADF)
		fr_fd_bad_by(t, fd, w, now);
	fr_leave(t);
}

/* At its end: level slow, and nothing to tell of. */
void fr_file_record(const struct fr_wait *w, enum fr_event ev, size_t size, ssize_t rc)
{
	struct fr_thread *t = fr_self;
	uint64_t now;

	if (unlikely(fr_level_now(FR_CLASS_IO) == FR_LEVEL_FULL || rc < 0 ||
		     wakes(ev, (int)w->object, rc) || !fr_call_is_plain(w, t)))
		return record(w, ev, size, rc);
	now = fr_clock_tsc();
	if (unlikely(!fr_call_was_plain(now, now - w->t0)))
		return record(w, ev, size, rc);
	fr_guard(t);
	fr_state_clear(t);
	fr_leave(t);
}

/* What a call at a position says of its descriptor: see fr_file_is_recorded_at(). */
static FR_ALWAYS_INLINE ssize_t record_at(const struct fr_wait *w, enum fr_event ev, size_t size,
					  ssize_t rc)
{
	if (rc >= 0)
		fr_fd_has_positions((int)w->object);
	fr_file_record(w, ev, size, rc);
	return rc;
}

size_t fr_file_vector_size(const struct iovec *iov, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n && i < 1024; i++)
		size += iov[i].iov_len;
	return size;
}

/* The kernel refuses some vectors of the host's without reading them, and then so must we. */
static ssize_t record_vector_at(const struct fr_wait *w, enum fr_event ev, const struct iovec *iov,
				int n, ssize_t rc)
{
	return record_at(w, ev, rc < 0 || n < 0 ? 0 : fr_file_vector_size(iov, (size_t)n), rc);
}

FR_HOOK ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pread)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pread, fd);
	FR_RETRY(&w, rc, FR_REAL(pread)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_READ, n, rc);
}

FR_HOOK ssize_t pread64(int fd, void *buf, size_t n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pread64)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pread64, fd);
	FR_RETRY(&w, rc, FR_REAL(pread64)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_READ, n, rc);
}

FR_HOOK ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t buflen)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(__pread_chk)(fd, buf, n, at, buflen);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___pread_chk, fd);
	FR_RETRY(&w, rc, FR_REAL(__pread_chk)(fd, buf, n, at, buflen));
	return record_at(&w, FR_EV_IO_READ, n, rc);
}

FR_HOOK ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t buflen)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(__pread64_chk)(fd, buf, n, at, buflen);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___pread64_chk, fd);
	FR_RETRY(&w, rc, FR_REAL(__pread64_chk)(fd, buf, n, at, buflen));
	return record_at(&w, FR_EV_IO_READ, n, rc);
}

FR_HOOK ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pwrite)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwrite, fd);
	FR_RETRY(&w, rc, FR_REAL(pwrite)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_WRITE, n, rc);
}

FR_HOOK ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pwrite64)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwrite64, fd);
	FR_RETRY(&w, rc, FR_REAL(pwrite64)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_WRITE, n, rc);
}

FR_HOOK ssize_t __pread64(int fd, void *buf, size_t n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL_OLD(pread64)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___pread64, fd);
	FR_RETRY(&w, rc, FR_REAL_OLD(pread64)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_READ, n, rc);
}

FR_HOOK ssize_t __pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL_OLD(pwrite64)(fd, buf, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK___pwrite64, fd);
	FR_RETRY(&w, rc, FR_REAL_OLD(pwrite64)(fd, buf, n, at));
	return record_at(&w, FR_EV_IO_WRITE, n, rc);
}

FR_HOOK ssize_t preadv(int fd, const struct iovec *iov, int n, off_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(preadv)(fd, iov, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_preadv, fd);
	FR_RETRY(&w, rc, FR_REAL(preadv)(fd, iov, n, at));
	return record_vector_at(&w, FR_EV_IO_READ, iov, n, rc);
}

FR_HOOK ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(preadv64)(fd, iov, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_preadv64, fd);
	FR_RETRY(&w, rc, FR_REAL(preadv64)(fd, iov, n, at));
	return record_vector_at(&w, FR_EV_IO_READ, iov, n, rc);
}

FR_HOOK ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pwritev)(fd, iov, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwritev, fd);
	FR_RETRY(&w, rc, FR_REAL(pwritev)(fd, iov, n, at));
	return record_vector_at(&w, FR_EV_IO_WRITE, iov, n, rc);
}

FR_HOOK ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at)
{
	struct fr_wait w;
	ssize_t rc;

	if (!fr_file_is_recorded_at(fd))
		return FR_REAL(pwritev64)(fd, iov, n, at);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_pwritev64, fd);
	FR_RETRY(&w, rc, FR_REAL(pwritev64)(fd, iov, n, at));
	return record_vector_at(&w, FR_EV_IO_WRITE, iov, n, rc);
}

/* Recorded as the read or write of 8 bytes that they are inside libc. RC: 0 or -1. */
static int record_value(const struct fr_wait *w, enum fr_event ev, int rc)
{
	fr_file_record(w, ev, 8, rc == 0 ? 8 : -1);
	return rc;
}

FR_HOOK int eventfd_read(int fd, eventfd_t *value)
{
	struct fr_wait w;
	int rc;

	if (!fr_file_is_recorded(fd))
		return FR_REAL(eventfd_read)(fd, value);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_eventfd_read, fd);
	FR_RETRY(&w, rc, FR_REAL(eventfd_read)(fd, value));
	return record_value(&w, FR_EV_IO_READ, rc);
}

FR_HOOK int eventfd_write(int fd, eventfd_t value)
{
	struct fr_wait w;
	int rc;

	if (!fr_file_is_recorded(fd))
		return FR_REAL(eventfd_write)(fd, value);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_eventfd_write, fd);
	FR_RETRY(&w, rc, FR_REAL(eventfd_write)(fd, value));
	return record_value(&w, FR_EV_IO_WRITE, rc);
}
