/* SPDX-License-Identifier: MIT */
/*
 * weakly.c - a program that looks whether its libc has a function before it calls it, as programs
 * do that run on an older one too. It is linked with neither libpthread nor libdl, and has no
 * threads of its own before glibc 2.34: there our hooks make it find what libc lacks.
 *
 * Says of each call how it ended; each must end, and none may be wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#pragma weak pthread_create
#pragma weak pthread_join
#pragma weak pthread_once
#pragma weak sem_init
#pragma weak sem_post
#pragma weak sem_wait
int close_range(unsigned int first, unsigned int last, int flags) __attribute__((weak));
int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
		 const sigset_t *mask) __attribute__((weak));
pid_t _Fork(void) __attribute__((weak));

static void must(int ok, const char *what)
{
	if (!ok)
		broken(what);
}

static int runs;

static void once_init(void)
{
	runs++;
}

static void *routine(void *arg)
{
	return (char *)arg + 1;
}

/* RC of a call: done, or as on a kernel without it. */
static const char *outcome(long rc)
{
	return rc >= 0 ? "done" : errno == ENOSYS ? "lacking" : strerror(errno);
}

static void try_threads(void)
{
	pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_t t;
	void *back = NULL;
	sem_t sem;

	if (pthread_once) {
		must(pthread_once(&once, once_init) == 0 && pthread_once(&once, once_init) == 0,
		     "pthread_once");
		say("{\"once\":%d}", runs);
	}
	if (pthread_create && pthread_join) {
		must(pthread_create(&t, NULL, routine, (void *)6) == 0, "pthread_create");
		must(pthread_join(t, &back) == 0, "pthread_join");
		say("{\"thread\":%d}", (int)(long)back);
	}
	if (sem_init && sem_post && sem_wait) {
		must(sem_init(&sem, 0, 0) == 0 && sem_post(&sem) == 0, "sem_post");
		say("{\"sem\":%d}", sem_wait(&sem));
	}
}

int main(void)
{
	struct timespec none = {0, 0};
	struct epoll_event e;
	int ep = epoll_create1(0);
	pid_t pid;

	errno = 0;
	if (close_range)
		say("{\"close_range\":\"%s\"}", outcome(close_range(900, 901, 0)));
	if (epoll_pwait2)
		say("{\"epoll_pwait2\":\"%s\"}", outcome(epoll_pwait2(ep, &e, 1, &none, NULL)));
	if (_Fork) {
		pid = _Fork();
		if (pid == 0)
			_exit(0);
		say("{\"_Fork\":\"%s\"}", outcome(pid));
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	try_threads();
	say("{\"end\":1}");
	return 0;
}
