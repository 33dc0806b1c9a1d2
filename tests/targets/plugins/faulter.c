/* SPDX-License-Identifier: MIT */
/*
 * faulter.c - see faulter.h. A library, because the constructors of libraries run before the
 * recorder loads libunwind and the program's own after.
 */
#include "faulter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

bool faulter_own;

static atomic_int faults, handled;
static atomic_bool stop;
static bool busy;
static pthread_t thread;

void faulter_fault(void)
{
	atomic_fetch_add(&faults, 1);
#if defined(__x86_64__)
	__asm__ volatile("movl $0, 8"); /* 11 bytes */
#else
	__asm__ volatile("mov x9, #8\n\tstr wzr, [x9]" : : : "x9", "memory");
#endif
}

void faulter_handler(int sig, siginfo_t *si, void *uc)
{
	atomic_fetch_add(&handled, 1);
#if defined(__x86_64__)
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += 11;
#else
	((ucontext_t *)uc)->uc_mcontext.pc += 4;
#endif
}

static void *fault_always(void *arg)
{
	while (!atomic_load(&stop))
		faulter_fault();
	return NULL;
}

__attribute__((constructor)) static void early(int argc, char **argv)
{
	struct sigaction a = {.sa_sigaction = faulter_handler, .sa_flags = SA_SIGINFO};

	busy = argc > 1 && strcmp(argv[1], "busy") == 0;
	faulter_own = busy || (argc > 1 && strcmp(argv[1], "own") == 0);
	if (faulter_own && sigaction(SIGSEGV, &a, NULL) != 0)
		_exit(95);
	if (busy && pthread_create(&thread, NULL, fault_always, NULL) != 0)
		_exit(94);
	while (busy && atomic_load(&faults) < 10)
		;
}

bool faulter_end(void)
{
	if (busy) {
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
		busy = false;
	}
	return atomic_load(&faults) == atomic_load(&handled);
}
