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

/* A call of the family, as the host has made it. */
struct call {
	enum fr_hook via;
	struct fr_program program;
	char *const *argv;
	char *const *envp;
};

/* What is taken back when it fails. */
struct undo {
	bool unnamed;
	bool locked;
};

static void record(enum fr_event ev, const struct call *c, uint64_t err, struct fr_site s)
{
	struct fr_thread *t = fr_enter();
	bool lent = !t && (t = fr_enter_lent()); /* a vfork child: an event of its parent's */
	struct fr_blob path;
	const uint64_t *args;

	if (!t)
		return;
	path = fr_host_text(c->program.path ? c->program.path : "");
	args = ev == FR_EV_PROCESS_EXEC
		       ? FR_ARGS(PROCESS_EXEC, .path = &path, .via = c->via)
		       : FR_ARGS(PROCESS_EXEC_FAILED, .path = &path, .err = err, .via = c->via);
	fr_put_cold(t, ev, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, s), args);
	if (lent)
		fr_leave_lent(t);
	else
		fr_leave(t);
}

/* By what the program is given by: neither a descriptor nor a path from one says what it is. */
static bool remove_name(const struct call *c)
{
	const char *path = c->program.path ? c->program.path : "";

	if (c->via == FR_HOOK_fexecve || c->via == FR_HOOK_execveat)
		return fr_region_name_remove();
	return c->program.search ? fr_region_name_remove_for_execvp(path)
				 : fr_region_name_remove_for_exec(path);
}

static struct undo begin(const struct call *c, struct fr_site s)
{
	struct undo u;

	if (fr_level_now(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		record(FR_EV_PROCESS_EXEC, c, 0, s);
	u.locked = fr_snapshot_lock(); /* exec would end its writer half way, and leave the file */
	u.unnamed = remove_name(c);
	return u;
}

static int failed(const struct call *c, struct undo u, int rc, struct fr_site s)
{
	if (u.unnamed)
		fr_region_name_restore();
	fr_snapshot_unlock(u.locked);
	if (fr_level_now(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		record(FR_EV_PROCESS_EXEC_FAILED, c, (uint64_t)errno, s);
	return rc;
}

/* The real call. A form without an environment needs one that takes one only if ENV was cut. */
static int call_real(const struct call *c, char *const *env)
{
	const struct fr_program *p = &c->program;
	bool cut = env != c->envp;

	switch (c->via) {
	case FR_HOOK_execv:
	case FR_HOOK_execl:
		return cut ? FR_REAL(execve)(p->path, c->argv, env)
			   : FR_REAL(execv)(p->path, c->argv);
	case FR_HOOK_execvp:
	case FR_HOOK_execlp:
		return cut ? FR_REAL(execvpe)(p->path, c->argv, env)
			   : FR_REAL(execvp)(p->path, c->argv);
	case FR_HOOK_execvpe:
		return FR_REAL(execvpe)(p->path, c->argv, env);
	case FR_HOOK_fexecve:
		return FR_REAL(fexecve)(p->dir, c->argv, env);
	case FR_HOOK_execveat:
		return FR_REAL(execveat)(p->dir, p->path, c->argv, env, p->flags);
	default: /* execve, execle */
		return FR_REAL(execve)(p->path, c->argv, env);
	}
}

static int run(const struct call *c, struct fr_site s)
{
	struct fr_env e = fr_env_prepare(&c->program, c->envp);
	char room[e.on_stack + FR_ENV_ALIGN];
	char *const *env = fr_env_for(&e, room);
	struct undo u = begin(c, s);
	int rc = failed(c, u, call_real(c, env), s);

	fr_env_end(&e);
	return rc;
}

static struct fr_program by_path(const char *path)
{
	return (struct fr_program){.dir = AT_FDCWD, .path = path};
}

static struct fr_program by_search(const char *file)
{
	return (struct fr_program){.dir = AT_FDCWD, .path = file, .search = true};
}

FR_HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
	const struct call c = {FR_HOOK_execve, by_path(path), argv, envp};

	return run(&c, FR_SITE());
}

FR_HOOK int execv(const char *path, char *const argv[])
{
	const struct call c = {FR_HOOK_execv, by_path(path), argv, environ};

	return run(&c, FR_SITE());
}

FR_HOOK int execvp(const char *file, char *const argv[])
{
	const struct call c = {FR_HOOK_execvp, by_search(file), argv, environ};

	return run(&c, FR_SITE());
}

FR_HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
	const struct call c = {FR_HOOK_execvpe, by_search(file), argv, envp};

	return run(&c, FR_SITE());
}

FR_HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
	const struct call c = {FR_HOOK_fexecve, {.dir = fd}, argv, envp};

	return run(&c, FR_SITE());
}

FR_HOOK int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	const struct fr_program p = {.dir = dir, .path = path, .flags = flags};
	const struct call c = {FR_HOOK_execveat, p, argv, envp};

	return run(&c, FR_SITE());
}

/* ---- arguments one by one -------------------------------------------------------------------- */

/* How many arguments stand before the NULL, the first included, counted as libc counts them. */
static size_t count(va_list ap)
{
	size_t n = 1;

	while (va_arg(ap, const char *))
		n++;
	return n;
}

/* AP: all behind FIRST up to the NULL, and behind that execle's environment. */
static int run_list(struct call c, const char *first, va_list ap, struct fr_site s)
{
	va_list ahead;
	size_t n;

	va_copy(ahead, ap);
	n = count(ahead);
	va_end(ahead);
	char *argv[n + 1];

	argv[0] = (char *)first;
	for (size_t i = 1; i <= n; i++)
		argv[i] = va_arg(ap, char *);
	c.argv = argv;
	c.envp = c.via == FR_HOOK_execle ? va_arg(ap, char *const *) : environ;
	return run(&c, s);
}

FR_HOOK int execl(const char *path, const char *arg, ...)
{
	const struct call c = {.via = FR_HOOK_execl, .program = by_path(path)};
	va_list ap;
	int rc;

	va_start(ap, arg);
	rc = run_list(c, arg, ap, FR_SITE());
	va_end(ap);
	return rc;
}

FR_HOOK int execlp(const char *file, const char *arg, ...)
{
	const struct call c = {.via = FR_HOOK_execlp, .program = by_search(file)};
	va_list ap;
	int rc;

	va_start(ap, arg);
	rc = run_list(c, arg, ap, FR_SITE());
	va_end(ap);
	return rc;
}

FR_HOOK int execle(const char *path, const char *arg, ...)
{
	const struct call c = {.via = FR_HOOK_execle, .program = by_path(path)};
	va_list ap;
	int rc;

	va_start(ap, arg);
	rc = run_list(c, arg, ap, FR_SITE());
	va_end(ap);
	return rc;
}

/* ---- becoming a child of oneself ------------------------------------------------------------- */

/* The parent ends by an _exit inside libc, which no hook sees: its region must be gone before. */
FR_HOOK int daemon(int nochdir, int noclose)
{
	bool unnamed, locked;
	int rc;

	if (fr_level_now(FR_CLASS_THREAD) <= FR_LEVEL_OFF)
		return FR_REAL(daemon)(nochdir, noclose);
	locked = fr_snapshot_lock();
	unnamed = fr_region_name_remove();
	rc = FR_REAL(daemon)(nochdir, noclose);
	/* the child's gate is wiped: what was unnamed and held is not its own */
	if (fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		return rc;
	if (unnamed)
		fr_region_name_restore();
	fr_snapshot_unlock(locked);
	return rc;
}
