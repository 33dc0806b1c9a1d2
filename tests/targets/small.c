/* SPDX-License-Identifier: MIT */
/*
 * small.c - threads with the smallest stack there is (16 KiB) make every hooked kind of call.
 *
 * Each thread leaves only `spare` bytes below it before it calls; a signal arrives meanwhile too.
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "smallstack.h"

#define N_THREADS 40
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

NOINLINE static void calls(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 2);
	struct epoll_event ev;
	int s[2], ep = epoll_create1(0);
	void *p = malloc(500);
	char c = 'c';

	p = realloc(p, 5000);
	free(p);
	pthread_mutex_lock(&lock);
	pthread_cond_timedwait(&cond, &lock, &t);
	pthread_mutex_unlock(&lock);
	pthread_rwlock_wrlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		broken("socketpair");
	if (send(s[0], &c, 1, 0) != 1 || recv(s[1], &c, 1, 0) != 1)
		broken("send or recv");
	poll(&(struct pollfd){s[0], POLLIN, 0}, 1, 1);
	epoll_wait(ep, &ev, 1, 1);
	close(ep);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	size_t size = PTHREAD_STACK_MIN;
	pthread_t t[N_THREADS];

	for (int i = 0; i < N_THREADS; i++) {
		char *stack = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_attr_t a;

		mprotect(stack, 4096, PROT_NONE); /* one byte too far is seen at once */
		pthread_attr_init(&a);
		if (pthread_attr_setstack(&a, stack + 4096, size) ||
		    pthread_create(&t[i], &a, run, stack + 4096))
			broken("pthread_create");
		pthread_attr_destroy(&a);
	}
	say("ready");
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(t[i], NULL);
	say("done");
	return 0;
}
