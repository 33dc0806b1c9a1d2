/* SPDX-License-Identifier: MIT */
/*
 * hooks_file.c - replacement functions: calls that wait for a disk.
 *
 * Level slow records what took FR_SLOW or failed. Offsets and contents are not recorded, names of
 * files are. read and write stand in hooks_net.c and come here by fileio.h.
 */
#include "host/fileio.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "record/host.h"

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_IO) != FR_LEVEL_OFF;
}

static bool wanted(uint64_t dur, bool failed)
{
	return FR_LEVEL(FR_CLASS_IO) == FR_LEVEL_FULL || dur >= fr_slow_ticks || failed;
}

/* ---- read and write -------------------------------------------------------------------------- */

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

static FR_COLD void record(const struct fr_wait *w, enum fr_event ev, int fd, size_t size, long rc,
			   enum fr_hook via)
{
	uint64_t err = fr_err_of(rc);
	bool failed = err && err != EAGAIN;
	bool woke = wakes(ev, fd, rc);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (woke && dur < fr_slow_ticks) {
		now = w->t0; /* giving: before whoever it wakes */
		dur = 0;
	}
	if (wanted(dur, failed) || woke)
		fr_put_cold(t, ev, fr_wait_tier(dur, failed), now, w->stack,
			    FR_ARGS(IO_READ, .fd = fd, .size = size, .result = rc, .dur = dur,
				    .err = err, .kind = fr_fd_kind(fd), .via = via));
	fr_leave(t);
}

/* The usual case comes last: level slow, and nothing to record. */
void fr_file_record(const struct fr_wait *w, enum fr_event ev, int fd, size_t size, long rc,
		    enum fr_hook via)
{
	struct fr_thread *t = fr_self;
	uint64_t now;

	if (unlikely(FR_LEVEL(FR_CLASS_IO) == FR_LEVEL_FULL || rc < 0 || wakes(ev, fd, rc) ||
		     !fr_call_is_plain(w, t)))
		return record(w, ev, fd, size, rc, via);
	now = fr_clock_tsc();
	if (unlikely(!fr_call_was_plain(now, now - w->t0)))
		return record(w, ev, fd, size, rc, via);
	fr_guard(t);
	fr_state_clear(t);
	fr_leave(t);
}

FR_HOOK ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	return FR_FILE_CALL_AT(IO_READ, fd, n, pread, FR_REAL(pread)(fd, buf, n, at));
}

FR_HOOK ssize_t pread64(int fd, void *buf, size_t n, off64_t at)
{
	return FR_FILE_CALL_AT(IO_READ, fd, n, pread64, FR_REAL(pread64)(fd, buf, n, at));
}

FR_HOOK ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t buflen)
{
	return FR_FILE_CALL_AT(IO_READ, fd, n, __pread_chk,
			       FR_REAL(__pread_chk)(fd, buf, n, at, buflen));
}

FR_HOOK ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t buflen)
{
	return FR_FILE_CALL_AT(IO_READ, fd, n, __pread64_chk,
			       FR_REAL(__pread64_chk)(fd, buf, n, at, buflen));
}

FR_HOOK ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return FR_FILE_CALL_AT(IO_WRITE, fd, n, pwrite, FR_REAL(pwrite)(fd, buf, n, at));
}

FR_HOOK ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return FR_FILE_CALL_AT(IO_WRITE, fd, n, pwrite64, FR_REAL(pwrite64)(fd, buf, n, at));
}

FR_HOOK ssize_t __pread64(int fd, void *buf, size_t n, off64_t at)
{
	return FR_FILE_CALL_AT(IO_READ, fd, n, __pread64, FR_REAL_OLD(pread64)(fd, buf, n, at));
}

FR_HOOK ssize_t __pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return FR_FILE_CALL_AT(IO_WRITE, fd, n, __pwrite64, FR_REAL_OLD(pwrite64)(fd, buf, n, at));
}

/* Recorded as the read and write of 8 bytes that they are inside libc. */
FR_HOOK int eventfd_read(int fd, eventfd_t *value)
{
	return FR_FILE_CALL(IO_READ, fd, 8, eventfd_read,
			    FR_REAL(eventfd_read)(fd, value) == 0 ? 8 : -1) == 8
		       ? 0
		       : -1;
}

FR_HOOK int eventfd_write(int fd, eventfd_t value)
{
	return FR_FILE_CALL(IO_WRITE, fd, 8, eventfd_write,
			    FR_REAL(eventfd_write)(fd, value) == 0 ? 8 : -1) == 8
		       ? 0
		       : -1;
}

size_t fr_file_vector_size(const struct iovec *iov, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n && i < 1024; i++)
		size += iov[i].iov_len;
	return size;
}

FR_HOOK ssize_t preadv(int fd, const struct iovec *iov, int n, off_t at)
{
	return FR_FILE_VECTOR_AT(IO_READ, fd, iov, n, preadv, FR_REAL(preadv)(fd, iov, n, at));
}

