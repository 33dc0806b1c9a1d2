/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - a thread is cancelled in each hooked call that can block.
 *
 * Each case blocks for sure (the kernel shows it), is cancelled, must end with PTHREAD_CANCELED,
 * must have run its clean-up handler, which owns the mutex of a condition wait. Afterwards the
 * same thread functions work again. A lock is not a cancellation point: it is taken first.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int quiet[2], full[2]; /* nothing to read from quiet, no room to write to full */
static int listener, sleeper_pipe[2];
static char big[1 << 16];
static struct iovec vec = {big, sizeof(big)};
static struct msghdr msg = {.msg_iov = &vec, .msg_iovlen = 1};
static pthread_t sleeper;

static void do_recv(void)
{
	recv(quiet[0], big, 1, 0);
}
static void do_recvfrom(void)
{
	recvfrom(quiet[0], big, 1, 0, NULL, NULL);
}
static void do_recvmsg(void)
{
	recvmsg(quiet[0], &msg, 0);
}
static void do_read(void)
{
	if (read(quiet[0], big, 1)) {
	}
}
static void do_readv(void)
{
	if (readv(quiet[0], &vec, 1)) {
	}
}
static void do_read_pipe(void)
{
	if (read(sleeper_pipe[0], big, 1)) {
	}
}
static void do_send(void)
{
	send(full[0], big, sizeof(big), 0);
}
static void do_sendto(void)
{
	sendto(full[0], big, sizeof(big), 0, NULL, 0);
}
static void do_sendmsg(void)
{
	sendmsg(full[0], &msg, 0);
}
static void do_write(void)
{
	if (write(full[0], big, sizeof(big))) {
	}
}
static void do_writev(void)
{
	if (writev(full[0], &vec, 1)) {
	}
}
static void do_accept(void)
{
	accept(listener, NULL, NULL);
}
static void do_accept4(void)
{
	accept4(listener, NULL, NULL, 0);
}
static void do_poll(void)
{
	poll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, -1);
}
static void do_ppoll(void)
{
	ppoll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, NULL, NULL);
}
static void do_join(void)
{
	pthread_join(sleeper, NULL);
}

static void do_epoll_wait(void)
{
	struct epoll_event ev;

	epoll_wait(epoll_create1(EPOLL_CLOEXEC), &ev, 1, -1);
}

static void do_epoll_pwait(void)
{
	struct epoll_event ev;

	epoll_pwait(epoll_create1(EPOLL_CLOEXEC), &ev, 1, -1, NULL);
}

static void do_cond_wait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_wait(&cond, &mutex);
}

static void do_cond_timedwait(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 60000);

	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &t);
}

static void do_cond_clockwait(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 60000);

	pthread_mutex_lock(&mutex);
	pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &t);
}

/* Not a cancellation point: goes on until testcancel. */
static void do_lock(void)
{
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
	pthread_testcancel();
}

#define CASE(name)                                                                                 \
	{                                                                                          \
#name, do_##name, 0                                                                \
	}
#define COND_CASE(name)                                                                            \
	{                                                                                          \
#name, do_##name, 1                                                                \
	}

static const struct test {
	const char *name;
	void (*run)(void);
	int owns_mutex; /* in its clean-up handler */
} tests[] = {
	CASE(recv),
	CASE(recvfrom),
	CASE(recvmsg),
	CASE(read),
	CASE(readv),
	CASE(read_pipe),
	CASE(send),
	CASE(sendto),
	CASE(sendmsg),
	CASE(write),
	CASE(writev),
	CASE(accept),
	CASE(accept4),
	CASE(poll),
	CASE(ppoll),
	CASE(epoll_wait),
	CASE(epoll_pwait),
	CASE(join),
	CASE(lock),
	COND_CASE(cond_wait),
	COND_CASE(cond_timedwait),
	COND_CASE(cond_clockwait),
};

static volatile int blocked_tid;
static int cleaned, owned;

static void clean(void *arg)
{
	const struct test *t = arg;

	cleaned = 1;
	if (t->owns_mutex) {
		owned = pthread_mutex_trylock(&mutex) == EBUSY;
		pthread_mutex_unlock(&mutex);
	}
}

static void *run(void *arg)
{
	const struct test *t = arg;

	blocked_tid = tid();
	pthread_cleanup_push(clean, arg);
	t->run();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *sleep_in_pipe(void *arg)
{
	char c;

	if (read(sleeper_pipe[0], &c, 1) < 0)
		broken("read");
	return arg;
}

static void cancel_in(const struct test *t)
{
	void *value = NULL;
	pthread_t thread;

	cleaned = owned = blocked_tid = 0;
	if (t->run == do_lock)
		pthread_mutex_lock(&held);
	if (pthread_create(&thread, NULL, run, (void *)t) != 0)
		broken("pthread_create");
	while (!blocked_tid)
		;
	wait_blocked(blocked_tid, -1);
	pthread_cancel(thread);
	if (t->run == do_lock)
		pthread_mutex_unlock(&held);
	pthread_join(thread, &value);
	say("%s: cancelled %d, cleaned %d, owned %d, mutex free %d", t->name,
	    value == PTHREAD_CANCELED, cleaned, owned, pthread_mutex_trylock(&mutex) == 0);
	pthread_mutex_unlock(&mutex);
}

int main(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (void *)&any, sizeof(any)) || listen(listener, 1) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, full) || pipe(sleeper_pipe))
		broken("setup");
	while (send(full[0], big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	if (pthread_create(&sleeper, NULL, sleep_in_pipe, NULL))
		broken("pthread_create");
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
			cancel_in(&tests[i]);
	return 0;
}
