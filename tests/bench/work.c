/* SPDX-License-Identifier: MIT */
/*
 * work.c - what `make bench` measures: hooked calls in a tight loop at a given stack depth.
 *
 *   work OP DEPTH THREADS ITERATIONS
 *
 * DEPTH is the number of frames from the call to the thread's root, 4 at least.
 *
 * Prints the median over 41 batches of the threads' mean of ns per iteration: of the pair, or
 * for lock, unlock, malloc and free of that half of the pair alone. CPU time where a loop is
 * measured as a whole and nobody waits, else wall time. It knows nothing of the
 * recorder: the harness (micro.py) runs it with and without.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 41
#define THREADS_MAX 64

/* RUN makes N iterations and returns the ns they took, or those of the part that is asked for. */
struct op {
	const char *name;
	double (*run)(long n);
};

struct worker {
	pthread_t th;
	double ns[BATCHES];
};

static struct worker workers[THREADS_MAX];
static const struct op *op;
static long iterations;
static int depth;
static pthread_barrier_t start_line;
static __thread long my_number; /* 0, 1, ... */

static double ns_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double now_ns(void)
{
	return ns_of(CLOCK_MONOTONIC);
}

/* Of this thread: what else the machine does does not count. A system call: for whole loops only.
 */
static double cpu_ns(void)
{
	return ns_of(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the operations: a mutex and blocks of each thread's own --------------------------------- */

static double lock_unlock(long n)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	double t0 = cpu_ns();

	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	return cpu_ns() - t0;
}

static double malloc_free(long n)
{
	double t0 = cpu_ns();

	for (long i = 0; i < n; i++) {
		void *volatile p = malloc(64);

		free(p);
	}
	return cpu_ns() - t0;
}

/* 64 blocks of different sizes live at a time: addresses and sizes as in a real program */
static double malloc_mix(long n)
{
	void *live[64] = {0};
	double t0 = cpu_ns();

	for (long i = 0; i < n; i++) {
		free(live[i % 64]);
		live[i % 64] = malloc(16 + (size_t)(i * 37 % 500));
	}
	for (int i = 0; i < 64; i++)
		free(live[i]);
	return cpu_ns() - t0;
}

static double calloc_free(long n)
{
	double t0 = cpu_ns();

	for (long i = 0; i < n; i++) {
		void *volatile p = calloc(1, 64);

		free(p);
	}
	return cpu_ns() - t0;
}

/* ---- sockets: one byte there and back -------------------------------------------------------- */

static void exchange(const int fds[2], long n)
{
	char byte = 'x';

	for (long i = 0; i < n; i++) {
		if (send(fds[0], &byte, 1, 0) != 1 || recv(fds[1], &byte, 1, 0) != 1)
			exit(3);
	}
}

/* In rounds of a few; before each one what the caches held goes, if BUSY: as in a real server. */
static double exchanges(long n, bool busy)
{
	static __thread unsigned char other[256 << 10];
	const long few = 2;
	double ns = 0;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		exit(3);
	for (long i = 0; i < n; i += few) {
		double t0;

		for (size_t k = 0; busy && k < sizeof(other); k += 64)
			other[k]++;
		t0 = now_ns();
		exchange(fds, few);
		ns += now_ns() - t0;
	}
	close(fds[0]);
	close(fds[1]);
	return ns;
}

static double send_recv(long n)
{
	return exchanges(n, false);
}

static double send_recv_busy(long n)
{
	return exchanges(n, true);
}

/* The halves: in groups, so that the clock's own cost is spread; it is the same in all modes. */
#define GROUP 8 /* fewer than the recorder lists as held */

struct halves {
	double first, second;
};

static struct halves lock_halves(long n)
{
	static __thread pthread_mutex_t m[GROUP];
	struct halves h = {0, 0};

	for (int k = 0; k < GROUP; k++)
		pthread_mutex_init(&m[k], NULL);
	for (long i = 0; i < n; i += GROUP) {
		double t0 = now_ns(), t1;

		for (int k = 0; k < GROUP; k++)
			pthread_mutex_lock(&m[k]);
		t1 = now_ns();
		for (int k = GROUP; k-- > 0;)
			pthread_mutex_unlock(&m[k]);
		h.first += t1 - t0;
		h.second += now_ns() - t1;
	}
	return h;
}

static struct halves malloc_halves(long n)
{
	struct halves h = {0, 0};
	void *volatile p[GROUP];

	for (long i = 0; i < n; i += GROUP) {
		double t0 = now_ns(), t1;

		for (int k = 0; k < GROUP; k++)
			p[k] = malloc(64);
		t1 = now_ns();
		for (int k = 0; k < GROUP; k++)
			free(p[k]);
		h.first += t1 - t0;
		h.second += now_ns() - t1;
	}
	return h;
}

/* ---- two or more threads at one mutex -------------------------------------------------------- */

static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static long turn; /* of contended and ping_pong: one of them runs */

static double contended(long n)
{
	double t0 = now_ns();

	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&shared);
		turn++;
		pthread_mutex_unlock(&shared);
	}
	return now_ns() - t0;
}

