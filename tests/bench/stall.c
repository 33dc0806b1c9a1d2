/* SPDX-License-Identifier: MIT */
/*
 * stall.c - threads at full speed that notice when they are held up, while a snapshot is taken.
 *
 *   stall gaps THREADS FILL_MS ROUNDS WINDOW_MS
 *   stall crash THREADS FILL_MS
 *
 * gaps: after FILL_MS of filling the region, in turn a window in which nothing happens and one that
 * begins with SIGUSR1 to the main thread. One JSON line a round: how long raise() took, by the wall
 * and by the thread's own CPU clock, and for each window and each thread the longest time between
 * two iterations and the longest on its own CPU clock: what the scheduler did is in the first only.
 *
 * crash: prints CLOCK_MONOTONIC in ns and dies of SIGSEGV.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define GROUP 64 /* iterations between two looks at the thread's CPU clock, a system call */

static atomic_int phase; /* even: quiet, odd: snapshot; -1: the end */

static struct worker {
	pthread_t th;
	_Atomic long gap[2]; /* ns, of the current window of each kind */
	_Atomic long cpu[2];
} workers[THREADS_MAX];

static long now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static void pause_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static void longest(_Atomic long *max, long ns)
{
	if (ns > atomic_load_explicit(max, memory_order_relaxed))
		atomic_store_explicit(max, ns, memory_order_relaxed);
}

/* One call chain of several depths, so that the recording is not one stack. */
static __attribute__((noinline)) void churn(pthread_mutex_t *m, int depth)
{
	void *volatile p;

	if (depth) {
		churn(m, depth - 1);
	} else {
		pthread_mutex_lock(m);
		p = malloc(100);
		free(p);
		pthread_mutex_unlock(m);
	}
	__asm__ volatile("");
}

static void *work(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	struct worker *w = arg;
	long last = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID), now;
	int at;

	for (unsigned int i = 0; (at = atomic_load_explicit(&phase, memory_order_relaxed)) >= 0;
	     i++) {
		churn(&m, (int)(i % 8));
		now = now_ns(CLOCK_MONOTONIC);
		longest(&w->gap[at & 1], now - last);
		last = now;
		if (i % GROUP)
			continue;
		now = now_ns(CLOCK_THREAD_CPUTIME_ID);
		longest(&w->cpu[at & 1], now - cpu);
		cpu = now;
	}
	return NULL;
}

static void say(const char *name, int kind, int n, int cpu)
{
	printf(", \"%s\": [", name);
	for (int i = 0; i < n; i++) {
		struct worker *w = &workers[i];

		printf("%s%ld", i ? ", " : "",
		       atomic_exchange(cpu ? &w->cpu[kind] : &w->gap[kind], 0));
	}
	printf("]");
}

/* What the filling, or the time between two rounds, did to them. */
static void forget(int threads)
{
	for (int i = 0; i < threads; i++) {
		for (int kind = 0; kind < 2; kind++) {
			atomic_store(&workers[i].gap[kind], 0);
			atomic_store(&workers[i].cpu[kind], 0);
		}
	}
}

static void round_of(int threads, long window_ms)
{
	long t0, cpu0, held, held_cpu;

	forget(threads);
	pause_ms(window_ms);
	atomic_fetch_add(&phase, 1);
	cpu0 = now_ns(CLOCK_THREAD_CPUTIME_ID);
	t0 = now_ns(CLOCK_MONOTONIC);
	if (getenv("LD_PRELOAD"))
		raise(SIGUSR1);
	held = now_ns(CLOCK_MONOTONIC) - t0;
	held_cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu0;
	pause_ms(window_ms);
	atomic_fetch_add(&phase, 1);
	printf("{\"held_ns\": %ld, \"held_cpu_ns\": %ld", held, held_cpu);
	say("quiet_ns", 0, threads, 0);
	say("snapshot_ns", 1, threads, 0);
	say("quiet_cpu_ns", 0, threads, 1);
	say("snapshot_cpu_ns", 1, threads, 1);
	printf("}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 4 || threads < 1 || threads > THREADS_MAX)
		return 2;
	for (int i = 0; i < threads; i++)
		pthread_create(&workers[i].th, NULL, work, &workers[i]);
	pause_ms(atol(argv[3]));
	if (strcmp(argv[1], "crash") == 0) {
		printf("%ld\n", now_ns(CLOCK_MONOTONIC));
		fflush(stdout);
		raise(SIGSEGV);
	}
	for (int r = 0; argc > 5 && r < atoi(argv[4]); r++)
		round_of(threads, atol(argv[5]));
	atomic_store(&phase, -1);
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].th, NULL);
	return 0;
}
