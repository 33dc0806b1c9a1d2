/* SPDX-License-Identifier: MIT */
/*
 * once.c - what law_calls.c cannot ask, because it goes on behind the call: a thread is cancelled
 * in the init function of a once, which then runs again; a jump leaves such a function; and a mutex
 * that is waited for is no cancellation point.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>

#include "truth.h"

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t never;
static volatile int waiter;
static int cleaned, runs, jumps, got;
static jmp_buf out;

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void wait_in_init(void)
{
	sem_wait(&never);
}

static void *in_once(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	waiter = tid();
	pthread_once(&once, wait_in_init);
	pthread_cleanup_pop(0);
	return arg;
}

static void *in_lock(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	waiter = tid();
	pthread_mutex_lock(&held);
	got++; /* to say so would be a cancellation point */
	pthread_mutex_unlock(&held);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return arg;
}

/* GIVE: the mutex, after the cancellation was asked for. */
static void cancel_in(const char *name, void *(*run)(void *), pthread_mutex_t *give)
{
	void *value = NULL;
	pthread_t t;

	waiter = cleaned = 0;
	if (pthread_create(&t, NULL, run, NULL) != 0)
		broken("pthread_create");
	while (!waiter)
		;
	wait_blocked(waiter, -1);
	pthread_cancel(t);
	if (give)
		pthread_mutex_unlock(give);
	pthread_join(t, &value);
	say("%s: cancelled %d, cleaned %d, got it %d times", name, value == PTHREAD_CANCELED,
	    cleaned, got);
}

static void count(void)
{
	runs++;
}

static void jump_or_run(void)
{
	runs++;
	if (runs <= jumps)
		longjmp(out, 1);
}

/* A jump out of the init function leaves the once in progress: only the way out is tested. */
static void jump(void)
{
	pthread_once_t mine = PTHREAD_ONCE_INIT, next = PTHREAD_ONCE_INIT;

	jumps = 1;
	if (!setjmp(out))
		pthread_once(&mine, jump_or_run);
	pthread_once(&next, jump_or_run);
	say("jumped: runs %d", runs);
}

int main(void)
{
	if (sem_init(&never, 0, 0) != 0)
		broken("sem_init");
	for (int i = 0; i < 2; i++)
		cancel_in("once", in_once, NULL);
	say("once again: %d, runs %d", pthread_once(&once, count), runs);
	runs = 0;
	jump();
	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&held);
		cancel_in("lock", in_lock, &held);
	}
	return 0;
}
