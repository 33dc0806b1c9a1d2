/* SPDX-License-Identifier: MIT */
/*
 * cleanup.c - a thread cancelled in pthread_cond_wait has the mutex again while it cleans up.
 *
 *   cleanup after    its handler waits with the mutex, and then once more without it
 *   cleanup before   its handler gives the mutex back first, and waits then
 *
 * Says who, which mutex, and whether it is held at each wait; a line on its input lets the wait
 * end.
 */
#include <pthread.h>
#include <semaphore.h>

#include "did.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static volatile int waiter;
static int before;

static void clean(void *m)
{
	if (before)
		pthread_mutex_unlock(m);
	sem_wait(&sem);
	if (!before)
		pthread_mutex_unlock(m);
	sem_wait(&sem);
}

static void *waits(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(clean, &mutex);
	waiter = tid();
	pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
	return arg;
}

/* The truth is libc's own: is the mutex free? */
static void say_waiting(void)
{
	int left;

	wait_blocked(waiter, SYS_futex);
	say("{\"tid\":%d,\"mutex\":\"%p\",\"held\":%s}", waiter, (void *)&mutex,
	    mutex.__data.__owner == waiter ? "true" : "false");
	must(getchar() != EOF, "a line of input");
	sem_post(&sem);
	do /* taken: this wait is over, and the next one not yet begun or begun */
		sem_getvalue(&sem, &left);
	while (left);
}

int main(int argc, char **argv)
{
	pthread_t t;
	void *value;

	before = argc > 1 && strcmp(argv[1], "before") == 0;
	must(sem_init(&sem, 0, 0) == 0 && pthread_create(&t, NULL, waits, NULL) == 0, "start");
	while (!waiter)
		usleep(1000);
	wait_blocked(waiter, SYS_futex);
	must(pthread_cancel(t) == 0, "pthread_cancel");
	/* it runs until it waits in its handler: the condition has nobody left then */
	while (__atomic_load_n(&cond.__data.__wrefs, __ATOMIC_ACQUIRE) >> 3)
		usleep(1000);
	say_waiting();
	say_waiting();
	must(pthread_join(t, &value) == 0 && value == PTHREAD_CANCELED, "cancelled");
	return 0;
}
