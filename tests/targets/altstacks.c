/* SPDX-License-Identifier: MIT */
/*
 * altstacks.c - alternate stacks that are set by the system call itself, as runtimes with a libc of
 * their own do, and handlers that ask for one.
 *
 *   altstacks WHEN [thread]    before, after: the handler is installed; libc: by sigaltstack(),
 * after none: there is no such stack, and the overflow kills
 *
 * Overflows the stack, raises the signal, and says on which stack the handler ran.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "truth.h"

static char own[64 << 10];
static sigjmp_buf back;
static volatile int on_own;

static void handler(int sig, siginfo_t *si, void *uc)
{
	char here;

	on_own = &here >= own && &here < own + sizeof(own);
	siglongjmp(back, sig);
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
NOINLINE static int deep(int n)
{
	volatile char room[512]; /* less than a guard page: nothing is jumped over */

	room[n % 512] = (char)n;
	return deep(n + 1) + room[0];
}

static void set_raw(void)
{
	const stack_t st = {.ss_sp = own, .ss_size = sizeof(own)};

#if defined(__x86_64__)
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(SYS_sigaltstack), "D"(&st), "S"(0)
			 : "rcx", "r11", "memory");
	if (rc != 0)
#else
	if (syscall(SYS_sigaltstack, &st, NULL) != 0)
#endif
		broken("sigaltstack");
}

static void *work(void *arg)
{
	const struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	const stack_t st = {.ss_sp = own, .ss_size = sizeof(own)};
	const char *when = arg;

	if (!strcmp(when, "before"))
		set_raw();
	sigaction(SIGSEGV, &a, NULL);
	if (!strcmp(when, "after"))
		set_raw();
	if (!strcmp(when, "libc"))
		sigaltstack(&st, NULL);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGSEGV);
	say("raised: on its stack %d", on_own);
	on_own = 0;
	if (sigsetjmp(back, 1) == 0)
		deep(0);
	say("overflowed: on its stack %d", on_own);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 2)
		return 2;
	if (argc == 2)
		work(argv[1]);
	else if (pthread_create(&t, NULL, work, argv[1]) != 0 || pthread_join(t, NULL) != 0)
		broken("pthread_create");
	return 0;
}
