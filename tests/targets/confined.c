/* SPDX-License-Identifier: MIT */
/*
 * confined.c - a server's worker after its privileges are gone, as nginx and PostgreSQL make it.
 *
 *   confined WHAT DIR        WHAT: letters of c (chroot to DIR), u (become 65534), f (in a child),
 *                            n (no more than 8 descriptors), s (files of 0 bytes at most),
 *                            - (nothing)
 *
 * Then, for each letter on standard input: w works and says so, e fails to become
 * another program, x exits with 3, c crashes.
 */
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void limit(int what, rlim_t value)
{
	struct rlimit l = {value, value};

	if (setrlimit((__rlimit_resource_t)what, &l) != 0)
		broken("setrlimit");
}

static void drop(const char *what, const char *dir)
{
	if (strchr(what, 'n'))
		limit(RLIMIT_NOFILE, 8);
	if (strchr(what, 's'))
		limit(RLIMIT_FSIZE, 0);
	if (strchr(what, 'c') && (chroot(dir) != 0 || chdir("/") != 0))
		broken("chroot");
	if (strchr(what, 'u') && (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
				  setresuid(65534, 65534, 65534)))
		broken("setuid");
}

NOINLINE static void work_confined(void)
{
	pthread_mutex_lock(&lock);
	free(malloc(1234));
	pthread_mutex_unlock(&lock);
	say("{\"worked\":\"%p\"}", (void *)&lock);
}

NOINLINE static void crash_confined(void)
{
	*(volatile int *)0x10 = 1;
}

static void fail_to_leave(void)
{
	int rc = execl("/", "x", NULL);

	say("{\"exec\":%d,\"errno\":%d}", rc, errno);
}

static int serve(void)
{
	char c;

	say("{\"ready\":%d}", getpid());
	for (;;) {
		if (syscall(SYS_read, 0, &c, 1) != 1)
			broken("read");
		if (c == 'w')
			work_confined();
		if (c == 'e')
			fail_to_leave();
		if (c == 'x')
			return 3;
		if (c == 'c')
			crash_confined();
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int status;
	pid_t pid;

	if (strchr(what, 'f')) {
		pid = fork();
		if (pid > 0) {
			waitpid(pid, &status, 0);
			say("{\"child\":%d,\"status\":%d}", pid, status);
			return 0;
		}
	}
	work_confined();
	drop(what, argv[2]);
	return serve();
}
