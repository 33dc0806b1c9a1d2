/* SPDX-License-Identifier: MIT */
/*
 * limits.c [KIND] - works under a limit that it sets itself (KIND: nofile, nofile0, fsize,
 * stack, memlock, sigpending, as, data) or that it was started under, and says what worked: four
 * threads that allocate, a big allocation, a forked child that allocates, a signal with a value.
 * The threads allocate when all are there: malloc's arenas are of 128 MiB for a moment, and whether
 * the next thread's stack finds room would depend on who is first.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "truth.h"

static pthread_mutex_t all_there = PTHREAD_MUTEX_INITIALIZER;

static void *allocate(void *arg)
{
	void *p;

	pthread_mutex_lock(&all_there);
	pthread_mutex_unlock(&all_there);
	p = malloc(1000);
	free(p);
	return p ? NULL : arg;
}

static int threads(void)
{
	pthread_t t[4];
	void *failed;
	int made = 0, worked = 0;

	pthread_mutex_lock(&all_there);
	for (int i = 0; i < 4; i++)
		made += pthread_create(&t[made], NULL, allocate, "no memory") == 0;
	pthread_mutex_unlock(&all_there);
	for (int i = 0; i < made; i++) {
		pthread_join(t[i], &failed);
		worked += !failed;
	}
	return worked;
}

static int allocated(size_t n)
{
	volatile char *p = malloc(n);

	for (size_t i = 0; p && i < n; i += 4096)
		p[i] = 1;
	free((void *)p);
	return p != NULL;
}

static int child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(allocated(70000) ? 7 : 8);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status;
}

static int queued(void)
{
	const union sigval v = {.sival_int = 1};

	signal(SIGUSR2, SIG_IGN);
	return sigqueue(getpid(), SIGUSR2, v) == 0 ? 0 : errno;
}

static void limit(__rlimit_resource_t what, rlim_t v)
{
	struct rlimit l = {v, v};

	if (setrlimit(what, &l))
		broken("setrlimit");
}

static void confine(const char *kind)
{
	if (strcmp(kind, "nofile") == 0)
		limit(RLIMIT_NOFILE, 3);
	if (strcmp(kind, "nofile0") == 0) {
		close(0);
		limit(RLIMIT_NOFILE, 0);
	}
	if (strcmp(kind, "fsize") == 0)
		limit(RLIMIT_FSIZE, 0);
	if (strcmp(kind, "stack") == 0)
		limit(RLIMIT_STACK, 64 << 10);
	if (strcmp(kind, "memlock") == 0)
		say("mlockall %d", mlockall(MCL_CURRENT | MCL_FUTURE));
	if (strcmp(kind, "sigpending") == 0)
		limit(RLIMIT_SIGPENDING, 0);
	if (strcmp(kind, "data") == 0)
		limit(RLIMIT_DATA, 40 << 20);
	if (strcmp(kind, "as") == 0)
		limit(RLIMIT_AS, 200 << 20);
}

int main(int argc, char **argv)
{
	int made, big;

	if (argc > 1)
		confine(argv[1]);
	made = threads();
	big = allocated(1 << 20);
	say("threads %d big %d child %x queued %d", made, big, child(), queued());
	return 0;
}
