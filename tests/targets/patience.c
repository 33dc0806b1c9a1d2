/* SPDX-License-Identifier: MIT */
/*
 * patience.c - waits for locks of every kind, some given back soon, some after long, some by a
 * thread that dies with them. Says what each call answered, and nothing of when.
 *
 *   patience SOON_MS LATE_MS
 */
#include <pthread.h>
#include <stdbool.h>
#include <threads.h>

#include "truth.h"

static const struct kind {
	const char *name;
	int type, robust, protocol;
} kinds[] = {
	{"normal", PTHREAD_MUTEX_NORMAL, 0, 0},
	{"recursive", PTHREAD_MUTEX_RECURSIVE, 0, 0},
	{"errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, 0},
	{"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, 0, 0},
	{"robust", PTHREAD_MUTEX_NORMAL, 1, 0},
	{"robust recursive", PTHREAD_MUTEX_RECURSIVE, 1, 0},
	{"inherit", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT},
	{"inherit robust", PTHREAD_MUTEX_ERRORCHECK, 1, PTHREAD_PRIO_INHERIT},
	{"read", -1, 0, 0},
	{"write", -2, 0, 0},
	{"c11", -3, 0, 0},
};

static union {
	pthread_mutex_t m;
	pthread_rwlock_t rw;
	mtx_t c11;
} lock;
static const struct kind *k;
static pthread_barrier_t taken;
static volatile int waiter, result;

static void nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	syscall(SYS_nanosleep, &t, NULL);
}

static void make(void)
{
	pthread_mutexattr_t a;

	if (k->type == -3)
		mtx_init(&lock.c11, mtx_plain);
	else if (k->type < 0)
		pthread_rwlock_init(&lock.rw, NULL);
	if (k->type < 0)
		return;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, k->type);
	pthread_mutexattr_setrobust(&a, k->robust);
	pthread_mutexattr_setprotocol(&a, k->protocol);
	pthread_mutex_init(&lock.m, &a);
}

static int take(bool first)
{
	switch (k->type) {
	case -1:
		return first ? pthread_rwlock_wrlock(&lock.rw) : pthread_rwlock_rdlock(&lock.rw);
	case -2:
		return pthread_rwlock_wrlock(&lock.rw);
	case -3:
		return mtx_lock(&lock.c11);
	default:
		return pthread_mutex_lock(&lock.m);
	}
}

static int give(void)
{
	if (k->type == -3)
		return mtx_unlock(&lock.c11);
	return k->type < 0 ? pthread_rwlock_unlock(&lock.rw) : pthread_mutex_unlock(&lock.m);
}

static void *wait_for_it(void *arg)
{
	pthread_barrier_wait(&taken);
	waiter = tid();
	result = take(false);
	if (result == EOWNERDEAD)
		pthread_mutex_consistent(&lock.m);
	say("%s: then again %d, given back %d", k->name,
	    k->type == PTHREAD_MUTEX_RECURSIVE ? take(false) : -1, give());
	return arg;
}

static void *hold_it(void *arg)
{
	long ms = *(long *)arg;

	take(true);
	pthread_barrier_wait(&taken);
	while (!waiter)
		nap(1);
	wait_blocked(waiter, -1);
	nap(ms < 0 ? -ms : ms);
	if (ms > 0)
		give();
	return NULL; /* or dies with it */
}

static void contend(long ms)
{
	pthread_t a, b;

	make();
	waiter = 0;
	pthread_create(&a, NULL, hold_it, &ms);
	pthread_create(&b, NULL, wait_for_it, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	say("%s, %s: %d", k->name, ms < 0 ? "dead" : "alive", result);
}

int main(int argc, char **argv)
{
	long soon = atol(argv[1]), late = atol(argv[2]);

	pthread_barrier_init(&taken, NULL, 2);
	for (k = kinds; k < kinds + sizeof(kinds) / sizeof(*kinds); k++) {
		contend(soon);
		contend(late);
		if (k->robust)
			contend(-soon);
		if (k->robust)
			contend(-late);
	}
	k = &kinds[2];
	make();
	say("itself: %d %d %d", take(false), take(false), give());
	return 0;
}