FR_HOOK ssize_t preadv64(int fd, const struct iovec *iov, int n, off64_t at)
{
	return FR_FILE_VECTOR_AT(IO_READ, fd, iov, n, preadv64, FR_REAL(preadv64)(fd, iov, n, at));
}

FR_HOOK ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	return FR_FILE_VECTOR_AT(IO_WRITE, fd, iov, n, pwritev, FR_REAL(pwritev)(fd, iov, n, at));
}

FR_HOOK ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at)
{
	return FR_FILE_VECTOR_AT(IO_WRITE, fd, iov, n, pwritev64,
				 FR_REAL(pwritev64)(fd, iov, n, at));
}

/* ---- to the disk ----------------------------------------------------------------------------- */

static int record_sync(const struct fr_wait *w, int fd, uint64_t size, int rc, enum fr_hook via)
{
	uint64_t err = fr_err_of(rc);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return rc;
	if (wanted(dur, err != 0))
		fr_put_cold(t, FR_EV_IO_SYNC, fr_wait_tier(dur, err != 0), now, w->stack,
			    FR_ARGS(IO_SYNC, .fd = fd, .dur = dur, .size = size, .err = err,
				    .via = via));
	fr_leave(t);
	return rc;
}

#define SYNC(fd, size, fn, call)                                                                   \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		int rc_;                                                                           \
                                                                                                   \
		if (!is_recorded()) {                                                              \
			rc_ = call;                                                                \
		} else {                                                                           \
			fr_wait_begin(&w_, FR_SITE(), FR_HOOK_##fn, (uint64_t)fd, 0, 0);           \
			do {                                                                       \
				rc_ = call;                                                        \
			} while (rc_ < 0 && fr_wait_our_eintr(&w_));                               \
			record_sync(&w_, fd, size, rc_, FR_HOOK_##fn);                             \
		}                                                                                  \
		rc_;                                                                               \
	})

FR_HOOK int fsync(int fd)
{
	return SYNC(fd, 0, fsync, FR_REAL(fsync)(fd));
}

FR_HOOK int fdatasync(int fd)
{
	return SYNC(fd, 0, fdatasync, FR_REAL(fdatasync)(fd));
}

FR_HOOK int sync_file_range(int fd, off64_t from, off64_t n, unsigned int flags)
{
	return SYNC(fd, (uint64_t)n, sync_file_range, FR_REAL(sync_file_range)(fd, from, n, flags));
}

FR_HOOK int msync(void *p, size_t n, int flags)
{
	return SYNC(-1, n, msync, FR_REAL(msync)(p, n, flags));
}

FR_HOOK int ftruncate(int fd, off_t size)
{
	return SYNC(fd, (uint64_t)size, ftruncate, FR_REAL(ftruncate)(fd, size));
}

FR_HOOK int ftruncate64(int fd, off64_t size)
{
	return SYNC(fd, (uint64_t)size, ftruncate64, FR_REAL(ftruncate64)(fd, size));
}

/* ---- names ----------------------------------------------------------------------------------- */

static void record_path(const struct fr_wait *w, const char *path, int rc, enum fr_hook via)
{
	uint64_t err = fr_err_of(rc);
	bool failed = err && err != ENOENT; /* that is an answer: see hooks_fd.c */
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	struct fr_blob name;

	if (!t)
		return;
	if (wanted(dur, err != 0)) {
		name = rc == 0 ? fr_host_text_read(path) : fr_host_text(path);
		fr_put_cold(t, FR_EV_IO_PATH, fr_wait_tier(dur, failed), now, w->stack,
			    FR_ARGS(IO_PATH, .path = &name, .dur = dur, .err = err, .via = via));
	}
	fr_leave(t);
}

#define PATH(path, fn, call)                                                                       \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		int rc_;                                                                           \
                                                                                                   \
		if (!is_recorded()) {                                                              \
			rc_ = call;                                                                \
		} else {                                                                           \
			fr_wait_begin(&w_, FR_SITE(), FR_HOOK_##fn, 0, 0, 0);                      \
			rc_ = call;                                                                \
			record_path(&w_, path, rc_, FR_HOOK_##fn);                                 \
		}                                                                                  \
		rc_;                                                                               \
	})

FR_HOOK int rename(const char *from, const char *to)
{
	return PATH(to, rename, FR_REAL(rename)(from, to));
}

FR_HOOK int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return PATH(to, renameat, FR_REAL(renameat)(from_dir, from, to_dir, to));
}

/* Younger than the others: a libc before 2.28 has none. */
FR_HOOK int renameat2(int from_dir, const char *from, int to_dir, const char *to,
		      unsigned int flags)
{
	if (!FR_REAL(renameat2)) {
		errno = ENOSYS;
		return -1;
	}
	return PATH(to, renameat2, fr_real.renameat2(from_dir, from, to_dir, to, flags));
}

FR_HOOK int unlink(const char *path)
{
	return PATH(path, unlink, FR_REAL(unlink)(path));
}

FR_HOOK int unlinkat(int dir, const char *path, int flags)
{
	return PATH(path, unlinkat, FR_REAL(unlinkat)(dir, path, flags));
}
