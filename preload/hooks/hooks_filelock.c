/* SPDX-License-Identifier: MIT */
/*
 * hooks_filelock.c - replacement functions: flock, lockf and the locks of fcntl, whose copies of
 * descriptors are told to the table.
 *
 * Locks between processes: who holds one is not known. Level slow records waits and failures.
 * fcntl is variadic: libc takes one argument of a pointer's size whatever the command, so do we.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>

#include "core/real.h"
#include "record/fds.h"
#include "record/wait.h"

enum mode {
	MODE_UNKNOWN = 0,
	MODE_SHARED = 1,
	MODE_EXCLUSIVE = 2,
	MODE_UNLOCK = 3,
};

static bool off(void)
{
	return fr_level(FR_CLASS_LOCK) == FR_LEVEL_OFF;
}

static FR_ALWAYS_INLINE void begin(struct fr_wait *w, int fd, enum fr_hook via, struct fr_site s)
{
	fr_wait_begin(w, s, via, (uint64_t)(int64_t)fd, 0, 0);
}

/* Giving back is stamped before the call. */
static void record(const struct fr_wait *w, enum mode mode, int rc)
{
	uint64_t err = rc < 0 ? (uint64_t)errno : 0;
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	bool slow = dur >= fr_slow_ticks;

	if (!t)
		return;
	if (mode == MODE_UNLOCK && !slow) {
		now = w->t0;
		dur = 0;
	}
	if (slow || err || FR_LEVEL(FR_CLASS_LOCK) == FR_LEVEL_FULL)
		fr_put_cold(t, FR_EV_FILE_LOCK, fr_wait_tier(dur, err != 0), now, w->stack,
			    FR_ARGS(FILE_LOCK, .fd = w->object, .dur = dur, .mode = mode,
				    .err = err, .via = w->call));
	fr_leave(t);
}

static enum mode flock_mode(int op)
{
	switch (op & ~LOCK_NB) {
	case LOCK_SH:
		return MODE_SHARED;
	case LOCK_EX:
		return MODE_EXCLUSIVE;
	case LOCK_UN:
		return MODE_UNLOCK;
	}
	return MODE_UNKNOWN;
}

FR_HOOK int flock(int fd, int op)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(flock)(fd, op);
	begin(&w, fd, FR_HOOK_flock, FR_SITE());
	FR_RETRY(&w, rc, FR_REAL(flock)(fd, op));
	record(&w, flock_mode(op), rc);
	return rc;
}

/* ---- lockf ----------------------------------------------------------------------------------- */

static enum mode lockf_mode(int cmd)
{
	return cmd == F_ULOCK ? MODE_UNLOCK : MODE_EXCLUSIVE;
}

FR_HOOK int lockf(int fd, int cmd, off_t len)
{
	struct fr_wait w;
	int rc;

	if (cmd == F_TEST || off())
		return FR_REAL(lockf)(fd, cmd, len);
	begin(&w, fd, FR_HOOK_lockf, FR_SITE());
	FR_RETRY(&w, rc, FR_REAL(lockf)(fd, cmd, len));
	record(&w, lockf_mode(cmd), rc);
	return rc;
}

FR_HOOK int lockf64(int fd, int cmd, off64_t len)
{
	struct fr_wait w;
	int rc;

	if (cmd == F_TEST || off())
		return FR_REAL(lockf64)(fd, cmd, len);
	begin(&w, fd, FR_HOOK_lockf64, FR_SITE());
	FR_RETRY(&w, rc, FR_REAL(lockf64)(fd, cmd, len));
	record(&w, lockf_mode(cmd), rc);
	return rc;
}

/* ---- fcntl ----------------------------------------------------------------------------------- */

static bool is_lock(int cmd)
{
	return cmd == F_SETLKW || cmd == F_SETLK || cmd == F_OFD_SETLKW || cmd == F_OFD_SETLK;
}

/* After the call: only where the kernel has read the host's structure do we. */
static enum mode fcntl_mode(const struct flock *l, int rc)
{
	if (rc < 0 && errno != EAGAIN && errno != EACCES && errno != EINTR && errno != EDEADLK)
		return MODE_UNKNOWN;
	switch (l->l_type) {
	case F_RDLCK:
		return MODE_SHARED;
	case F_WRLCK:
		return MODE_EXCLUSIVE;
	case F_UNLCK:
		return MODE_UNLOCK;
	}
	return MODE_UNKNOWN;
}

static FR_ALWAYS_INLINE int fcntl_by(__typeof__(fcntl) *real, enum fr_hook via, int fd, int cmd,
				     void *arg, struct fr_site s)
{
	struct fr_wait w;
	int rc;

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return fr_fd_copied(fd, real(fd, cmd, arg), via, s);
	if (!is_lock(cmd) || off())
		return real(fd, cmd, arg);
	begin(&w, fd, via, s);
	FR_RETRY(&w, rc, real(fd, cmd, arg));
	record(&w, fcntl_mode(arg, rc), rc);
	return rc;
}

FR_HOOK int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_by(FR_REAL(fcntl), FR_HOOK_fcntl, fd, cmd, arg, FR_SITE());
}

FR_HOOK int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_by(FR_REAL(fcntl64), FR_HOOK_fcntl64, fd, cmd, arg, FR_SITE());
}

FR_HOOK int __fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl_by(FR_REAL_OLD(fcntl), FR_HOOK___fcntl, fd, cmd, arg, FR_SITE());
}
