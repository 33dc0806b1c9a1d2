/* SPDX-License-Identifier: MIT */
/*
 * errnos.c - results and errno of every hooked call, when it works and when it fails.
 *
 * errno is 77 before each call. The output with and without the recorder must be the same.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "truth.h"

#define TRY(call)                                                                                  \
	do {                                                                                       \
		long result_;                                                                      \
		errno = 77;                                                                        \
		result_ = (long)(call);                                                            \
		say("%s = %ld, errno %d", #call, result_, errno);                                  \
	} while (0)
#define TRY_PTR(call)                                                                              \
	do {                                                                                       \
		void *result_;                                                                     \
		errno = 77;                                                                        \
		result_ = (void *)(call);                                                          \
		say("%s = %s, errno %d", #call, result_ ? "pointer" : "NULL", errno);              \
		free(result_);                                                                     \
		result_ = NULL;                                                                    \
	} while (0)
#define TRY_VOID(call)                                                                             \
	do {                                                                                       \
		errno = 77;                                                                        \
		call;                                                                              \
		say("%s, errno %d", #call, errno);                                                 \
	} while (0)

static volatile size_t huge = SIZE_MAX / 2;
static void *volatile wild = (void *)8; /* not mapped */

static void locks(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, strict, recursive, robust;
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec past = {1, 0}, bad = {1, 2000000000};
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&strict, &a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);

	TRY(pthread_mutex_lock(&m));
	TRY(pthread_mutex_trylock(&m));
	TRY(pthread_mutex_timedlock(&m, &past));
	TRY(pthread_mutex_timedlock(&m, &bad));
	TRY(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	TRY(pthread_mutex_clocklock(&m, CLOCK_THREAD_CPUTIME_ID, &past));
	TRY(pthread_mutex_unlock(&m));
	TRY(pthread_mutex_unlock(&strict));
	TRY(pthread_mutex_lock(&strict));
	TRY(pthread_mutex_lock(&strict));
	TRY(pthread_mutex_trylock(&strict));
	TRY(pthread_mutex_unlock(&strict));
	for (int i = 0; i < 2; i++)
		TRY(pthread_mutex_lock(&recursive));
	TRY(pthread_mutex_trylock(&recursive));
	for (int i = 0; i < 4; i++)
		TRY(pthread_mutex_unlock(&recursive));
	TRY(pthread_mutex_lock(&robust));
	TRY(pthread_mutex_unlock(&robust));
	TRY(pthread_rwlock_rdlock(&rw));
	TRY(pthread_rwlock_trywrlock(&rw));
	TRY(pthread_rwlock_timedwrlock(&rw, &past));
	TRY(pthread_rwlock_clockwrlock(&rw, CLOCK_MONOTONIC, &past));
	TRY(pthread_rwlock_unlock(&rw));
	TRY(pthread_rwlock_wrlock(&rw));
	TRY(pthread_rwlock_rdlock(&rw));
	TRY(pthread_rwlock_tryrdlock(&rw));
	TRY(pthread_rwlock_timedrdlock(&rw, &past));
	TRY(pthread_rwlock_clockrdlock(&rw, CLOCK_MONOTONIC, &past));
	TRY(pthread_rwlock_wrlock(&rw));
	TRY(pthread_rwlock_unlock(&rw));
	TRY(pthread_cond_signal(&c));
	TRY(pthread_cond_broadcast(&c));
	pthread_mutex_lock(&m);
	TRY(pthread_cond_timedwait(&c, &m, &past));
	TRY(pthread_cond_timedwait(&c, &m, &bad));
	TRY(pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &past));
	pthread_mutex_unlock(&m);
	TRY(pthread_cond_timedwait(&c, &strict, &past));
}

static void *die_holding(void *mutex)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

/* EOWNERDEAD means: you have it. */
static void dead_owner(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_t t;

	for (int try = 0; try < 2; try++) {
		pthread_mutexattr_init(&a);
		pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
		pthread_mutex_init(&m, &a);
		TRY(pthread_create(&t, NULL, die_holding, &m));
		TRY(pthread_join(t, NULL));
		if (try)
			TRY(pthread_mutex_trylock(&m));
		else
			TRY(pthread_mutex_lock(&m));
		TRY(pthread_mutex_unlock(&m)); /* not made consistent: for ever unusable */
		TRY(pthread_mutex_lock(&m));
	}
}

static void memory(void)
{
	void *p = NULL;

	TRY_PTR(malloc(0));
	TRY_PTR(malloc(huge));
	TRY_PTR(malloc(100));
	TRY_PTR(calloc(huge, 4));
	TRY_PTR(calloc(0, 4));
	TRY_PTR(realloc(NULL, 10));
	TRY_PTR(realloc(malloc(10), 100000));
	p = malloc(10);
	TRY_PTR(realloc(p, huge));
	TRY_VOID(free(p));
	p = malloc(10);
	TRY_PTR(realloc(p, 0));
	TRY_PTR(reallocarray(NULL, 3, 7));
	TRY_PTR(reallocarray(NULL, huge, 7));
	p = (void *)1;
	TRY(posix_memalign(&p, 3, 10));
	say("untouched: %d", p == (void *)1);
	TRY(posix_memalign(&p, 64, huge));
	TRY(posix_memalign(&p, 64, 10));
	TRY_VOID(free(p));
	TRY_PTR(aligned_alloc(64, 640));
	TRY_PTR(aligned_alloc(64, huge));
	TRY_PTR(memalign(64, 100));
	TRY_PTR(memalign(64, huge));
	TRY_PTR(valloc(100));
	TRY_PTR(valloc(huge));
	TRY_PTR(pvalloc(100));
	TRY_PTR(pvalloc(huge));
	TRY_VOID(free(NULL));
	TRY(malloc_usable_size(NULL));
	p = malloc(1000);
	TRY(malloc_usable_size(p));
	free(p);
}

