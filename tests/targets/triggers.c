/* SPDX-License-Identifier: MIT */
/*
 * triggers.c - does things that take so long as it is told, and says what they were.
 *
 *   triggers ITEM...   items are done one after the other:
 *     lock:MS    a thread waits for a mutex that another one holds for MS
 *     rdlock:MS  the same with a rwlock
 *     hold:MS    holds a mutex for MS, nobody waits
 *     recv:MS    waits in recv() until another thread sends after MS
 *     cond:MS    waits for a condition with a timeout of MS
 *     poll:MS    poll() with a timeout of MS
 *     join:MS    joins a thread that lasts MS
 *     stuck:MS   a thread waits for a mutex for MS while this one makes small calls
 *     rss:MB     touches MB of memory and keeps it; frees what it had
 *     calls:MS   small socket calls for MS
 *     stay       waits to be killed
 */
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int pair[2];
static volatile int waiter;
static long wanted_ms;

static void nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	syscall(SYS_nanosleep, &t, NULL);
}

static void *lock_it(void *arg)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter = tid();
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void *read_lock_it(void *arg)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter = tid();
	pthread_rwlock_rdlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	return arg;
}

static void *send_late(void *arg)
{
	nap(wanted_ms);
	if (send(pair[1], "x", 1, 0) != 1)
		broken("send");
	return arg;
}

static void *last(void *arg)
{
	nap(wanted_ms);
	return arg;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, NULL) != 0)
		broken("pthread_create");
	return t;
}

/* Until the thread sleeps in the lock, then MS more. */
static void let_wait(long ms)
{
	while (!waiter)
		sched_yield();
	wait_blocked(waiter, SYS_futex);
	nap(ms);
}

static void small_calls(long ms)
{
	long end = now_ms() + ms;
	char c;

	do {
		if (send(pair[1], "x", 1, 0) != 1 || recv(pair[0], &c, 1, 0) != 1)
			broken("small calls");
		nap(1);
	} while (now_ms() < end);
}

static void do_lock(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_mutex_lock(&mutex);
	t = start(lock_it);
	let_wait(ms);
	say("{\"did\":\"lock\",\"lock\":\"%p\",\"waiter\":%d,\"owner\":%d}", (void *)&mutex, waiter,
	    tid());
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
}

static void do_rdlock(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_rwlock_wrlock(&rwlock);
	t = start(read_lock_it);
	let_wait(ms);
	say("{\"did\":\"rdlock\",\"lock\":\"%p\",\"waiter\":%d}", (void *)&rwlock, waiter);
	pthread_rwlock_unlock(&rwlock);
	pthread_join(t, NULL);
}

static void do_stuck(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_mutex_lock(&mutex);
	t = start(lock_it);
	let_wait(0);
	say("{\"did\":\"stuck\",\"lock\":\"%p\",\"waiter\":%d}", (void *)&mutex, waiter);
	small_calls(ms);
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
}

static void do_hold(long ms)
{
	pthread_mutex_lock(&mutex);
	nap(ms);
	pthread_mutex_unlock(&mutex);
	say("{\"did\":\"hold\",\"lock\":\"%p\"}", (void *)&mutex);
}

static void do_recv(long ms)
{
	pthread_t t = start(send_late);
	char c;

	if (recv(pair[0], &c, 1, 0) != 1)
		broken("recv");
	say("{\"did\":\"recv\",\"fd\":%d,\"tid\":%d}", pair[0], tid());
	pthread_join(t, NULL);
}

static void do_cond(long ms)
{
	static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec until = in_ms(CLOCK_REALTIME, ms);

	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	say("{\"did\":\"cond\",\"cond\":\"%p\"}", (void *)&cond);
}

static void do_poll(long ms)
{
	struct pollfd p = {pair[0], POLLIN, 0};

	if (poll(&p, 1, (int)ms) != 0)
		broken("poll");
	say("{\"did\":\"poll\",\"fd\":%d}", pair[0]);
}

static void do_join(long ms)
{
	pthread_join(start(last), NULL);
	say("{\"did\":\"join\"}");
}

static void do_rss(long mb)
{
	static size_t size;
	static char *p;

	if (p)
		munmap(p, size);
	size = (size_t)mb << 20;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		 0);
	if (p == MAP_FAILED)
		broken("mmap");
	say("{\"did\":\"rss\"}");
}

static void do_stay(long ms)
{
	say("{\"did\":\"stay\"}");
	for (;;)
		nap(1000);
}

static const struct {
	const char *name;
	void (*run)(long n);
} items[] = {
	{"lock", do_lock}, {"rdlock", do_rdlock}, {"hold", do_hold},      {"recv", do_recv},
	{"cond", do_cond}, {"poll", do_poll},     {"join", do_join},      {"stuck", do_stuck},
	{"rss", do_rss},   {"stay", do_stay},     {"calls", small_calls},
};

int main(int argc, char **argv)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	say("{\"did\":\"begin\"}");
	for (int i = 1; i < argc; i++) {
		size_t n = strcspn(argv[i], ":");

		wanted_ms = argv[i][n] ? atol(argv[i] + n + 1) : 0;
		for (size_t k = 0; k < sizeof(items) / sizeof(*items); k++) {
			if (strlen(items[k].name) == n && !strncmp(items[k].name, argv[i], n))
				items[k].run(wanted_ms);
		}
	}
	say("{\"did\":\"all\"}");
	return 0;
}
