/* SPDX-License-Identifier: MIT */
/*
 * blocked.c - one thread waits for each kind of thing that is no mutex; says who, then stays.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>

#include "truth.h"

static void must(int ok, const char *what)
{
	if (!ok)
		broken(what);
}

static volatile int started_tid;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t sem;
static int other;

static void *in_sem(void *arg)
{
	started_tid = tid();
	sem_wait(&sem);
	return arg;
}
static void *in_barrier(void *arg)
{
	started_tid = tid();
	pthread_barrier_wait(&barrier);
	return arg;
}
static void *in_flock(void *arg)
{
	started_tid = tid();
	flock(other, LOCK_EX);
	return arg;
}
static void for_ever(void)
{
	poll(NULL, 0, -1);
}
static void *in_once(void *arg)
{
	started_tid = tid();
	pthread_once(&once, for_ever);
	return arg;
}
static void *in_spin(void *arg)
{
	started_tid = tid();
	pthread_spin_lock(&spin);
	return arg;
}

static int start(void *(*fn)(void *), int sleeps)
{
	pthread_t t;

	started_tid = 0;
	must(pthread_create(&t, NULL, fn, NULL) == 0, "pthread_create");
	while (!started_tid)
		poll(NULL, 0, 1);
	if (sleeps)
		wait_blocked(started_tid, -1);
	return started_tid;
}

int main(void)
{
	char name[] = "/tmp/fr-blocked-XXXXXX";
	int fd = mkstemp(name), s, b, f, o, p;

	other = open(name, O_RDWR);
	must(fd >= 0 && other >= 0 && unlink(name) == 0, "a file");
	sem_init(&sem, 0, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_spin_init(&spin, 0);
	must(flock(fd, LOCK_EX) == 0, "flock");
	s = start(in_sem, 1);
	b = start(in_barrier, 1);
	f = start(in_flock, 1);
	start(in_once, 1);
	o = start(in_once, 1);
	pthread_spin_lock(&spin);
	p = start(in_spin, 0);
#if defined(__x86_64__)
	while (spin >= 0) /* below 0 once somebody spins */
		poll(NULL, 0, 1);
#endif
	poll(NULL, 0, 20);
	say("{\"tids\":{\"sem\":%d,\"barrier\":%d,\"filelock\":%d,\"once\":%d,\"spin\":%d},"
	    "\"objects\":{\"sem\":\"%p\",\"barrier\":\"%p\",\"once\":\"%p\",\"spin\":\"%p\"}}",
	    s, b, f, o, p, (void *)&sem, (void *)&barrier, (void *)&once, (void *)&spin);
	poll(NULL, 0, 60000);
	return 0;
}
