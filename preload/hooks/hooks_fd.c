/* SPDX-License-Identifier: MIT */
/*
 * hooks_fd.c - replacement functions: descriptors come and go.
 *
 * They keep the table of fds.c true. What libc opens inside (fopen, opendir, getaddrinfo) is not
 * seen and is looked up when the number is first used; what it closes inside is seen here, because
 * a number that is used again must not keep its old kind. Opening a file is recorded when it was
 * slow, failed, or at level full; pipes, eventfds and epolls always: they are few and connect
 * threads.
 *
 * Context: forked children (no birth here: see fdlife.c), vfork children, signal handlers.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/real.h"
#include "record/fds.h"
#include "record/host.h"
#include "record/wait.h"

/* ---- open ------------------------------------------------------------------------------------ */

/*
 * Unknown until it is used: only then a system call is due. (O_TMPFILE contains O_DIRECTORY.)
 */
static enum fr_fd_kind kind_by_flags(int flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return FR_FD_FILE;
	return flags & (O_DIRECTORY | O_PATH) ? FR_FD_OTHER : FR_FD_UNKNOWN;
}

/* ENOENT is an answer and no failure: half of all opens only ask whether a file is there. */
static void record_open(const struct fr_wait *w, const char *name, int flags, int fd)
{
	uint64_t err = fr_err_of(fd);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end_quick(w, &now, &dur);
	struct fr_blob path;

	if (!t)
		return;
	path = fd >= 0 ? fr_host_text_read(name) : fr_host_text(name);
	if (fd >= 0) {
		fr_fd_open(fd, kind_by_flags(flags), now, w->stack);
		fr_fd_path(fd, path);
	}
	if (fr_level_now(FR_CLASS_IO) == FR_LEVEL_FULL ||
	    (fr_level_now(FR_CLASS_IO) > FR_LEVEL_OFF && (err || dur >= fr_slow_ticks))) {
		fr_put_cold(t, FR_EV_FD_OPEN, fr_wait_tier(dur, err && err != ENOENT), now,
			    w->stack,
			    FR_ARGS(FD_OPEN, .fd = fd, .path = &path, .flags = flags, .dur = dur,
				    .err = err, .via = w->call));
	}
	fr_leave(t);
}

/* Most of them: REAL is open or something that takes the same. */
static FR_ALWAYS_INLINE int open_by(__typeof__(open) *real, enum fr_hook via, const char *path,
				    int flags, mode_t mode, struct fr_site s)
{
	struct fr_wait w;
	int fd;

	if (!fr_fd_kept())
		return real(path, flags, mode);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, fd, real(path, flags, mode));
	record_open(&w, path, flags, fd);
	return fd;
}

static FR_ALWAYS_INLINE int openat_by(__typeof__(openat) *real, enum fr_hook via, int dir,
				      const char *path, int flags, mode_t mode, struct fr_site s)
{
	struct fr_wait w;
	int fd;

	if (!fr_fd_kept())
		return real(dir, path, flags, mode);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, fd, real(dir, path, flags, mode));
	record_open(&w, path, flags, fd);
	return fd;
}

/* The mode is there only with these; libc reads it by the same rule. */
static inline bool has_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

FR_HOOK int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_by(FR_REAL(open), FR_HOOK_open, path, flags, mode, FR_SITE());
}

FR_HOOK int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_by(FR_REAL(open64), FR_HOOK_open64, path, flags, mode, FR_SITE());
}

FR_HOOK int __open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_by(FR_REAL_OLD(open), FR_HOOK___open, path, flags, mode, FR_SITE());
}

FR_HOOK int __open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_by(FR_REAL_OLD(open64), FR_HOOK___open64, path, flags, mode, FR_SITE());
}

FR_HOOK int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return openat_by(FR_REAL(openat), FR_HOOK_openat, dir, path, flags, mode, FR_SITE());
}

FR_HOOK int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return openat_by(FR_REAL(openat64), FR_HOOK_openat64, dir, path, flags, mode, FR_SITE());
}

static FR_ALWAYS_INLINE int creat_by(__typeof__(creat) *real, enum fr_hook via, const char *path,
				     mode_t mode, struct fr_site s)
{
	struct fr_wait w;
	int fd;

	if (!fr_fd_kept())
		return real(path, mode);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, fd, real(path, mode));
	record_open(&w, path, O_CREAT | O_WRONLY | O_TRUNC, fd);
	return fd;
}

FR_HOOK int creat(const char *path, mode_t mode)
{
	return creat_by(FR_REAL(creat), FR_HOOK_creat, path, mode, FR_SITE());
}

FR_HOOK int creat64(const char *path, mode_t mode)
{
	return creat_by(FR_REAL(creat64), FR_HOOK_creat64, path, mode, FR_SITE());
}

