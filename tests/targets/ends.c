/* SPDX-License-Identifier: MIT */
/*
 * ends.c - every way a process can end, with work in each place that runs late.
 *
 *   ends KIND CODE   return exit _exit _Exit quick_exit thread pthread_exit raw SIGNAL-NUMBER
 *
 * Destructors of thread-specific data, atexit and at_quick_exit functions and destructors of the
 * program allocate, lock and free; what they say must be the same with and without the recorder.
 */
#include <pthread.h>
#include <signal.h>

#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static int code;

static void work(const char *where)
{
	void *p = malloc(3000), *q = realloc(p, 90000);

	pthread_mutex_lock(&lock);
	memset(q, 1, 90000);
	pthread_mutex_unlock(&lock);
	free(q);
	say("work: %s", where);
}

/* Comes back until the C library gives up, after four rounds. */
static void of_thread(void *round)
{
	long n = (long)round;

	work("thread-specific destructor");
	if (n < 8)
		pthread_setspecific(key, (void *)(n + 1));
}

static void at_exit(void)
{
	work("atexit");
}

static void at_quick(void)
{
	work("at_quick_exit");
}

__attribute__((constructor)) static void of_program_start(void)
{
	work("constructor");
}

__attribute__((destructor)) static void of_program_end(void)
{
	work("destructor");
}

static void *live(void *arg)
{
	pthread_setspecific(key, (void *)1);
	work("thread");
	if (arg)
		exit(code);
	return NULL;
}

static void run_thread(void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, live, arg) || pthread_join(t, NULL))
		broken("thread");
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "";

	code = argc > 2 ? atoi(argv[2]) : 98;
	pthread_key_create(&key, of_thread);
	atexit(at_exit);
	at_quick_exit(at_quick);
	run_thread(NULL);
	pthread_setspecific(key, (void *)1);
	if (strcmp(kind, "exit") == 0)
		exit(code);
	if (strcmp(kind, "_exit") == 0)
		_exit(code);
	if (strcmp(kind, "_Exit") == 0)
		_Exit(code);
	if (strcmp(kind, "quick_exit") == 0)
		quick_exit(code);
	if (strcmp(kind, "thread") == 0)
		run_thread((void *)1);
	if (strcmp(kind, "pthread_exit") == 0)
		pthread_exit(NULL);
	if (strcmp(kind, "raw") == 0)
		syscall(SYS_exit_group, code);
	if (atoi(kind) > 0)
		kill(getpid(), atoi(kind));
	return code;
}
