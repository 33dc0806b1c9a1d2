/* SPDX-License-Identifier: MIT */
/*
 * coroutines.c - fibers by swapcontext that move between threads, with locks, memory and sockets.
 *
 * Four threads take whichever of sixteen fibers is next and run it until it gives way; its next
 * piece may run on another thread. Says what was done in all, which must be the same each time.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>

#include "truth.h"

#define FIBERS 16
#define THREADS 4
#define PIECES 50
#define STACK (64 << 10)

struct fiber {
	ucontext_t context;
	ucontext_t *back; /* of the thread that runs it now */
	int pieces, moves, last;
	int socket[2];
	struct fiber *next;
};

static struct fiber fibers[FIBERS];
static struct fiber *ready;
static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static long total;
static int unfinished = FIBERS;

/* A lock, memory and a message, each below a frame that the fiber alone has. */
NOINLINE static void fiber_leaf(struct fiber *f)
{
	char *p, c;

	pthread_mutex_lock(&shared);
	total++;
	pthread_mutex_unlock(&shared);
	p = malloc(100 + (size_t)f->pieces);
	p[0] = 'x';
	if (send(f->socket[1], p, 1, 0) != 1 || recv(f->socket[0], &c, 1, 0) != 1 || c != 'x')
		broken("socket");
	free(p);
}

NOINLINE static void fiber_middle(struct fiber *f)
{
	fiber_leaf(f);
}

/* The same frame in the same place with another name. */
NOINLINE static void fiber_other(struct fiber *f)
{
	fiber_leaf(f);
}

static void fiber_main(int i)
{
	struct fiber *f = &fibers[i];

	while (f->pieces < PIECES) {
		int here = tid();

		f->moves += f->last && f->last != here;
		f->last = here;
		if (f->pieces & 1)
			fiber_middle(f);
		else
			fiber_other(f);
		f->pieces++;
		swapcontext(&f->context, f->back);
	}
	f->pieces++;
	swapcontext(&f->context, f->back);
}

/* The first in the queue that ran on another thread before: each moves each time. */
static struct fiber *take(void)
{
	struct fiber **at = &ready, *f;
	int me = tid();

	pthread_mutex_lock(&queue);
	while (*at && (*at)->last == me)
		at = &(*at)->next;
	f = *at;
	if (f)
		*at = f->next;
	pthread_mutex_unlock(&queue);
	return f;
}

/* To the end of the queue, or out. */
static void give(struct fiber *f)
{
	struct fiber **end = &ready;

	pthread_mutex_lock(&queue);
	if (f->pieces > PIECES) {
		unfinished--;
	} else {
		while (*end)
			end = &(*end)->next;
		f->next = NULL;
		*end = f;
	}
	pthread_mutex_unlock(&queue);
}

NOINLINE static void *thread_main(void *arg)
{
	ucontext_t here;

	while (__atomic_load_n(&unfinished, __ATOMIC_ACQUIRE) > 0) {
		struct fiber *f = take();

		if (!f) {
			sched_yield();
			continue;
		}
		f->back = &here;
		swapcontext(&here, &f->context);
		give(f);
	}
	return arg;
}

static void make(int i)
{
	struct fiber *f = &fibers[i];
	void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM, 0, f->socket))
		broken("fiber");
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = stack;
	f->context.uc_stack.ss_size = STACK;
	makecontext(&f->context, (void (*)(void))fiber_main, 1, i);
	give(f);
}

int main(void)
{
	pthread_t t[THREADS];
	int moves = 0;

	for (int i = 0; i < FIBERS; i++)
		make(i);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, thread_main, NULL))
			broken("pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < FIBERS; i++)
		moves += fibers[i].moves;
	say("{\"total\":%ld,\"lock\":\"%p\",\"moves\":%d}", total, (void *)&shared, moves);
	return 0;
}
