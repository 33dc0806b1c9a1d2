/* SPDX-License-Identifier: MIT */
/*
 * paths.c THREADS STACKS - threads that lock by ever new stacks, and two that wait meanwhile.
 *
 * A stack is a path: from the leaf outwards, left() is a 0 and right() is a 1. The mutex at its end
 * is the one of that number, modulo MUTEXES: so each event says which stack it must have.
 */
#include <pthread.h>

#include "truth.h"

#define MUTEXES 4096
#define BITS 16

static struct {
	_Alignas(64) pthread_mutex_t m;
} mutexes[MUTEXES];
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, never = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t waiting;
static long stacks;

static int left(unsigned int path, int bits);

NOINLINE static int at_its_end(unsigned int path)
{
	pthread_mutex_t *m = &mutexes[path % MUTEXES].m;

	for (int i = 0; i < 2; i++) { /* the second time the stack is known */
		pthread_mutex_lock(m);
		pthread_mutex_unlock(m);
	}
	return 1;
}

NOINLINE static int right(unsigned int path, int bits)
{
	int rc = bits == BITS                    ? at_its_end(path)
		 : path >> (BITS - 1 - bits) & 1 ? right(path, bits + 1)
						 : left(path, bits + 1);

	return rc + 1;
}

NOINLINE static int left(unsigned int path, int bits)
{
	int rc = bits == BITS                    ? at_its_end(path)
		 : path >> (BITS - 1 - bits) & 1 ? right(path, bits + 1)
						 : left(path, bits + 1);

	return rc + 2;
}

static void *walks(void *arg)
{
	unsigned int path = (unsigned int)(long)arg;
	long sum = 0;

	for (long i = 0; i < stacks; i++, path += 7919)
		sum += left(path & ((1u << BITS) - 1), 0);
	return (void *)sum;
}

NOINLINE static void takes_it(void)
{
	pthread_mutex_lock(&held);
}

NOINLINE static void *waits_for_ever(void *arg)
{
	takes_it();
	pthread_barrier_wait(&waiting);
	pthread_mutex_lock(&never);
	return arg;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 1;
	pthread_t t[16], waiter;

	stacks = argc > 2 ? atol(argv[2]) : 1;
	for (int i = 0; i < MUTEXES; i++)
		pthread_mutex_init(&mutexes[i].m, NULL);
	pthread_barrier_init(&waiting, NULL, 2);
	pthread_mutex_lock(&never);
	if (n > 16 || pthread_create(&waiter, NULL, waits_for_ever, NULL) != 0)
		broken("pthread_create");
	pthread_barrier_wait(&waiting);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, walks, (void *)(long)i) != 0)
			broken("pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	say("{\"mutexes\":\"%p\",\"held\":\"%p\",\"never\":\"%p\"}", (void *)mutexes, (void *)&held,
	    (void *)&never);
	pause();
}
