/* SPDX-License-Identifier: MIT */
/*
 * nested.c - a thread reads, a writer comes, the thread reads once more.
 *
 *   nested writers   the lock prefers writers: the second read lock never returns
 *   nested readers   as locks are by default: it does, and the writer gets its turn
 */
#include <pthread.h>

#include "truth.h"

static pthread_rwlock_t model;
static int writer;

NOINLINE static void write_once(void)
{
	pthread_rwlock_wrlock(&model);
	pthread_rwlock_unlock(&model);
}

static void *writes(void *arg)
{
	__atomic_store_n(&writer, tid(), __ATOMIC_RELEASE);
	write_once();
	return arg;
}

NOINLINE static void read_again(void)
{
	pthread_rwlock_rdlock(&model);
	pthread_rwlock_unlock(&model);
}

NOINLINE static void read_first(void)
{
	int t;

	pthread_rwlock_rdlock(&model);
	while (!(t = __atomic_load_n(&writer, __ATOMIC_ACQUIRE)))
		sched_yield();
	wait_blocked(t, SYS_futex);
	say("{\"reader\":%d,\"writer\":%d,\"lock\":\"%p\"}", tid(), t, (void *)&model);
	read_again();
	pthread_rwlock_unlock(&model);
}

static void *reads(void *arg)
{
	read_first();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_rwlockattr_t attr;
	pthread_t r, w;

	pthread_rwlockattr_init(&attr);
	if (argc > 1 && !strcmp(argv[1], "writers"))
		pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&model, &attr);
	pthread_create(&r, NULL, reads, NULL);
	/* it reads: the writer has to wait, or the reader would wait for the writer already */
	while (pthread_rwlock_trywrlock(&model) == 0)
		pthread_rwlock_unlock(&model);
	pthread_create(&w, NULL, writes, NULL);
	pthread_join(r, NULL);
	pthread_join(w, NULL);
	return 0;
}
