/* SPDX-License-Identifier: MIT */
/*
 * asleep.c - threads in no hooked call: one sleeps in futex(2) by a system call instruction of its
 * own, one computes, one reads a pipe that way. Says who is who and where, then waits in poll().
 *
 *   asleep [crash]   crash: ends by SIGSEGV once the others sleep
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "truth.h"

static uint32_t word;
static int sleeper, reader, busy, ends[2];

static long direct(long nr, long a, long b, long c)
{
#if defined(__x86_64__)
	register long d __asm__("r10") = 0;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(d)
			 : "rcx", "r11", "memory");
	return rc;
#else
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = 0;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
#endif
}

static void *sleeps(void *arg)
{
	__atomic_store_n(&sleeper, tid(), __ATOMIC_RELEASE);
	direct(SYS_futex, (long)&word, 128, 0);
	return arg;
}

static void *reads(void *arg)
{
	char c;

	__atomic_store_n(&reader, tid(), __ATOMIC_RELEASE);
	direct(SYS_read, ends[0], (long)&c, 1);
	return arg;
}

static void *computes(void *arg)
{
	__atomic_store_n(&busy, tid(), __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("");
	return arg;
}

static int known(int *t)
{
	int is;

	while (!(is = __atomic_load_n(t, __ATOMIC_ACQUIRE)))
		sched_yield();
	return is;
}

int main(int argc, char **argv)
{
	pthread_t t;

	(void)argv;
	if (pipe(ends))
		broken("pipe");
	pthread_create(&t, NULL, sleeps, NULL);
	pthread_create(&t, NULL, reads, NULL);
	pthread_create(&t, NULL, computes, NULL);
	wait_blocked(known(&sleeper), SYS_futex);
	wait_blocked(known(&reader), SYS_read);
	say("{\"main\":%d,\"sleeper\":%d,\"reader\":%d,\"busy\":%d,\"futex\":%lu,\"fd\":%d}", tid(),
	    sleeper, reader, known(&busy), (unsigned long)&word, ends[0]);
	if (argc > 1)
		raise(SIGSEGV);
	poll(NULL, 0, -1);
	return 0;
}
