/* SPDX-License-Identifier: MIT */
/*
 * wakes.c - one thread waits, another one wakes it: once for each way in which that is done.
 *
 * Before it wakes, the waker has seen in /proc that the other one sleeps in the kernel, so that the
 * wait has begun. Says for each pair what waited, what woke, and who both are.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "did.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static sem_t sem;
static int pipe_fd[2], pair_fd[2], event_fd, poll_fd[2];
static volatile int waiter, runs;

struct way {
	const char *wait, *wake; /* events */
	void (*waits)(void);
	void (*wakes)(void);
	void (*before)(void); /* what the waker does before the other one starts, or NULL */
	long nr; /* the system call that the waiter sleeps in */
};

static void sleeps(long nr)
{
	wait_blocked(waiter, nr);
}

static void lock(void)
{
	pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

static void lock_and_unlock(void)
{
	lock();
	unlock();
}

static void write_lock(void)
{
	pthread_rwlock_wrlock(&rwlock);
}

static void read_lock(void)
{
	pthread_rwlock_rdlock(&rwlock);
}

static void rw_unlock(void)
{
	pthread_rwlock_unlock(&rwlock);
}

static void read_and_unlock(void)
{
	read_lock();
	rw_unlock();
}

static void write_and_unlock(void)
{
	write_lock();
	rw_unlock();
}

static void cond_wait(void)
{
	lock();
	pthread_cond_wait(&cond, &mutex);
	unlock();
}

static void cond_signal(void)
{
	pthread_cond_signal(&cond);
}

static void cond_broadcast(void)
{
	pthread_cond_broadcast(&cond);
}

static void sem_waits(void)
{
	sem_wait(&sem);
}

static void sem_posts(void)
{
	sem_post(&sem);
}

static void barrier_waits(void)
{
	pthread_barrier_wait(&barrier);
}

static void read_pipe(void)
{
	char c;

	must(read(pipe_fd[0], &c, 1) == 1, "read");
}

static void write_pipe(void)
{
	must(write(pipe_fd[1], "x", 1) == 1, "write");
}

static void read_event(void)
{
	uint64_t n;

	must(read(event_fd, &n, sizeof(n)) == sizeof(n), "eventfd");
}

static void write_event(void)
{
	uint64_t n = 1;

	must(write(event_fd, &n, sizeof(n)) == sizeof(n), "eventfd");
}

static void receives(void)
{
	char c;

	must(recv(pair_fd[0], &c, 1, 0) == 1, "recv");
}

static void sends(void)
{
	must(send(pair_fd[1], "x", 1, 0) == 1, "send");
}

static void polls(void)
{
	struct pollfd p = {poll_fd[0], POLLIN, 0};

	must(poll(&p, 1, -1) == 1, "poll");
}

static void write_polled(void)
{
	must(write(poll_fd[1], "x", 1) == 1, "write");
}

static const struct way ways[] = {
	{"mutex.lock", "mutex.unlock", lock_and_unlock, unlock, lock, SYS_futex},
	{"rwlock.wrlock", "rwlock.unlock", write_and_unlock, rw_unlock, read_lock, SYS_futex},
	{"rwlock.rdlock", "rwlock.unlock", read_and_unlock, rw_unlock, write_lock, SYS_futex},
	{"cond.wait", "cond.signal", cond_wait, cond_signal, NULL, SYS_futex},
	{"cond.wait", "cond.broadcast", cond_wait, cond_broadcast, NULL, SYS_futex},
	{"sem.wait", "sem.post", sem_waits, sem_posts, NULL, SYS_futex},
	{"barrier.wait", "barrier.wait", barrier_waits, barrier_waits, NULL, SYS_futex},
	{"io.read", "io.write", read_pipe, write_pipe, NULL, SYS_read},
	{"io.read", "io.write", read_event, write_event, NULL, SYS_read},
	{"net.recv", "net.send", receives, sends, NULL, SYS_recvfrom},
	{"net.poll", "io.write", polls, write_polled, NULL, SYS_poll},
};

NOINLINE static void *waits(void *arg)
{
	const struct way *w = arg;

	waiter = tid();
	w->waits();
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void say_pair(const char *wait, const char *wake, int who, int by, uint64_t from)
{
	say("{\"wait\":\"%s\",\"wake\":\"%s\",\"waiter\":%d,\"waker\":%d,\"from_ns\":%lu,"
	    "\"to_ns\":%lu}",
	    wait, wake, who, by, from, now_ns());
}

NOINLINE static pthread_t start(void *(*fn)(void *), const void *arg)
{
	pthread_t t;

	waiter = 0;
	must(pthread_create(&t, NULL, fn, (void *)arg) == 0, "pthread_create");
	while (!waiter)
		usleep(1000);
	return t;
}

NOINLINE static void go(const struct way *w)
{
	uint64_t from = now_ns();
	pthread_t t;

	if (w->before)
		w->before();
	t = start(waits, w);
	sleeps(w->nr);
	w->wakes();
	must(pthread_join(t, NULL) == 0, "pthread_join");
	say_pair(w->wait, w->wake, waiter, tid(), from);
	say_pair("thread.start", "thread.create", waiter, tid(), from);
}

/* ---- the ways that need more ----------------------------------------------------------------- */

static void run_slowly(void)
{
	runs = 1;
	while (waiter <= 0)
		usleep(1000);
	sleeps(SYS_futex);
}

NOINLINE static void *runs_once(void *arg)
{
	pthread_once(&once, run_slowly);
	return arg;
}

NOINLINE static void *waits_for_once(void *arg)
{
	waiter = tid();
	pthread_once(&once, run_slowly);
	return arg;
}

NOINLINE static void by_once(void)
{
	uint64_t from = now_ns();
	pthread_t runner, other;

	waiter = -1;
	must(pthread_create(&runner, NULL, runs_once, NULL) == 0, "pthread_create");
	while (!runs)
		usleep(1000);
	other = start(waits_for_once, NULL);
	pthread_join(other, NULL);
	pthread_join(runner, NULL);
	say_pair("once", "once", waiter, 0, from);
}

NOINLINE static void *ends_when_joined(void *joiner)
{
	int me = tid();

	waiter = me;
	wait_blocked((int)(long)joiner, SYS_futex);
	return NULL;
}

NOINLINE static void by_join(void)
{
	pthread_t t = start(ends_when_joined, (void *)(long)tid());
	uint64_t from = now_ns();

	must(pthread_join(t, NULL) == 0, "pthread_join");
	say_pair("thread.join", "thread.exit", tid(), waiter, from);
}

int main(void)
{
	must(sem_init(&sem, 0, 0) == 0 && pthread_barrier_init(&barrier, NULL, 2) == 0, "init");
	event_fd = eventfd(0, 0);
	must(pipe(pipe_fd) == 0 && pipe(poll_fd) == 0 && event_fd >= 0 &&
		     socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fd) == 0,
	     "descriptors");
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		go(&ways[i]);
	by_join();
	by_once();
	return 0;
}