/* Fortified programs: the real ones abort the program when a mode is missing. */
static FR_ALWAYS_INLINE int open_2_by(__typeof__(__open_2) *real, enum fr_hook via,
				      const char *path, int flags, struct fr_site s)
{
	struct fr_wait w;
	int fd;

	if (!fr_fd_kept())
		return real(path, flags);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, fd, real(path, flags));
	record_open(&w, path, flags, fd);
	return fd;
}

FR_HOOK int __open_2(const char *path, int flags)
{
	return open_2_by(FR_REAL(__open_2), FR_HOOK___open_2, path, flags, FR_SITE());
}

FR_HOOK int __open64_2(const char *path, int flags)
{
	return open_2_by(FR_REAL(__open64_2), FR_HOOK___open64_2, path, flags, FR_SITE());
}

static FR_ALWAYS_INLINE int openat_2_by(__typeof__(__openat_2) *real, enum fr_hook via, int dir,
					const char *path, int flags, struct fr_site s)
{
	struct fr_wait w;
	int fd;

	if (!fr_fd_kept())
		return real(dir, path, flags);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, fd, real(dir, path, flags));
	record_open(&w, path, flags, fd);
	return fd;
}

FR_HOOK int __openat_2(int dir, const char *path, int flags)
{
	return openat_2_by(FR_REAL(__openat_2), FR_HOOK___openat_2, dir, path, flags, FR_SITE());
}

FR_HOOK int __openat64_2(int dir, const char *path, int flags)
{
	return openat_2_by(FR_REAL(__openat64_2), FR_HOOK___openat64_2, dir, path, flags,
			   FR_SITE());
}

/* ---- objects that connect threads ------------------------------------------------------------ */

/* FD2 < 0: a single descriptor. */
static void record_made(int fd, int fd2, enum fr_fd_kind kind, uint64_t err, enum fr_hook via,
			struct fr_site s)
{
	struct fr_thread *t = fr_enter();
	uint32_t stack;
	uint64_t now;

	if (!t)
		return;
	now = fr_clock_ticks();
	stack = fr_stack_get(t, s);
	if (fd >= 0)
		fr_fd_open(fd, kind, now, stack);
	if (fd2 >= 0)
		fr_fd_open(fd2, kind, now, stack);
	if (fr_level_now(FR_CLASS_IO) <= FR_LEVEL_OFF)
		;
	else if (kind == FR_FD_PIPE || kind == FR_FD_SOCKET)
		fr_put_cold(t, FR_EV_FD_PAIR, FR_TIER_RARE, now, stack,
			    FR_ARGS(FD_PAIR, .fd = fd, .fd2 = fd2, .kind = kind, .err = err,
				    .via = via));
	else
		fr_put_cold(t, FR_EV_FD_MAKE, FR_TIER_RARE, now, stack,
			    FR_ARGS(FD_MAKE, .fd = fd, .kind = kind, .err = err, .via = via));
	fr_leave(t);
}

static int pair_made(const int *fds, int rc, enum fr_fd_kind kind, enum fr_hook via,
		     struct fr_site s)
{
	if (fr_fd_kept())
		record_made(rc == 0 ? fds[0] : -1, rc == 0 ? fds[1] : -1, kind, fr_err_of(rc), via,
			    s);
	return rc;
}

FR_HOOK int pipe(int fds[2])
{
	return pair_made(fds, FR_REAL(pipe)(fds), FR_FD_PIPE, FR_HOOK_pipe, FR_SITE());
}

FR_HOOK int __pipe(int fds[2])
{
	return pair_made(fds, FR_REAL_OLD(pipe)(fds), FR_FD_PIPE, FR_HOOK___pipe, FR_SITE());
}

FR_HOOK int pipe2(int fds[2], int flags)
{
	return pair_made(fds, FR_REAL(pipe2)(fds, flags), FR_FD_PIPE, FR_HOOK_pipe2, FR_SITE());
}

FR_HOOK int socketpair(int domain, int type, int protocol, int fds[2])
{
	return pair_made(fds, FR_REAL(socketpair)(domain, type, protocol, fds), FR_FD_SOCKET,
			 FR_HOOK_socketpair, FR_SITE());
}

static int one_made(int fd, enum fr_fd_kind kind, enum fr_hook via, struct fr_site s)
{
	if (fr_fd_kept())
		record_made(fd, -1, kind, fr_err_of(fd), via, s);
	return fd;
}

FR_HOOK int eventfd(unsigned int value, int flags)
{
	return one_made(FR_REAL(eventfd)(value, flags), FR_FD_EVENTFD, FR_HOOK_eventfd, FR_SITE());
}

FR_HOOK int epoll_create(int size)
{
	return one_made(FR_REAL(epoll_create)(size), FR_FD_EPOLL, FR_HOOK_epoll_create, FR_SITE());
}

