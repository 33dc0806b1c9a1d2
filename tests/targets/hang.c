/* SPDX-License-Identifier: MIT */
/*
 * hang.c - threads that never go on, or only seem not to.
 *
 *   hang cycle   two threads, two locks, opposite order: a deadlock
 *   hang old     the same by the name that old programs call: __pthread_mutex_lock
 *   hang ring    three threads, three locks, each waits for the next one's
 *   hang self    a thread locks its own mutex again
 *   hang wait    no deadlock: one thread holds a lock and reads, two threads wait for it
 *
 * Says who waits for what once the kernel shows that everybody sleeps, then hangs until killed.
 */
#include <pthread.h>

#include "old_names.h"
#include "truth.h"

#define N_MAX 3

static pthread_mutex_t locks[N_MAX] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
				       PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t all_have_one;
static volatile int tids[N_MAX];
static int n;
static int (*take)(pthread_mutex_t *) = pthread_mutex_lock;

NOINLINE static void take_second(int i)
{
	take(&locks[(i + 1) % n]); /* the second lock */
}

NOINLINE static void *take_first(void *arg)
{
	int i = (int)(long)arg;

	pthread_mutex_lock(&locks[i]); /* the first lock */
	tids[i] = tid();
	pthread_barrier_wait(&all_have_one);
	take_second(i);
	return NULL;
}

NOINLINE static void *hold_and_read(void *arg)
{
	char c;

	pthread_mutex_lock(&locks[0]);
	tids[0] = tid();
	pthread_barrier_wait(&all_have_one);
	if (read(*(int *)arg, &c, 1) < 0)
		broken("read");
	return NULL;
}

NOINLINE static void *wait_behind(void *arg)
{
	int i = (int)(long)arg;

	tids[i] = tid();
	pthread_barrier_wait(&all_have_one);
	pthread_mutex_lock(&locks[0]);
	return NULL;
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg) != 0)
		broken("pthread_create");
	return t;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	int fds[2];
	pthread_t t = 0;

	if (strcmp(kind, "old") == 0)
		take = old_mutex_lock;
	n = strcmp(kind, "self") == 0                              ? 1
	    : strcmp(kind, "cycle") == 0 || take == old_mutex_lock ? 2
								   : 3;
	if (pipe(fds) < 0 || pthread_barrier_init(&all_have_one, NULL, n) != 0)
		broken("setup");
	for (long i = 0; i < n; i++) {
		if (strcmp(kind, "wait") != 0)
			t = start(take_first, (void *)i);
		else
			t = i ? start(wait_behind, (void *)i) : start(hold_and_read, fds);
	}
	for (int i = 0; i < n; i++) {
		while (!tids[i])
			;
		wait_blocked(tids[i], strcmp(kind, "wait") == 0 && i == 0 ? SYS_read : SYS_futex);
	}
	say("{\"kind\":\"%s\",\"tids\":[%d,%d,%d],\"locks\":[\"%p\",\"%p\",\"%p\"]}", kind, tids[0],
	    tids[1], tids[2], (void *)&locks[0], (void *)&locks[1], (void *)&locks[2]);
	pthread_join(t, NULL);
	return 0;
}
