/* SPDX-License-Identifier: MIT */
/*
 * starts.c PROGRAM [UNSET] - starts PROGRAM (a path with a slash, its directory stands in PATH) in
 * every form and from every kind of place, and says how each ended. What the program prints stands
 * between. UNSET: with an environment without LD_PRELOAD.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "truth.h"

static const char *path, *name;
static char **env;

#define EXEC_FORM(id, call)                                                                        \
	static void by_##id(void)                                                                  \
	{                                                                                          \
		call;                                                                              \
	}
#define ARGV ((char *[]){(char *)path, "a", NULL})
EXEC_FORM(execve, execve(path, ARGV, env))
EXEC_FORM(execv, execv(path, ARGV))
EXEC_FORM(execvp, execvp(name, ARGV))
EXEC_FORM(execvp_path, execvp(path, ARGV))
EXEC_FORM(execvpe, execvpe(name, ARGV, env))
EXEC_FORM(execl, execl(path, path, "a", NULL))
EXEC_FORM(execlp, execlp(name, path, "a", NULL))
EXEC_FORM(execle, execle(path, path, "a", NULL, env))
EXEC_FORM(fexecve, fexecve(open(path, O_RDONLY), ARGV, env))
EXEC_FORM(fexecve_path, fexecve(open(path, O_PATH), ARGV, env))
EXEC_FORM(execveat, execveat(AT_FDCWD, path, ARGV, env, 0))
EXEC_FORM(execveat_empty, execveat(open(path, O_RDONLY), "", ARGV, env, AT_EMPTY_PATH))

static const struct form {
	const char *id;
	void (*exec)(void);
} forms[] = {
#define FORM(id)                                                                                   \
	{                                                                                          \
#id, by_##id                                                                       \
	}
	FORM(execve),  FORM(execv),        FORM(execvp),   FORM(execvp_path),
	FORM(execvpe), FORM(execl),        FORM(execlp),   FORM(execle),
	FORM(fexecve), FORM(fexecve_path), FORM(execveat), FORM(execveat_empty),
};

static void *lock_and_exec(void *form)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&m); /* a child that has recorded something */
	pthread_mutex_unlock(&m);
	((const struct form *)form)->exec();
	_exit(90);
}

static const struct form *signalled;

static void handler(int sig)
{
	signalled->exec();
	_exit(91);
}

static int ended(pid_t pid)
{
	int status = -1;

	if (pid < 0)
		broken("fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int in_fork(const struct form *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		f->exec();
		_exit(92);
	}
	return ended(pid);
}

static int in_born_child(const struct form *f)
{
	pid_t pid = fork();

	if (pid == 0)
		lock_and_exec((void *)f);
	return ended(pid);
}

static int in_handler(const struct form *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		signalled = f;
		signal(SIGUSR2, handler);
		raise(SIGUSR2);
	}
	return ended(pid);
}

static int in_vfork(const struct form *f)
{
	pid_t pid = vfork();

	if (pid == 0) {
		f->exec();
		_exit(93);
	}
	return ended(pid);
}

static int small_status;

static void *small(void *f)
{
	small_status = in_vfork(f);
	return NULL;
}

static int in_small_thread(const struct form *f)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	if (pthread_create(&t, &attr, small, (void *)f))
		broken("pthread_create");
	pthread_join(t, NULL);
	return small_status;
}

static const struct place {
	const char *id;
	int (*run)(const struct form *);
} places[] = {
	{"fork", in_fork},   {"born", in_born_child},    {"handler", in_handler},
	{"vfork", in_vfork}, {"small", in_small_thread},
};

static void spawns(void)
{
	pid_t pid = -1;
	int rc;

	rc = posix_spawn(&pid, path, NULL, NULL, ARGV, env);
	say("posix_spawn %d %x", rc, rc ? 0 : ended(pid));
	rc = posix_spawnp(&pid, name, NULL, NULL, ARGV, env);
	say("posix_spawnp %d %x", rc, rc ? 0 : ended(pid));
}

/* Lines of the kernel's list of our mappings: a copy left behind would be one more. */
static int mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int n = 0, c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	int before = 0;

	path = argv[1];
	name = strrchr(path, '/') + 1;
	env = environ;
	for (int i = 0; argc > 2 && environ[i]; i++) {
		if (strncmp(environ[i], "LD_PRELOAD=", 11) == 0)
			environ[i] = "T_UNSET=1";
	}
	for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
		for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++)
			say("%s %s %x", places[p].id, forms[f].id, places[p].run(&forms[f]));
	}
	spawns();
	before = mappings();
	for (int i = 0; i < 50; i++)
		in_vfork(&forms[0]);
	if (argc == 2)
		say("more mappings: %d", mappings() - before > 40);
	say("environment kept: %d", argc > 2 || getenv("LD_PRELOAD") != NULL);
	return 0;
}
