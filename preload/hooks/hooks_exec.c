/* SPDX-License-Identifier: MIT */
/*
 * hooks_exec.c - replacement functions: becoming another program, or by daemon() another process.
 *
 * Recorded before the call, because there is no after; a second event says that it failed. The
 * region loses its name before the call (region_name.h) and gets it again after a failure. In a
 * vfork child all this is the parent's: only the event is written. A forked child that has not
 * recorded yet passes through: it has nothing to lose. Recorded or not: a program whose loader
 * cannot take libfr.so gets an environment without us (preload_env.h), and nothing else of the call
 * is changed.
 *
 * Context: forked and vfork children, signal handlers. Must not: allocate, look at argv (but for
 * the l-forms, whose arguments are put on the stack as libc does it), give birth.
 */
#include <stdarg.h>
#include <unistd.h>

#include "core/real.h"
#include "host/preload_env.h"
#include "keep/region_name.h"
#include "keep/snapshot.h"
#include "record/host.h"
#include "record/wait.h"

struct exec {
	const char *path;
	enum fr_hook via;
	bool unnamed;
	bool locked;
};

static void record(enum fr_event ev, const struct exec *x, uint64_t err, struct fr_site s)
{
	struct fr_thread *t = fr_enter();
	bool lent = !t && (t = fr_enter_lent()); /* a vfork child: an event of its parent's */
	struct fr_blob path;
	const uint64_t *args;

	if (!t)
		return;
	path = fr_host_text(x->path);
	args = ev == FR_EV_PROCESS_EXEC
		       ? FR_ARGS(PROCESS_EXEC, .path = &path, .via = x->via)
		       : FR_ARGS(PROCESS_EXEC_FAILED, .path = &path, .err = err, .via = x->via);
	fr_put_cold(t, ev, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, s), args);
	if (lent)
		fr_leave_lent(t);
	else
		fr_leave(t);
}

/* REMOVE_NAME: by what PATH is: the file itself, a name to be searched for, or neither. */
static struct exec begin(const char *path, bool (*remove_name)(const char *), enum fr_hook via,
			 struct fr_site s)
{
	struct exec x = {.path = path, .via = via};

