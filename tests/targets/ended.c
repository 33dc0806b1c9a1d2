/* SPDX-License-Identifier: MIT */
/*
 * ended.c - ends by a signal whose default ends a process, in the way that brings that signal.
 *
 *   ended NUMBER   says ready and waits in recv() until that signal is sent
 *   ended pipe     writes to a socket whose other end is closed
 *   ended alarm    a timer runs out
 *   ended cpu      RLIMIT_CPU
 *   ended size     RLIMIT_FSIZE
 *   ended raise    raise(SIGTERM)
 *   ended child    in a forked child that does nothing else: says its status
 *   ended asks     says which signals are not at their default, here and in what it executes
 *   ended storm    SIGTERM while two threads do nothing but record
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "truth.h"

static volatile long n;

NOINLINE static void waits(void)
{
	int fd[2];
	char c;

	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	say("{\"ready\":%d}", tid());
	recv(fd[0], &c, 1, 0);
}

NOINLINE static void writes_to_nobody(void)
{
	int fd[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	close(fd[1]);
	send(fd[0], "x", 1, 0);
}

NOINLINE static void burns(void)
{
	for (;;)
		n++;
}

NOINLINE static void waits_for_an_alarm(void)
{
	const struct itimerval soon = {.it_value = {0, 20000}};

	setitimer(ITIMER_REAL, &soon, NULL);
	waits();
}

NOINLINE static void uses_its_time(void)
{
	const struct rlimit one = {1, 5};

	setrlimit(RLIMIT_CPU, &one);
	burns();
}

NOINLINE static void fills_a_file(void)
{
	const struct rlimit small = {4096, 4096};
	char name[] = "ended-XXXXXX", block[4096] = "";
	int fd = mkstemp(name);

	unlink(name);
	setrlimit(RLIMIT_FSIZE, &small);
	for (;;)
		(void)!write(fd, block, sizeof(block));
}

static void has_a_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		kill(getpid(), SIGTERM);
		for (;;)
			pause();
	}
	waitpid(pid, &status, 0);
	say("{\"child\":%d,\"status\":%d}", pid, status);
}

/* Twice: here, and after exec, where the second argument stands. */
static void asks(char *const *argv, int again)
{
	char text[512] = "", *p = text;
	struct sigaction a;

	for (int sig = 1; sig < 32; sig++) {
		if (sigaction(sig, NULL, &a) == 0 && a.sa_handler != SIG_DFL)
			p += sprintf(p, "%s%d", p == text ? "" : ",", sig);
	}
	say("{\"not_default\":[%s],\"mask_of_term\":%d}", text,
	    sigaction(SIGTERM, NULL, &a) == 0 ? a.sa_flags : -1);
	if (again)
		execl("/proc/self/exe", argv[0], "asks", "again", NULL);
}

static void *records(void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	for (;;) {
		pthread_mutex_lock(&lock);
		free(malloc(600000));
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void storms(void)
{
	pthread_t t;

	pthread_create(&t, NULL, records, NULL);
	say("{\"ready\":%d}", tid());
	records(NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*end)(void);
	} ends[] = {
		{"pipe", writes_to_nobody}, {"alarm", waits_for_an_alarm}, {"cpu", uses_its_time},
		{"size", fills_a_file},     {"child", has_a_child},        {"storm", storms},
	};
	const char *what = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		if (!strcmp(what, ends[i].name))
			ends[i].end();
	}
	if (!strcmp(what, "raise"))
		raise(SIGTERM);
	if (!strcmp(what, "asks"))
		asks(argv, argc == 2);
	if (what[0] >= '0' && what[0] <= '9')
		waits();
	return 0;
}
