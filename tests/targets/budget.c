/* SPDX-License-Identifier: MIT */
/*
 * budget.c - a storm of cheap calls, and what else is asked for on stdin meanwhile.
 *
 *   budget KIND THREADS    KIND: mem (malloc and free), lock (a mutex), net (bytes through a pair
 *                          of sockets), calm (none)
 *
 * Commands, one letter each:
 *   t  says how many calls there were so far, and the process's CPU time
 *   c  calm: no more calls        f  forks a child, which is calm and says its pid
 *   b  allocates a large block    x  frees it
 *   y  allocates small blocks until one lies where the large one was, and frees them
 *
 * Each round ends with a nap that is long enough to be recorded at level slow.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "truth.h"

#define ROUND 5000
#define LARGE (600u << 10)

static const char *kind;
static volatile int is_calm;
static unsigned long calls;
static char *large;

struct storm {
	pthread_mutex_t mutex;
	int pair[2];
};

NOINLINE static void one(struct storm *s)
{
	char byte = 1;

	if (*kind == 'm') {
		free(malloc(32));
	} else if (*kind == 'l') {
		pthread_mutex_lock(&s->mutex);
		pthread_mutex_unlock(&s->mutex);
	} else if (send(s->pair[0], &byte, 1, 0) != 1 || recv(s->pair[1], &byte, 1, 0) != 1) {
		broken("a byte was lost");
	}
}

static void a_round(struct storm *s)
{
	const struct timespec nap = {0, 200000};
	int n = is_calm || *kind == 'c' ? 0 : ROUND;

	for (int i = 0; i < n; i++)
		one(s);
	__atomic_fetch_add(&calls, 2ul * (unsigned long)n, __ATOMIC_RELAXED);
	nanosleep(&nap, NULL);
}

static void *storm(void *arg)
{
	struct storm s = {.mutex = PTHREAD_MUTEX_INITIALIZER};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s.pair))
		broken("socketpair");
	for (;;)
		a_round(&s);
	return arg;
}

static void totals(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	say("{\"calls\":%lu,\"cpu_ns\":%ld}", __atomic_load_n(&calls, __ATOMIC_RELAXED),
	    t.tv_sec * 1000000000 + t.tv_nsec);
}

static void be_child(void)
{
	pid_t pid = fork();

	if (pid)
		return;
	is_calm = 1;
	say("{\"child\":%d}", getpid());
	storm(NULL);
}

/* Where the large block was, now that it is free: what is small comes from there. */
static void small_ones(void)
{
	char *p[4096];
	int n = 0, found = 0;

	while (n < 4096 && !found) {
		p[n] = malloc(64);
		found = p[n++] == large;
	}
	while (n > 0)
		free(p[--n]);
	say("{\"found\":%d,\"at\":\"%p\"}", found, (void *)large);
}

static void command(char c)
{
	if (c == 't')
		totals();
	if (c == 'c')
		is_calm = 1;
	if (c == 'f')
		be_child();
	if (c == 'b')
		large = malloc(LARGE);
	if (c == 'x')
		free(large);
	if (c == 'y')
		small_ones();
	if (c == 'b' || c == 'x')
		say("{\"done\":\"%c\",\"at\":\"%p\"}", c, (void *)large);
}

/* By raw calls: the storm is to be all that there is. */
static void listen_to(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec now = {0};
	char c;

	while (syscall(SYS_ppoll, &p, 1, &now, NULL, 8) == 1) {
		if (syscall(SYS_read, fd, &c, 1) != 1)
			_exit(0);
		command(c);
	}
}

int main(int argc, char **argv)
{
	struct storm s = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	pthread_t th;

	kind = argc > 1 ? argv[1] : "calm";
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s.pair))
		broken("socketpair");
	for (int i = argc > 2 ? atoi(argv[2]) : 1; i > 1; i--)
		pthread_create(&th, NULL, storm, NULL);
	say("{\"begin\":\"%s\"}", kind);
	for (;;) {
		a_round(&s);
		listen_to(0);
	}
}