	if (FR_LEVEL(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		record(FR_EV_PROCESS_EXEC, &x, 0, s);
	x.locked = fr_snapshot_lock(); /* exec would end its writer half way */
	x.unnamed = remove_name(path);
	return x;
}

static int failed(const struct exec *x, int rc, struct fr_site s)
{
	if (x->unnamed)
		fr_region_name_restore();
	fr_snapshot_unlock(x->locked);
	if (FR_LEVEL(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		record(FR_EV_PROCESS_EXEC_FAILED, x, (uint64_t)errno, s);
	return rc;
}

/* Neither a name nor a path says what it is. */
static bool remove_unseen(const char *path)
{
	return fr_region_name_remove();
}

/*
 * PROGRAM: struct fr_program of what is to run. CALL has the environment as env_. PLAIN: the call
 * of a form that takes none, for when nothing is to be cut.
 */
#define EXEC_ENV(fn, program, remove_name, envp, plain, call)                                      \
	({                                                                                         \
		const struct fr_site s_ = FR_SITE();                                               \
		const struct fr_program p_ = program;                                              \
		struct fr_env e_ = fr_env_prepare(&p_, envp);                                      \
		char room_[e_.on_stack + FR_ENV_ALIGN];                                            \
		char *const *env_ = fr_env_for(&e_, room_);                                        \
		const struct exec x_ =                                                             \
			begin(p_.path ? p_.path : "", remove_name, FR_HOOK_##fn, s_);              \
		int rc_ = failed(&x_, e_.size ? call : plain, s_);                                 \
                                                                                                   \
		fr_env_end(&e_);                                                                   \
		rc_;                                                                               \
	})

#define EXEC(fn, program, remove_name, envp, call)                                                 \
	EXEC_ENV(fn, program, remove_name, envp, call, call)

#define AT(path_) ((struct fr_program){.dir = AT_FDCWD, .path = path_})
#define SEARCHED(file_) ((struct fr_program){.dir = AT_FDCWD, .path = file_, .search = true})

FR_HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
	return EXEC(execve, AT(path), fr_region_name_remove_for_exec, envp,
		    FR_REAL(execve)(path, argv, env_));
}

FR_HOOK int execv(const char *path, char *const argv[])
{
	return EXEC_ENV(execv, AT(path), fr_region_name_remove_for_exec, environ,
			FR_REAL(execv)(path, argv), FR_REAL(execve)(path, argv, env_));
}

FR_HOOK int execvp(const char *file, char *const argv[])
{
	return EXEC_ENV(execvp, SEARCHED(file), fr_region_name_remove_for_execvp, environ,
			FR_REAL(execvp)(file, argv), FR_REAL(execvpe)(file, argv, env_));
}

FR_HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return EXEC(execvpe, SEARCHED(file), fr_region_name_remove_for_execvp, envp,
		    FR_REAL(execvpe)(file, argv, env_));
}

FR_HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
	return EXEC(fexecve, ((struct fr_program){.dir = fd}), remove_unseen, envp,
		    FR_REAL(fexecve)(fd, argv, env_));
}

FR_HOOK int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	return EXEC(execveat, ((struct fr_program){.dir = dir, .path = path, .flags = flags}),
		    remove_unseen, envp, FR_REAL(execveat)(dir, path, argv, env_, flags));
}

/* ---- arguments one by one -------------------------------------------------------------------- */

/* How many arguments stand before the NULL, counted as libc counts them. */
#define COUNT_ARGS(n, arg)                                                                         \
	do {                                                                                       \
		va_list ap_;                                                                       \
                                                                                                   \
		va_start(ap_, arg);                                                                \
		for (n = 1; va_arg(ap_, const char *); n++)                                        \
			;                                                                          \
		va_end(ap_);                                                                       \
	} while (0)

/* ARGV, of N + 1 places, with the NULL. AP is left behind it, where execle's environment is. */
#define TAKE_ARGS(argv, n, arg, ap)                                                                \
	do {                                                                                       \
		va_start(ap, arg);                                                                 \
		argv[0] = (char *)arg;                                                             \
		for (size_t i_ = 1; i_ <= n; i_++)                                                 \
			argv[i_] = va_arg(ap, char *);                                             \
	} while (0)

FR_HOOK int execl(const char *path, const char *arg, ...)
{
	va_list ap;
	size_t n;

	COUNT_ARGS(n, arg);
	char *argv[n + 1];

	TAKE_ARGS(argv, n, arg, ap);
	va_end(ap);
	return EXEC_ENV(execl, AT(path), fr_region_name_remove_for_exec, environ,
			FR_REAL(execv)(path, argv), FR_REAL(execve)(path, argv, env_));
}

FR_HOOK int execlp(const char *file, const char *arg, ...)
{
	va_list ap;
	size_t n;

	COUNT_ARGS(n, arg);
	char *argv[n + 1];

	TAKE_ARGS(argv, n, arg, ap);
	va_end(ap);
	return EXEC_ENV(execlp, SEARCHED(file), fr_region_name_remove_for_execvp, environ,
			FR_REAL(execvp)(file, argv), FR_REAL(execvpe)(file, argv, env_));
}

FR_HOOK int execle(const char *path, const char *arg, ...)
{
	char *const *envp;
	va_list ap;
	size_t n;

	COUNT_ARGS(n, arg);
	char *argv[n + 1];

	TAKE_ARGS(argv, n, arg, ap);
	envp = va_arg(ap, char *const *);
	va_end(ap);
	return EXEC(execle, AT(path), fr_region_name_remove_for_exec, envp,
		    FR_REAL(execve)(path, argv, env_));
}

/* ---- becoming a child of oneself ------------------------------------------------------------- */

/* The parent ends by an _exit inside libc, which no hook sees: its region must be gone before. */
FR_HOOK int daemon(int nochdir, int noclose)
{
	bool unnamed, locked;
	int rc;

	if (FR_LEVEL(FR_CLASS_THREAD) <= FR_LEVEL_OFF)
		return FR_REAL(daemon)(nochdir, noclose);
	locked = fr_snapshot_lock();
	unnamed = fr_region_name_remove();
	rc = FR_REAL(daemon)(nochdir, noclose);
	/* the child's gate is wiped: what was unnamed and locked is not its own */
	if (FR_LEVEL(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		return rc;
	if (unnamed)
		fr_region_name_restore();
	fr_snapshot_unlock(locked);
	return rc;
}
