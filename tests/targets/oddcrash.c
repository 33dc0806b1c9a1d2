/* SPDX-License-Identifier: MIT */
/*
 * oddcrash.c - deaths in which the stack, the pc or the processor's mode is what is broken.
 *
 *   oddcrash WAY [own]     own: the host has a handler that puts the default back and returns
 *
 * Functions are named after what they do; each says nothing, for most have no stack to say it with.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "truth.h"

#define ALIVE() __asm__ volatile("" ::: "memory") /* no sibling call: the frame stays */

static struct {
	void (*none)(int n);
	void (*data)(int n);
	void (*wild)(int n);
} calls;
static char data[64] = "no code";

static void put_back(int sig)
{
	signal(sig, SIG_DFL);
}

NOINLINE static void calls_null(void)
{
	calls.none(3);
	ALIVE();
}

NOINLINE static void calls_data(void)
{
	calls.data(3);
	ALIVE();
}

NOINLINE static void calls_wild(void)
{
	calls.wild(3);
	ALIVE();
}

#if defined(__x86_64__)
NOINLINE static void pushes_to_nowhere(void)
{
	__asm__ volatile("movabs $0x4141414141414141, %%rsp; push %%rax" ::: "memory");
}

NOINLINE static void pushes_to_first_page(void)
{
	__asm__ volatile("mov $0x100, %%esp; push %%rax" ::: "memory");
}

/* With EFLAGS.AC: a word that is not aligned is SIGBUS, for whoever makes the access. */
NOINLINE static void reads_askew(void)
{
	int v;

	__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl 1(%1), %0"
			 : "=r"(v)
			 : "r"(data)
			 : "memory", "cc");
}
#else
static void pushes_to_nowhere(void)
{
	broken("not on this processor");
}
#define pushes_to_first_page pushes_to_nowhere
#define reads_askew pushes_to_nowhere
#endif

NOINLINE static void loses_its_stack(void)
{
	volatile char far[256 << 10]; /* away from the thread's descriptor at the top */
	pthread_attr_t a;
	uintptr_t end;
	size_t size;
	void *lo;

	far[0] = 0;
	if (pthread_getattr_np(pthread_self(), &a) != 0 ||
	    pthread_attr_getstack(&a, &lo, &size) != 0)
		broken("pthread_getattr_np");
	end = ((uintptr_t)far + 8192) & ~(uintptr_t)4095;
	syscall(SYS_munmap, lo, end - (uintptr_t)lo); /* does not come back */
	far[sizeof(far) - 1] = 0;
	ALIVE();
}

static void *in_thread(void *arg)
{
	loses_its_stack();
	return arg;
}

NOINLINE static void a_thread_loses_its_stack(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 1 << 20);
	if (pthread_create(&t, &a, in_thread, NULL) == 0)
		pthread_join(t, NULL);
}

static const struct {
	const char *name;
	void (*fn)(void);
	int sig;
} ways[] = {
	{"null_call", calls_null, SIGSEGV},
	{"data_call", calls_data, SIGSEGV},
	{"wild_call", calls_wild, SIGSEGV},
	{"nowhere", pushes_to_nowhere, SIGBUS},
	{"first_page", pushes_to_first_page, SIGSEGV},
	{"askew", reads_askew, SIGBUS},
	{"unmapped", a_thread_loses_its_stack, SIGSEGV},
};

int main(int argc, char **argv)
{
	const stack_t st = {.ss_sp = malloc(65536), .ss_size = 65536};
	struct sigaction a = {.sa_handler = put_back, .sa_flags = SA_ONSTACK};

	calls.data = (void (*)(int))(void *)data;
	calls.wild = (void (*)(int))0x4141414141414141;
	if (argc < 2)
		return 2;
	if (argc > 2) {
		sigaltstack(&st, NULL);
		sigaction(SIGSEGV, &a, NULL);
		sigaction(SIGBUS, &a, NULL);
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!strcmp(ways[i].name, argv[1]))
			ways[i].fn();
	}
	broken(argv[1]);
	return 0;
}
