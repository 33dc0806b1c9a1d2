/* SPDX-License-Identifier: MIT */
/*
 * load.c - threads that lock, allocate and talk over sockets until the process is killed.
 *
 * One more thread takes `kept` and holds it for ever, one waits for it: whenever the process dies,
 * its recording must name that owner. Says tids and the lock once all are where they stay.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "truth.h"

static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t shared[3];
static volatile int owner_tid, waiter_tid;
static atomic_int busy_threads;

NOINLINE static void churn(unsigned int *seed, int a, int b)
{
	void *p[8];
	char c[100];

	for (int i = 0; i < 8; i++)
		p[i] = malloc(1 + rand_r(seed) % 3000);
	for (int i = 0; i < 3; i++) {
		pthread_mutex_lock(&shared[i]);
		if (send(a, c, 1 + rand_r(seed) % 90, 0) < 0 || recv(b, c, sizeof(c), 0) < 0)
			broken("send or recv");
		pthread_mutex_unlock(&shared[i]);
	}
	for (int i = 0; i < 8; i++)
		free(p[i]);
}

NOINLINE static void *busy(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		broken("socketpair");
	busy_threads++;
	for (;;)
		churn(&seed, fds[0], fds[1]);
	return NULL;
}

NOINLINE static void *owner(void *arg)
{
	pthread_mutex_lock(&kept);
	owner_tid = tid();
	for (;;)
		pause();
	return arg;
}

NOINLINE static void *waiter(void *arg)
{
	while (!owner_tid)
		;
	waiter_tid = tid();
	pthread_mutex_lock(&kept); /* the waiter waits here */
	return arg;
}

int main(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		pthread_mutex_init(&shared[i], NULL);
	say("{\"begun\":true}");
	if (pthread_create(&t, NULL, owner, NULL) || pthread_create(&t, NULL, waiter, NULL))
		broken("pthread_create");
	for (long i = 0; i < 3; i++)
		if (pthread_create(&t, NULL, busy, (void *)(i + 1)))
			broken("pthread_create");
	while (!waiter_tid || busy_threads < 3)
		;
	wait_blocked(waiter_tid, SYS_futex);
	say("{\"ready\":true,\"owner\":%d,\"waiter\":%d,\"lock\":\"%p\"}", owner_tid, waiter_tid,
	    (void *)&kept);
	for (;;)
		pause();
}
