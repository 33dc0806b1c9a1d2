/* SPDX-License-Identifier: MIT */
/*
 * process.c - every way a process can begin another.
 *
 *   process KIND [N]   fork _fork clone vfork spawn system popen exec daemon storm
 *
 * Parent and child say pid and what they locked; `child` as KIND is what is executed. With fork,
 * _fork and clone the child goes on in this program and has calls of its own; storm forks N times
 * while other threads lock, allocate and load objects.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "truth.h"

extern char **environ;
static pthread_mutex_t in_parent = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t in_child = PTHREAD_MUTEX_INITIALIZER;
static char *self;

NOINLINE static void lock_parent(void)
{
	pthread_mutex_lock(&in_parent);
	pthread_mutex_unlock(&in_parent);
}

NOINLINE static void lock_child(void)
{
	pthread_mutex_lock(&in_child);
	pthread_mutex_unlock(&in_child);
}

NOINLINE static int be_child(int code)
{
	void *p = malloc(4321);

	lock_child();
	free(p);
	say("{\"who\":\"child\",\"pid\":%d,\"lock\":\"%p\"}", getpid(), (void *)&in_child);
	return code;
}

static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int reap(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		broken("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* exit() in a child that was forked the usual way: its recording ends as an exited process's. */
static int forked(pid_t pid)
{
	if (pid == 0)
		exit(be_child(7));
	return reap(pid);
}

static int executed(int use_vfork)
{
	char *args[] = {self, "child", NULL};
	pid_t pid = use_vfork ? vfork() : fork();

	if (pid == 0) {
		execv(self, args);
		_exit(127);
	}
	return reap(pid);
}

static int spawned(void)
{
	char *args[] = {self, "child", NULL};
	pid_t pid = -1;

	posix_spawn(&pid, self, NULL, NULL, args, environ);
	return reap(pid);
}

static int by_shell(int use_popen)
{
	char command[512], text[256];
	int status;
	FILE *f;

	snprintf(command, sizeof(command), "%s child", self);
	if (!use_popen)
		return WEXITSTATUS(system(command));
	f = popen(command, "r");
	while (f && fgets(text, sizeof(text), f))
		if (write(1, text, strlen(text)) < 0)
			broken("write");
	status = f ? pclose(f) : -1;
	return WEXITSTATUS(status);
}

static volatile int stop;

static void *disturb(void *arg)
{
	while (!stop) {
		void *p = malloc(100), *h;

		lock_parent();
		h = dlopen("libutil.so.1", RTLD_NOW);
		if (h)
			dlclose(h);
		free(p);
	}
	return arg;
}

static int storm(int times)
{
	pthread_t t[3];
	int sum = 0;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, disturb, NULL))
			broken("pthread_create");
	for (int i = 0; i < times; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			void *p = malloc(100);

			lock_child();
			free(p);
			_exit(1);
		}
		sum += reap(pid);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return sum;
}

static int run(const char *kind, int n)
{
	if (strcmp(kind, "fork") == 0)
		return forked(fork());
	if (strcmp(kind, "_fork") == 0)
		return forked(_Fork());
	if (strcmp(kind, "clone") == 0)
		return forked(raw_clone());
	if (strcmp(kind, "vfork") == 0)
		return executed(1);
	if (strcmp(kind, "exec") == 0)
		return executed(0);
	if (strcmp(kind, "spawn") == 0)
		return spawned();
	if (strcmp(kind, "system") == 0 || strcmp(kind, "popen") == 0)
		return by_shell(strcmp(kind, "popen") == 0);
	return storm(n);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	int code;

	self = argv[0];
	if (strcmp(kind, "child") == 0)
		return be_child(7);
	lock_parent();
	code = run(kind, argc > 2 ? atoi(argv[2]) : 1);
	lock_parent();
	say("{\"who\":\"parent\",\"pid\":%d,\"lock\":\"%p\",\"child_code\":%d}", getpid(),
	    (void *)&in_parent, code);
	return 0;
}
