/* SPDX-License-Identifier: MIT */
/*
 * healthy.c - a busy program in which nothing is wrong: no finding may name a deadlock here.
 *
 * Threads fight over locks that are always taken in the same order, some take two of them in the
 * opposite order by trylock and step back, some wait on a condition that is signalled in time.
 * Runs for argv[1] milliseconds (default: until killed) and prints how much was done.
 */
#include <pthread.h>

#include "truth.h"

#define N_LOCKS 4
#define N_THREADS 6

static pthread_mutex_t locks[N_LOCKS];
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counts[N_LOCKS];
static volatile int stop;

static void in_order(unsigned int *seed)
{
	int a = rand_r(seed) % (N_LOCKS - 1), b = a + 1 + rand_r(seed) % (N_LOCKS - a - 1);
	char *p;

	pthread_mutex_lock(&locks[a]);
	pthread_mutex_lock(&locks[b]);
	p = malloc(1 + rand_r(seed) % 4000);
	counts[a]++;
	counts[b]++;
	pthread_mutex_unlock(&locks[b]);
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&locks[a]);
	free(p);
}

static void against_order(unsigned int *seed)
{
	int b = 1 + rand_r(seed) % (N_LOCKS - 1);

	pthread_mutex_lock(&locks[b]);
	if (pthread_mutex_trylock(&locks[b - 1]) == 0) {
		counts[b - 1]++;
		pthread_mutex_unlock(&locks[b - 1]);
	}
	pthread_mutex_unlock(&locks[b]);
}

static void wait_for_change(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 5);

	pthread_mutex_lock(&locks[0]);
	pthread_cond_timedwait(&changed, &locks[0], &t);
	pthread_mutex_unlock(&locks[0]);
}

static void *work(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;

	while (!stop) {
		in_order(&seed);
		against_order(&seed);
		if (seed % 64 == 0)
			wait_for_change();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long end = now_ms() + (argc > 1 ? atol(argv[1]) : 1000000);
	pthread_t t[N_THREADS];
	long sum = 0;

	for (int i = 0; i < N_LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	for (long i = 0; i < N_THREADS; i++)
		if (pthread_create(&t[i], NULL, work, (void *)(i + 1)) != 0)
			broken("pthread_create");
	say("{\"ready\":true,\"pid\":%d}", getpid());
	while (now_ms() < end)
		wait_for_change();
	stop = 1;
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < N_LOCKS; i++)
		sum += counts[i];
	say("{\"done\":%ld}", sum);
	return 0;
}
