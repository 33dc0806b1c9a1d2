/* SPDX-License-Identifier: MIT */
/*
 * likego.c - what the runtime of a Go program with C parts does about signals: it bears Go's note,
 * takes the alternate stack it finds by a system call of its own, or sets one in the same way, and
 * its handlers must run there: its other stacks are too small.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "truth.h"

/* As Go's linker writes it: type 4, and an id that is not the GNU build-id. */
__asm__(".pushsection .note.go.buildid,\"a\",@note\n"
	".long 4, 8, 4\n"
	".asciz \"Go\\0\"\n"
	".ascii \"buildid0\"\n"
	".popsection\n");

static char own[65536];
static stack_t taken;
static volatile int on_it;

static void handler(int sig, siginfo_t *si, void *uc)
{
	char here;

	on_it = (uintptr_t)&here - (uintptr_t)taken.ss_sp < taken.ss_size;
}

static void take_stack(void)
{
	syscall(SYS_sigaltstack, NULL, &taken);
	if (!(taken.ss_flags & SS_DISABLE))
		return;
	taken = (stack_t){.ss_sp = own, .ss_size = sizeof(own)};
	syscall(SYS_sigaltstack, &taken, NULL);
}

static void *round_of(void *who)
{
	take_stack();
	for (int sig = SIGUSR1; sig <= SIGURG; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		on_it = 0;
		raise(sig);
		if (!on_it)
			say("{\"who\":\"%s\",\"signal\":%d,\"stack\":\"other\"}", (char *)who, sig);
	}
	say("{\"who\":\"%s\",\"signal\":0,\"stack\":\"done\"}", (char *)who);
	return NULL;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	pthread_t th;

	for (int sig = SIGUSR1; sig <= SIGURG; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			sigaction(sig, &act, NULL);
	}
	round_of("main");
	pthread_create(&th, NULL, round_of, "thread");
	pthread_join(th, NULL);
	return 0;
}
