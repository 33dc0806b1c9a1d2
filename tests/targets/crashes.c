/* SPDX-License-Identifier: MIT */
/*
 * crashes.c - fatal signals at the worst moments.
 *
 *   crashes malloc          in the allocator, which holds its lock
 *   crashes heap            the allocator itself calls abort(), with its lock held
 *   crashes two             two threads at once
 *   crashes dlopen          while another thread is in a constructor that dlopen runs
 *   crashes ctor            in such a constructor
 *   crashes many N          while N threads record
 *   crashes probe           after a probe for an instruction that is not there, handler put back
 *   crashes wait            when a byte comes on standard input; nothing recorded before that
 *   crashes in_child FORM   in a child of fork, _fork, clone or vfork; the parent lives on
 *
 * Says tid and function before it happens. Linked with RUNPATH $ORIGIN/plugins.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include "faults.h"
#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t together;
static void *volatile kept;

static void about(const char *fn)
{
	say("{\"pid\":%d,\"tid\":%d,\"fn\":\"%s\"}", getpid(), tid(), fn);
}

NOINLINE static void fault(void)
{
	volatile int *p = (int *)0x10;

	*p = 1;
}

NOINLINE static void *crash_here(void *arg)
{
	about("fault");
	fault();
	return arg;
}

/* ---- in the allocator ------------------------------------------------------------------------ */

/* A free block's link leads nowhere: the allocator follows it under its lock. */
NOINLINE static void *bad_heap(void *arg)
{
	void *volatile block = malloc(5000);
	void **p;

	kept = malloc(100);
	free(block);
	p = block; /* unseen by the compiler */
	about("bad_heap");
	if (arg)
		p[1] = (void *)0x10;
	else
		p[-1] = (void *)~7ul;
	kept = malloc(6000);
	broken("the heap is fine");
	return NULL;
}

/* ---- two at once ----------------------------------------------------------------------------- */

static void *crash_together(void *arg)
{
	about("fault");
	pthread_barrier_wait(&together);
	fault();
	return arg;
}

static void two(void)
{
	pthread_t t;

	pthread_barrier_init(&together, NULL, 2);
	pthread_create(&t, NULL, crash_together, NULL);
	crash_together(NULL);
}

/* ---- loading --------------------------------------------------------------------------------- */

static volatile int loader;

static void *load(void *arg)
{
	loader = tid();
	kept = dlopen("ctor_blocks.so", RTLD_NOW);
	return arg;
}

static void in_dlopen(void)
{
	pthread_t t;

	setenv("IN_CTOR", "wait", 1);
	pthread_create(&t, NULL, load, NULL);
	while (!loader)
		;
	wait_blocked(loader, SYS_pause);
	crash_here(NULL);
}

static void in_constructor(void)
{
	setenv("IN_CTOR", "crash", 1);
	about("crash_in_constructor");
	load(NULL);
}

/* ---- under load ------------------------------------------------------------------------------ */

static void *work(void *arg)
{
	pthread_barrier_wait(&together);
	for (;;) {
		pthread_mutex_lock(&lock);
		free(malloc(100));
		pthread_mutex_unlock(&lock);
		free(malloc(2000));
	}
	return arg;
}

static void many(int n)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_barrier_init(&together, NULL, (unsigned int)n + 1);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 << 10);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t, &a, work, NULL))
			broken("pthread_create");
	pthread_barrier_wait(&together);
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
	}
	crash_here(NULL);
}

/* ---- a probe --------------------------------------------------------------------------------- */

static sigjmp_buf not_there;

static void illegal(int sig)
{
	siglongjmp(not_there, sig);
}

NOINLINE static void bad_instruction(void)
{
	__asm__ volatile(ILLEGAL);
}

/* As OpenSSL asks for features of the processor. */
static void probe(void)
{
	struct sigaction own = {.sa_handler = illegal}, before;
	volatile int found = 0;

	sigaction(SIGILL, &own, &before);
	if (sigsetjmp(not_there, 1) == 0) {
		bad_instruction();
		found = 1;
	}
	sigaction(SIGILL, &before, NULL);
	say("{\"found\":%d}", found);
	about("bad_instruction");
	bad_instruction();
}

/* ---- on command ------------------------------------------------------------------------------ */

static void on_command(void)
{
	char c;

	about("fault");
	if (syscall(SYS_read, 0, &c, 1) != 1)
		broken("read");
	fault();
}

/* ---- children -------------------------------------------------------------------------------- */

static pid_t begin(const char *form)
{
	if (strcmp(form, "fork") == 0)
		return fork();
	if (strcmp(form, "_fork") == 0)
		return _Fork();
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void *hold(void *arg)
{
	pthread_mutex_lock(&lock);
	pthread_barrier_wait(&together);
	for (;;)
		pause();
	return arg;
}

static void in_child(const char *form)
{
	int status = 0;
	pthread_t t;
	pid_t pid;

	pthread_barrier_init(&together, NULL, 2);
	pthread_create(&t, NULL, hold, NULL);
	pthread_barrier_wait(&together);
	if (strcmp(form, "vfork") == 0) {
		pid = vfork();
		if (pid == 0) {
			fault();
			_exit(1);
		}
	} else {
		pid = begin(form);
		if (pid == 0)
			fault();
	}
	waitpid(pid, &status, 0);
	say("{\"parent\":%d,\"child\":%d,\"status\":%d}", getpid(), pid, status);
	raise(SIGUSR1); /* a snapshot, or the end */
	syscall(SYS_read, 0, &status, 1);
}

static void run(const char *kind, const char *arg)
{
	pthread_t t;

	if (strcmp(kind, "malloc") == 0 || strcmp(kind, "heap") == 0) {
		pthread_create(&t, NULL, bad_heap, kind[0] == 'm' ? &lock : NULL);
		pthread_join(t, NULL);
	} else if (strcmp(kind, "two") == 0) {
		two();
	} else if (strcmp(kind, "dlopen") == 0) {
		in_dlopen();
	} else if (strcmp(kind, "ctor") == 0) {
		in_constructor();
	} else if (strcmp(kind, "many") == 0) {
		many(atoi(arg));
	} else if (strcmp(kind, "probe") == 0) {
		probe();
	} else if (strcmp(kind, "wait") == 0) {
		on_command();
	} else {
		in_child(arg);
	}
}

int main(int argc, char **argv)
{
	run(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "fork");
	return 0;
}
