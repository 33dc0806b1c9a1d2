/* SPDX-License-Identifier: MIT */
/*
 * sigframes.c - a handler that makes a recorded call: its stack goes through the signal frame.
 *
 * The signal interrupts a function at its very first instruction, then another in its middle. The
 * handler writes a word to a pipe, by which the events are told apart: "entry", "middle".
 */
#include <signal.h>
#include <ucontext.h>

#include "truth.h"

static int pipes[2];
static const char *volatile word;
static const char *volatile nowhere;
static volatile int sink;
static char good[64];

static void on_fault(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	if (write(pipes[1], word, strlen(word)) < 0)
		broken("write");
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RDI] = (greg_t)good;
#else
	uc->uc_mcontext.regs[0] = (uintptr_t)good;
#endif
}

/* One instruction and a return when optimised: it faults where it begins. */
NOINLINE static int at_entry(const char *p)
{
	return p[3];
}

NOINLINE static int in_middle(const char *p, int n)
{
	for (volatile int i = 0; i < 5; i++)
		sink += n;
	return p[3] + n;
}

NOINLINE static void on_request(void)
{
	word = "entry";
	sink += at_entry(nowhere);
	word = "middle";
	sink += in_middle(nowhere, 3);
}

int main(void)
{
	const struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	if (pipe(pipes) != 0)
		broken("pipe");
	sigaction(SIGSEGV, &a, NULL);
	on_request();
	say("done");
	return 0;
}
