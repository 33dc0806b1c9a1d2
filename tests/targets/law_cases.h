/* SPDX-License-Identifier: MIT */
/*
 * law_cases.h - what the rows of law_cases.def are made of, beyond law_calls.h. C and C++.
 */
#ifndef TARGET_LAW_CASES_H
#define TARGET_LAW_CASES_H

#include "law_calls.h"

static pthread_mutex_t recursive, robust;
static struct flock odd;
static struct sockaddr_in nobody, anybody; /* a port where nobody listens; any */
static struct timeval short_time;
static struct timespec rest;
static struct iovec to_nowhere = {(void *)8, 10};
static int refused_fd;

static void fresh_cases(void)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);
	nobody.sin_family = anybody.sin_family = AF_INET;
	nobody.sin_addr.s_addr = anybody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	nobody.sin_port = htons(1);
	vector.iov_len = sizeof(bytes);
}

static void *take_robust(void *arg)
{
	pthread_mutex_lock(&robust);
	return arg;
}

/* EOWNERDEAD means: you have it. */
static bool die_holding(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, take_robust, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static int take_mtx(void *arg)
{
	mtx_lock(&mtx);
	return arg != NULL;
}

static bool another_takes_mtx(void)
{
	thrd_t t;

	return thrd_create(&t, take_mtx, NULL) == thrd_success &&
	       thrd_join(t, NULL) == thrd_success;
}

static int minus_one_c11(void *arg)
{
	return arg ? 0 : -1;
}

static void spoil_errno(void)
{
	errno = 55;
}

static long joined(void)
{
	void *its;

	return pthread_join(thread, &its) == 0 ? (long)its : -1;
}

static long semaphore_of_three(void)
{
	char name[64];
	sem_t *s, *again;
	int v = -1;

	snprintf(name, sizeof(name), "/fr-case-%d", getpid());
	s = sem_open(name, O_CREAT | O_EXCL, 0640, 3);
	again = sem_open(name, O_CREAT | O_EXCL, 0640, 3);
	sem_unlink(name);
	if (s == SEM_FAILED)
		return -1;
	sem_getvalue(s, &v);
	return again == SEM_FAILED ? v : -2;
}

/* Another way to the same file, with locks of its own. */
static int other_file(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return open(path, O_RDWR);
}

static bool pair(void)
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, two) == 0;
}

static bool data(void)
{
	return pair() && send(two[1], "abcdef", 6, 0) == 6;
}

static int inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int refused(void)
{
	refused_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return refused_fd;
}

static bool was_refused(void)
{
	struct pollfd p = {refused(), POLLOUT, 0};

	connect(refused_fd, (struct sockaddr *)&nobody, sizeof(nobody));
	return poll(&p, 1, 1000) == 1;
}

static bool some_time(void)
{
	short_time.tv_sec = 0;
	short_time.tv_usec = 1000;
	return true;
}

static fd_set *thousand(void)
{
	static fd_set set;

	FD_SET(1000, &set);
	return &set;
}

static pid_t a_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(5);
	return pid;
}

/* How many signals, of those that can be caught, give the answers that they should. */
static long every_signal(void)
{
	struct sigaction old;
	long n = 0;

	for (int sig = 1; sig < 32; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGPIPE || sig == SIGALRM)
			continue;
		n += sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL &&
		     !(old.sa_flags & ~0x04000000) && signal(sig, SIG_IGN) == SIG_DFL &&
		     signal(sig, SIG_DFL) == SIG_IGN;
	}
	return n;
}

#endif
