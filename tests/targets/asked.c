/* SPDX-License-Identifier: MIT */
/*
 * asked.c - asks for a snapshot of itself, and at once does what ends or minds a second thread.
 *
 *   asked exec N         becomes itself, N times
 *   asked daemon         its parent leaves inside libc
 *   asked unshare|setns  children get a user namespace: says how many did not
 */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "truth.h"

#define CHILDREN 20

static int become(int left)
{
	char n[20];

	raise(SIGUSR1);
	if (!left) {
		say("{\"end\": 1}");
		return 6;
	}
	snprintf(n, sizeof(n), "%d", left - 1);
	execl("/proc/self/exe", "asked", "exec", n, NULL);
	return 1;
}

static int leave(void)
{
	raise(SIGUSR1);
	if (daemon(1, 1) != 0)
		return 1;
	say("{\"end\": 1}");
	return 0;
}

static pid_t namespaced(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) != 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	return pid;
}

static int enter(int ns)
{
	raise(SIGUSR1);
	if ((ns < 0 ? unshare(CLONE_NEWUSER) : setns(ns, CLONE_NEWUSER)) != 0)
		return errno;
	return 0;
}

static int children(int with_setns)
{
	pid_t other = with_setns ? namespaced() : 0;
	int ns = -1, failed = 0, error = 0;
	char path[64];

	if (other) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", other);
		ns = open(path, O_RDONLY);
	}
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0)
			_exit(enter(ns));
		waitpid(pid, &status, 0);
		failed += status != 0;
		error = status ? status : error;
	}
	if (other)
		kill(other, SIGKILL);
	say("{\"failed\": %d, \"status\": %d}", failed, error);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "exec") == 0)
		return become(argc > 2 ? atoi(argv[2]) : 0);
	if (strcmp(what, "daemon") == 0)
		return leave();
	return children(strcmp(what, "setns") == 0);
}
