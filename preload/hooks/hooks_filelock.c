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

/* Giving back is stamped before the call. */
static void record(const struct fr_wait *w, int fd, enum mode mode, int rc, enum fr_hook via)
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
			    FR_ARGS(FILE_LOCK, .fd = fd, .dur = dur, .mode = mode, .err = err,
				    .via = via));
	fr_leave(t);
}

/* MODE may use rc_, the result. */
#define FILE_LOCK(fd, mode, via, call)                                                             \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		int rc_;                                                                           \
                                                                                                   \
		fr_wait_begin(&w_, FR_SITE(), via, (uint64_t)(int64_t)(fd), 0, 0);                 \
		do {                                                                               \
			rc_ = call;                                                                \
		} while (rc_ < 0 && fr_wait_our_eintr(&w_));                                       \
		record(&w_, fd, mode, rc_, via);                                                   \
		rc_;                                                                               \
	})

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
	if (off())
		return FR_REAL(flock)(fd, op);
	return FILE_LOCK(fd, flock_mode(op), FR_HOOK_flock, FR_REAL(flock)(fd, op));
}

/* ---- lockf --------------------------------------------------------------------------------- */

static enum mode lockf_mode(int cmd)
{
	return cmd == F_ULOCK ? MODE_UNLOCK : MODE_EXCLUSIVE;
}

FR_HOOK int lockf(int fd, int cmd, off_t len)
{
	if (cmd == F_TEST || off())
		return FR_REAL(lockf)(fd, cmd, len);
	return FILE_LOCK(fd, lockf_mode(cmd), FR_HOOK_lockf, FR_REAL(lockf)(fd, cmd, len));
}

FR_HOOK int lockf64(int fd, int cmd, off64_t len)
{
	if (cmd == F_TEST || off())
		return FR_REAL(lockf64)(fd, cmd, len);
	return FILE_LOCK(fd, lockf_mode(cmd), FR_HOOK_lockf64, FR_REAL(lockf64)(fd, cmd, len));
}

/* ---- fcntl --------------------------------------------------------------------------------- */

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

#define FCNTL(fn, real)                                                                            \
	FR_HOOK int fn(int fd, int cmd, ...)                                                       \
	{                                                                                          \
		va_list ap;                                                                        \
		void *arg;                                                                         \
                                                                                                   \
		va_start(ap, cmd);                                                                 \
		arg = va_arg(ap, void *);                                                          \
		va_end(ap);                                                                        \
		if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)                                      \
			return fr_fd_copied(fd, real(fd, cmd, arg), FR_HOOK_##fn, FR_SITE());      \
		if (!is_lock(cmd) || off())                                                        \
			return real(fd, cmd, arg);                                                 \
		return FILE_LOCK(fd, fcntl_mode(arg, rc_), FR_HOOK_##fn, real(fd, cmd, arg));      \
	}

FCNTL(fcntl, FR_REAL(fcntl))
FCNTL(fcntl64, FR_REAL(fcntl64))
FCNTL(__fcntl, FR_REAL_OLD(fcntl))