/* In turn: each iteration is a wait for the other of exactly two threads. */
static double ping_pong(long n)
{
	double t0 = now_ns();

	pthread_mutex_lock(&shared);
	for (long i = 0; i < n; i++) {
		while ((turn & 1) != my_number)
			pthread_cond_wait(&turned, &shared);
		turn++;
		pthread_cond_signal(&turned);
	}
	pthread_mutex_unlock(&shared);
	return now_ns() - t0;
}

/* ---- stacks ---------------------------------------------------------------------------------- */

#define PATH 12 /* frames whose callers vary: 4096 stacks at one stack pointer */

static __attribute__((noinline)) void step_a(unsigned int path, int left);
static __attribute__((noinline)) void step_b(unsigned int path, int left);

static inline __attribute__((always_inline)) void go_on(unsigned int path, int left)
{
	if (left == 0) {
		void *volatile p = malloc(64);

		free(p);
	} else if (path & 1) {
		step_a(path >> 1, left - 1);
	} else {
		step_b(path >> 1, left - 1);
	}
	__asm__ volatile("");
}

static void step_a(unsigned int path, int left)
{
	go_on(path, left);
	__asm__ volatile("" : : "r"(left));
}

static void step_b(unsigned int path, int left)
{
	go_on(path, left);
	__asm__ volatile("" : : "r"(path));
}

static double paths(long n, unsigned int mask)
{
	unsigned int x = 2463534242u;
	double t0 = cpu_ns();

	for (long i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		step_a(x & mask, PATH);
	}
	return cpu_ns() - t0;
}

/* The same work on one path, which a memo knows, and on paths too many for any memo. */
static double path_known(long n)
{
	return paths(n, 0);
}

static double path_new(long n)
{
	return paths(n, (1u << PATH) - 1);
}

/* The first one loads what TAKE needs. */
static double walk_each(long n, int (*take)(void **, int))
{
	void *pc[64];
	double t0;

	take(pc, 64);
	t0 = cpu_ns();
	for (long i = 0; i < n; i++)
		take(pc, 64);
	return cpu_ns() - t0;
}

static double unwind_each(long n)
{
	void *lib = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	return walk_each(n, (int (*)(void **, int))dlsym(lib, "unw_backtrace"));
}

static double backtrace_each(long n)
{
	return walk_each(n, backtrace);
}

/* ---- halves of pairs ------------------------------------------------------------------------- */

static double lock_only(long n)
{
	return lock_halves(n).first;
}

static double unlock_only(long n)
{
	return lock_halves(n).second;
}

static double malloc_only(long n)
{
	return malloc_halves(n).first;
}

static double free_only(long n)
{
	return malloc_halves(n).second;
}

static const struct op ops[] = {
	{"lock", lock_only},
	{"unlock", unlock_only},
	{"malloc", malloc_only},
	{"free", free_only},
	{"lock_unlock", lock_unlock},
	{"malloc_free", malloc_free},
	{"malloc_mix", malloc_mix},
	{"calloc_free", calloc_free},
	{"send_recv", send_recv},
	{"send_recv_busy", send_recv_busy},
	{"contended", contended},
	{"ping_pong", ping_pong},
	{"path_known", path_known},
	{"path_new", path_new},
	{"unw_backtrace", unwind_each},
	{"backtrace", backtrace_each},
};

/* ---- running --------------------------------------------------------------------------------- */

static __attribute__((noinline)) double dig(int left, long n)
{
	double ns = left > 0 ? dig(left - 1, n) : op->run(n);

	__asm__ volatile(""); /* no sibling call: each level is a frame */
	return ns;
}

#define OTHER_FRAMES 4 /* the operation, work, and libc's start_thread and clone3 */

static void *work(void *arg)
{
	struct worker *w = arg;
	int digs = depth - OTHER_FRAMES;

	my_number = w - workers;
	for (int b = 0; b < BATCHES; b++) {
		pthread_barrier_wait(&start_line);
		w->ns[b] = (digs > 0 ? dig(digs - 1, iterations) : op->run(iterations)) /
			   (double)iterations;
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	double mean[BATCHES] = {0};
	int threads;

	if (argc != 5)
		return 2;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strcmp(ops[i].name, argv[1]) == 0)
			op = &ops[i];
	}
	depth = atoi(argv[2]);
	threads = atoi(argv[3]);
	iterations = atol(argv[4]);
	if (!op || threads < 1 || threads > THREADS_MAX || iterations < 1)
		return 2;
	pthread_barrier_init(&start_line, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++)
		pthread_create(&workers[i].th, NULL, work, &workers[i]);
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].th, NULL);
	for (int b = 0; b < BATCHES; b++) {
		for (int i = 0; i < threads; i++)
			mean[b] += workers[i].ns[b] / threads;
	}
	qsort(mean, BATCHES, sizeof(*mean), by_value);
	printf("%.3f\n", mean[BATCHES / 2]);
	return 0;
}