FR_HOOK int epoll_create1(int flags)
{
	return one_made(FR_REAL(epoll_create1)(flags), FR_FD_EPOLL, FR_HOOK_epoll_create1,
			FR_SITE());
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* FD is the result. Its number was never free: what it was before ends only now. */
int fr_fd_copied(int old, int fd, uint32_t via, struct fr_site s)
{
	struct fr_thread *t;
	uint64_t err;

	if (!fr_fd_kept() || !fr_thread_reclaim())
		return fd;
	err = fr_err_of(fd);
	if (fd >= 0 && fd != old) {
		fr_fd_end(fd, via, s);
		fr_fd_dup(old, fd);
	}
	t = fr_level_now(FR_CLASS_IO) > FR_LEVEL_OFF ? fr_enter() : NULL;
	if (!t)
		return fd;
	fr_put_cold(t, FR_EV_FD_DUP, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(FD_DUP, .old = old, .fd = fd, .kind = fr_fd_kind(old), .err = err,
			    .via = via));
	fr_leave(t);
	return fd;
}

FR_HOOK int dup(int old)
{
	return fr_fd_copied(old, FR_REAL(dup)(old), FR_HOOK_dup, FR_SITE());
}

FR_HOOK int dup2(int old, int fd)
{
	return fr_fd_copied(old, FR_REAL(dup2)(old, fd), FR_HOOK_dup2, FR_SITE());
}

FR_HOOK int __dup2(int old, int fd)
{
	return fr_fd_copied(old, FR_REAL_OLD(dup2)(old, fd), FR_HOOK___dup2, FR_SITE());
}

FR_HOOK int dup3(int old, int fd, int flags)
{
	return fr_fd_copied(old, FR_REAL(dup3)(old, fd, flags), FR_HOOK_dup3, FR_SITE());
}

/* ---- close ----------------------------------------------------------------------------------- */

/*
 * FD is about to be closed. Gives the time if the table does not know that it is open, which the
 * kernel may be about to say as well; else 0.
 */
static uint64_t closing(int fd, enum fr_hook via, struct fr_site s)
{
	const struct fr_fd_rec *r = fr_fd_kept() ? fr_fd_rec(fd) : NULL;

	if (!r)
		return 0;
	if (r->x_kind == FR_FD_CLOSED)
		return fr_clock_ticks();
	fr_fd_end(fd, via, s);
	return 0;
}

/* FD, of which closing() has said BEGAN, was closed or not. */
static inline void closed(int fd, uint64_t began, int rc, enum fr_hook via, struct fr_site s)
{
	if (unlikely(rc < 0) && errno == EBADF)
		fr_fd_bad(fd, began, via, s);
	else if (unlikely(began) && rc == 0)
		fr_fd_ended(fd, began, s);
}

FR_HOOK int close(int fd)
{
	uint64_t began = closing(fd, FR_HOOK_close, FR_SITE());
	int rc = FR_REAL(close)(fd);

	closed(fd, began, rc, FR_HOOK_close, FR_SITE());
	return rc;
}

FR_HOOK int __close(int fd)
{
	uint64_t began = closing(fd, FR_HOOK___close, FR_SITE());
	int rc = FR_REAL_OLD(close)(fd);

	closed(fd, began, rc, FR_HOOK___close, FR_SITE());
	return rc;
}

FR_HOOK int close_range(unsigned int first, unsigned int last, int flags)
{
	if (fr_fd_kept() && !(flags & CLOSE_RANGE_CLOEXEC))
		fr_fd_end_range(first, last, FR_HOOK_close_range, FR_SITE());
	return FR_REAL(close_range)(first, last, flags);
}

FR_HOOK void closefrom(int first)
{
	if (fr_fd_kept())
		fr_fd_end_range(first < 0 ? 0 : (unsigned int)first, ~0u, FR_HOOK_closefrom,
				FR_SITE());
	FR_REAL(closefrom)(first);
}

/* _fileno is -1 for streams without a descriptor. */
FR_HOOK int fclose(FILE *f)
{
	int fd = f->_fileno;
	uint64_t began = closing(fd, FR_HOOK_fclose, FR_SITE());
	int rc = FR_REAL(fclose)(f);

	closed(fd, began, rc, FR_HOOK_fclose, FR_SITE());
	return rc;
}

FR_HOOK int closedir(DIR *d)
{
	DIR *volatile given = d; /* libc answers closedir(NULL), whatever its header says */
	int fd = given ? dirfd(d) : -1;
	uint64_t began = given ? closing(fd, FR_HOOK_closedir, FR_SITE()) : 0;
	int rc = FR_REAL(closedir)(d);

	closed(fd, began, rc, FR_HOOK_closedir, FR_SITE());
	return rc;
}

FR_HOOK FILE *freopen(const char *path, const char *mode, FILE *f)
{
	if (fr_fd_kept())
		fr_fd_end(f->_fileno, FR_HOOK_freopen, FR_SITE());
	return FR_REAL(freopen)(path, mode, f);
}

FR_HOOK FILE *freopen64(const char *path, const char *mode, FILE *f)
{
	if (fr_fd_kept())
		fr_fd_end(f->_fileno, FR_HOOK_freopen64, FR_SITE());
	return FR_REAL(freopen64)(path, mode, f);
}
