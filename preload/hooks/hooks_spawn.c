/* SPDX-License-Identifier: MIT */
/*
 * hooks_spawn.c - replacement functions: another process with another program, in one call.
 *
 * posix_spawn, system and popen make their children inside libc, where no hook runs: recorded is
 * the call. As with exec, a program whose loader cannot take libfr.so gets an environment without
 * us (preload_env.h), recorded or not. system and popen run the system's shell, which can.
 */
#include <spawn.h>
#include <stdio.h>

#include "core/real.h"
#include "host/preload_env.h"
#include "record/host.h"
#include "record/wait.h"

struct spawned {
	enum fr_hook via;
	int64_t pid; /* 0 = not known */
	const char *path;
	int64_t status;
	uint64_t err;
};

static void record_spawn(const struct fr_wait *w, const struct spawned *c)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	struct fr_blob path;

	if (!t)
		return;
	path = fr_host_text(c->path);
	fr_put_cold(t, FR_EV_PROCESS_SPAWN, FR_TIER_RARE, now, w->stack,
		    FR_ARGS(PROCESS_SPAWN, .pid = c->pid, .path = &path, .dur = dur,
			    .status = c->status, .err = c->err, .via = c->via));
	fr_leave(t);
}

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_THREAD) != FR_LEVEL_OFF;
}

typedef int spawn_fn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);

/* The arguments of both forms. */
struct spawn {
	spawn_fn *real;
	enum fr_hook via;
	bool search;
	pid_t *pid;
	const char *file;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
	char *const *argv;
};

static int spawning(const struct spawn *s, char *const *envp, struct fr_site site)
{
	struct spawned c = {.via = s->via, .path = s->file};
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return s->real(s->pid, s->file, s->actions, s->attr, s->argv, envp);
	fr_wait_begin(&w, site, c.via, 0, 0, 0);
	rc = s->real(s->pid, s->file, s->actions, s->attr, s->argv, envp);
	c.err = (uint64_t)rc;
	c.pid = rc == 0 && s->pid ? *s->pid : 0;
	record_spawn(&w, &c);
	return rc;
}

/* The child gets an environment without us where its loader cannot take us. */
static int spawn(const struct spawn *s, char *const *envp, struct fr_site site)
{
	const struct fr_program p = {.dir = AT_FDCWD,
				     .path = s->file,
				     .search = s->search,
				     .elsewhere = s->actions != NULL};
	struct fr_env e = fr_env_prepare(&p, envp);
	char room[e.on_stack + FR_ENV_ALIGN];
	int rc = spawning(s, fr_env_for(&e, room), site);

	fr_env_end(&e);
	return rc;
}

FR_HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct spawn s = {NULL, FR_HOOK_posix_spawn, false, NULL, path, actions, attr, argv};

	s.real = FR_REAL(posix_spawn);
	s.pid = pid;
	return spawn(&s, envp, FR_SITE());
}

FR_HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct spawn s = {NULL, FR_HOOK_posix_spawnp, true, NULL, file, actions, attr, argv};

	s.real = FR_REAL(posix_spawnp);
	s.pid = pid;
	return spawn(&s, envp, FR_SITE());
}

/* Command lines are never recorded: people write passwords there. The stack says which it is. */
FR_HOOK int system(const char *command)
{
	struct spawned c = {.via = FR_HOOK_system, .path = "/bin/sh"};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(system)(command);
	fr_wait_begin(&w, FR_SITE(), c.via, 0, 0, 0);
	c.status = fr_real.system(command);
	c.err = c.status < 0 ? (uint64_t)errno : 0;
	record_spawn(&w, &c);
	return (int)c.status;
}

FR_HOOK FILE *popen(const char *command, const char *mode)
{
	struct spawned c = {.via = FR_HOOK_popen, .path = "/bin/sh"};
	struct fr_wait w;
	FILE *f;

	if (!is_recorded())
		return FR_REAL(popen)(command, mode);
	fr_wait_begin(&w, FR_SITE(), c.via, 0, 0, 0);
	f = fr_real.popen(command, mode);
	c.err = f ? 0 : (uint64_t)errno;
	record_spawn(&w, &c);
	return f;
}