static void sockets(void)
{
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1)};
	struct iovec v = {"abc", 3};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct epoll_event ev;
	struct pollfd p = {-1, POLLIN, 0};
	char b[64];

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(socket(AF_INET, 77, 0));
	TRY(socket(1234, SOCK_STREAM, 0));
	TRY(connect(-1, (void *)&nobody, sizeof(nobody)));
	TRY(connect(0, (void *)&nobody, sizeof(nobody)));
	TRY(accept(-1, NULL, NULL));
	TRY(accept4(-1, NULL, NULL, SOCK_CLOEXEC));
	TRY(send(-1, b, 1, 0));
	TRY(send(1, b, 1, 0));
	TRY(sendto(-1, b, 1, 0, NULL, 0));
	TRY(sendmsg(-1, &m, 0));
	TRY(recv(-1, b, 1, 0));
	TRY(recvfrom(-1, b, 1, 0, NULL, NULL));
	TRY(recvmsg(-1, &m, 0));
	TRY(read(-1, b, 1));
	TRY(write(-1, b, 1));
	TRY(readv(-1, &v, 1));
	TRY(writev(-1, &v, 1));
	TRY(close(-1));
	TRY(poll(NULL, 0, 0));
	TRY(poll(&p, 1, 1));
	TRY(poll(wild, 1, 1));
	TRY(ppoll(NULL, 0, &(struct timespec){0, 2000000000}, NULL));
	TRY(epoll_wait(-1, &ev, 1, 0));
	TRY(epoll_wait(0, &ev, 0, 0));
	TRY(epoll_pwait(-1, &ev, 1, 0, NULL));
}

/* On descriptors that work, with pointers that do and do not. */
static void connected(void)
{
	struct iovec v = {"abc", 3}, into[1];
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	int s[2];
	char b[64];

	into[0] = (struct iovec){b, sizeof(b)};
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		broken("socketpair");
	TRY(recv(s[0], b, sizeof(b), MSG_DONTWAIT));
	TRY(send(s[1], "abcdef", 6, 0));
	TRY(recv(s[0], b, 2, MSG_PEEK));
	TRY(read(s[0], b, 2));
	TRY(readv(s[0], into, 1));
	TRY(write(s[1], wild, 5));
	TRY(writev(s[1], &v, 1));
	TRY(recv(s[0], wild, 3, 0));
	TRY(readv(s[0], wild, 1));
	TRY(writev(s[1], wild, 1));
	TRY(sendmsg(s[1], wild, 0));
	TRY(recvmsg(s[0], wild, 0));
	TRY(connect(s[0], wild, 16));
	TRY(sendto(s[1], "x", 1, 0, wild, 16));
	TRY(recvfrom(s[0], b, 1, MSG_PEEK, wild, wild));
	TRY(accept(s[0], wild, wild));
	TRY(ppoll(wild, 1, NULL, NULL));
	TRY(epoll_wait(epoll_create1(EPOLL_CLOEXEC), wild, 1, 0));
	TRY(sendmsg(s[1], &m, 0));
	TRY(close(s[1]));
	TRY(send(s[0], "x", 1, MSG_NOSIGNAL));
	TRY(read(s[0], b, sizeof(b)));
	TRY(read(s[0], b, sizeof(b)));
	TRY(close(s[0]));
	TRY(close(s[0]));
	TRY(read(s[0], b, 1));
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads_and_signals(void)
{
	struct timespec past = {1, 0};
	struct sigaction act, old;
	pthread_t t;
	void *value;

	TRY(pthread_create(&t, NULL, nothing, (void *)42));
	TRY(pthread_join(t, &value));
	say("joined: %ld", (long)value);
	TRY(pthread_setname_np(pthread_self(), "short"));
	TRY(pthread_setname_np(pthread_self(), "this is much too long"));
	TRY(pthread_join(pthread_self(), NULL));
	TRY(pthread_tryjoin_np(pthread_self(), NULL));
	TRY(pthread_timedjoin_np(pthread_self(), NULL, &past));
	TRY(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
	TRY(sigaction(12345, NULL, &old));
	for (int sig = 1; sig < 32; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		memset(&act, 0, sizeof(act));
		TRY(sigaction(sig, NULL, &old));
		say("signal %d: default %d, flags %x", sig, old.sa_handler == SIG_DFL,
		    old.sa_flags & ~0x04000000);
		TRY(signal(sig, SIG_IGN) == SIG_DFL);
		TRY(signal(sig, SIG_DFL) == SIG_IGN);
	}
}

int main(void)
{
	locks();
	dead_owner();
	memory();
	sockets();
	connected();
	threads_and_signals();
	return 0;
}
