/* SPDX-License-Identifier: MIT */
/*
 * robust.c - mutexes whose owner has died: one made consistent is held at the end, one given up
 * answers ENOTRECOVERABLE although it looks free. Said as in truth.c; test_sync.py compares.
 */
#include <pthread.h>

#include "did.h"

static pthread_mutex_t kept, lost;

static void *die_with_both(void *arg)
{
	must(pthread_mutex_lock(&kept) == 0 && pthread_mutex_lock(&lost) == 0, "first lock");
	return arg;
}

#define LOCK_DID(via, m) DID("mutex.lock", via, "\"lock\":\"%p\",\"err\":%d", (void *)(m), rc)

NOINLINE static void inherit(void)
{
	rc = CALL(pthread_mutex_lock(&kept));
	must(rc == EOWNERDEAD, "an owner that died");
	LOCK_DID("pthread_mutex_lock", &kept);
	must(pthread_mutex_consistent(&kept) == 0, "pthread_mutex_consistent");
	rc = CALL(pthread_mutex_trylock(&lost));
	must(rc == EOWNERDEAD, "an owner that died");
	LOCK_DID("pthread_mutex_trylock", &lost);
	pthread_mutex_unlock(&lost); /* and not consistent */
}

NOINLINE static void give_up(void)
{
	rc = CALL(pthread_mutex_lock(&lost));
	must(rc == ENOTRECOVERABLE, "a lost mutex");
	LOCK_DID("pthread_mutex_lock", &lost);
	rc = CALL(pthread_mutex_trylock(&lost));
	must(rc == ENOTRECOVERABLE, "a lost mutex");
	LOCK_DID("pthread_mutex_trylock", &lost);
}

int main(void)
{
	pthread_mutexattr_t robust;
	pthread_t t;

	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&kept, &robust);
	pthread_mutex_init(&lost, &robust);
	must(pthread_create(&t, NULL, die_with_both, NULL) == 0, "pthread_create");
	pthread_join(t, NULL);
	inherit();
	give_up();
	return 0;
}
