/* SPDX-License-Identifier: MIT */
/*
 * births.c - what threads and processes cost to begin, and what threads keep.
 *
 *   births thread N        ns of pthread_create and pthread_join
 *   births fork N          ns of fork, _exit in the child, waitpid
 *   births spawn N FILE [NAME=VALUE...]
 *                          ns of posix_spawn of FILE with these variables too, and waitpid
 *   births hold N          kB of N threads that have locked and allocated: private, shared
 *
 * Prints the tenth percentile of single times, which other work on the machine hardly moves, or the
 * two sums of /proc/self/smaps_rollup.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static pthread_barrier_t all_there, all_done;
static char *program[] = {NULL, NULL};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread_once(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, nothing, NULL) == 0)
		pthread_join(t, NULL);
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void spawn_once(void)
{
	pid_t pid;

	if (posix_spawn(&pid, program[0], NULL, NULL, program, environ) != 0)
		exit(3);
	waitpid(pid, NULL, 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void each(void (*once)(void), size_t n)
{
	double *ns = calloc(n, sizeof(*ns));

	once();
	for (size_t i = 0; i < n; i++) {
		double t0 = now_ns();

		once();
		ns[i] = now_ns() - t0;
	}
	qsort(ns, n, sizeof(*ns), by_value);
	printf("%.0f\n", ns[n / 10]);
	free(ns);
}

static void *hold_one(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	void *volatile p;

	pthread_mutex_lock(&m);
	p = malloc(100);
	free(p);
	pthread_mutex_unlock(&m);
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&all_done);
	return arg;
}

static void say_memory(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	long kb, own = 0, shared = 0;
	char line[256], key[64];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63[^:]: %ld kB", key, &kb) != 2)
			continue;
		if (strcmp(key, "Pss_Anon") == 0)
			own = kb;
		if (strcmp(key, "Pss_Shmem") == 0)
			shared = kb;
	}
	if (f)
		fclose(f);
	printf("%ld %ld\n", own, shared);
}

static void hold(unsigned int n)
{
	pthread_t *t = calloc(n, sizeof(*t));

	pthread_barrier_init(&all_there, NULL, n + 1);
	pthread_barrier_init(&all_done, NULL, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		if (pthread_create(&t[i], NULL, hold_one, NULL))
			exit(3);
	}
	pthread_barrier_wait(&all_there);
	say_memory();
	pthread_barrier_wait(&all_done);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	free(t);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (n < 1)
		return 2;
	program[0] = argc > 3 ? argv[3] : "/bin/true";
	for (int i = 4; i < argc; i++)
		putenv(argv[i]);
	if (strcmp(argv[1], "thread") == 0)
		each(thread_once, (size_t)n);
	else if (strcmp(argv[1], "fork") == 0)
		each(fork_once, (size_t)n);
	else if (strcmp(argv[1], "spawn") == 0)
		each(spawn_once, (size_t)n);
	else if (strcmp(argv[1], "hold") == 0)
		hold((unsigned int)n);
	else
		return 2;
	return 0;
}
