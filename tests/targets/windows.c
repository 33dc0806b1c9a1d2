/* SPDX-License-Identifier: MIT */
/*
 * windows.c - fills the recorder's memory and says what it did when.
 *
 *   windows storm PORT MS   connects to PORT, then allocates like mad
 *   windows idle MS         allocates, does nothing for MS, allocates again
 *   windows threads N       N threads at once
 *   windows churn N         N threads one after the other, beside one that stays
 *
 * A mark is a realloc, which nobody else calls, to a size of its own (dense tier) and a name for
 * the thread (rare tier), with the time before and after both. At the end it waits to be killed.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "did.h"

#define MARK_SIZE 1000000 /* of mark 0; the others follow */
#define LAST 20 /* churned threads that are named one by one */

static long calls; /* of malloc and free by this thread */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_there = PTHREAD_COND_INITIALIZER;
static int here;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

NOINLINE static void mark(int k)
{
	uint64_t from = now_ns();
	char name[16];

	free(realloc(malloc(10), (size_t)MARK_SIZE + (size_t)k));
	calls += 3;
	snprintf(name, sizeof(name), "mark %d", k);
	pthread_setname_np(pthread_self(), name);
	say("{\"mark\":%d,\"size\":%d,\"name\":\"%s\",\"from_ns\":%lu,\"to_ns\":%lu}", k,
	    MARK_SIZE + k, name, from, now_ns());
}

/* Some 300 000 allocations a second for MS milliseconds, a mark every 20 ms, from mark K on. */
NOINLINE static int allocate(int k, long ms)
{
	long end = now_ms() + ms, next = 0;

	while (now_ms() < end) {
		if (now_ms() >= next) {
			mark(k++);
			next = now_ms() + 20;
		}
		for (int i = 0; i < 400; i++)
			free(malloc(1 + (size_t)i % 100));
		calls += 800;
		usleep(1000);
	}
	mark(k++);
	return k;
}

/* A descriptor so high that a table of all below it takes more than a megabyte. */
static void high_descriptor(int fd)
{
	struct rlimit most;

	must(getrlimit(RLIMIT_NOFILE, &most) == 0, "getrlimit");
	most.rlim_cur = most.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &most) == 0, "setrlimit");
	if (most.rlim_max > 19000)
		must(send(fcntl(fd, F_DUPFD, 19000), "x", 1, 0) == 1, "a high descriptor");
}

NOINLINE static void dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t from = now_ns();

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	say("{\"connect\":%d,\"peer\":\"127.0.0.1:%d\",\"from_ns\":%lu,\"to_ns\":%lu}", fd, port,
	    from, now_ns());
	high_descriptor(fd);
}

static void done(void)
{
	say("{\"done\":true,\"tid\":%d,\"calls\":%ld}", tid(), calls);
	for (;;)
		pause();
}

/* ---- threads --------------------------------------------------------------------------------- */

NOINLINE static void *one_of_many(void *arg)
{
	int i = (int)(long)arg;
	char name[16];

	free(realloc(malloc(10), (size_t)(MARK_SIZE + i)));
	snprintf(name, sizeof(name), "many %d", i);
	pthread_setname_np(pthread_self(), name);
	pthread_mutex_lock(&mutex);
	say("{\"thread\":%d,\"tid\":%d,\"size\":%d,\"name\":\"%s\"}", i, tid(), MARK_SIZE + i,
	    name);
	here++;
	pthread_cond_signal(&all_there);
	pthread_mutex_unlock(&mutex);
	for (;;)
		pause();
	return NULL;
}

static void many(int n)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (long i = 0; i < n; i++)
		must(pthread_create(&t, &attr, one_of_many, (void *)i) == 0, "pthread_create");
	pthread_mutex_lock(&mutex);
	while (here < n)
		pthread_cond_wait(&all_there, &mutex);
	pthread_mutex_unlock(&mutex);
}

NOINLINE static void *short_lived(void *arg)
{
	free(realloc(malloc(10), (size_t)MARK_SIZE + (size_t)(long)arg));
	here = tid();
	return NULL;
}

static void churn(int n)
{
	pthread_t t;

	mark(n);
	for (int i = 0; i < n; i++) {
		must(pthread_create(&t, NULL, short_lived, (void *)(long)i) == 0 &&
			     pthread_join(t, NULL) == 0,
		     "a thread");
		if (i >= n - LAST)
			say("{\"churned\":%d,\"tid\":%d,\"size\":%d,\"handle\":\"0x%lx\"}", i, here,
			    MARK_SIZE + i, t);
		if (i % 500 == 499)
			mark(n + 1 + i / 500);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int k;

	if (strcmp(what, "storm") == 0 && argc > 3) {
		dial(atoi(argv[2]));
		allocate(0, atol(argv[3]));
	} else if (strcmp(what, "idle") == 0) {
		k = allocate(0, 100);
		usleep((useconds_t)(atol(argv[2]) % 1000 * 1000));
		sleep((unsigned int)(atol(argv[2]) / 1000));
		allocate(k, 100);
	} else if (strcmp(what, "threads") == 0) {
		many(atoi(argv[2]));
	} else if (strcmp(what, "churn") == 0) {
		churn(atoi(argv[2]));
	} else {
		broken("arguments");
	}
	done();
}
