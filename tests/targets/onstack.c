/* SPDX-License-Identifier: MIT */
/*
 * onstack.c - where the host's signal handlers run, and what it is told about alternate stacks and
 * handlers. Must print the same with and without the recorder, which has an alternate stack of its
 * own on every thread.
 *
 *   onstack [thread|fork]    the rounds on a thread or in a forked child instead of main
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char alt[65536];
static volatile uintptr_t seen;

static void handler(int sig, siginfo_t *si, void *uc)
{
	char here;

	seen = (uintptr_t)&here;
}

static const char *where(uintptr_t main_stack)
{
	if (seen >= (uintptr_t)alt && seen < (uintptr_t)alt + sizeof(alt))
		return "alternate";
	return main_stack - seen < 1 << 20 ? "normal" : "elsewhere";
}

static void told(const char *when)
{
	stack_t st;
	struct sigaction act;

	sigaltstack(NULL, &st);
	sigaction(SIGUSR2, NULL, &act);
	printf("%s: altstack %s, flags %#x, handler %s\n", when,
	       st.ss_flags & SS_DISABLE ? "none"
	       : st.ss_sp == alt        ? "ours"
					: "foreign",
	       (unsigned int)act.sa_flags & ~0x04000000u,
	       act.sa_sigaction == handler ? "ours" : "other");
}

static void round_of(const char *who, uintptr_t stack)
{
	stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)};
	stack_t off = {.ss_flags = SS_DISABLE};

	told(who);
	raise(SIGUSR2);
	printf("%s: without: %s\n", who, where(stack));
	sigaltstack(&st, NULL);
	told(who);
	raise(SIGUSR2);
	printf("%s: with: %s\n", who, where(stack));
	sigaltstack(&off, NULL);
	told(who);
	raise(SIGUSR2);
	printf("%s: after: %s\n", who, where(stack));
}

static void *thread(void *arg)
{
	char here;

	round_of("thread", (uintptr_t)&here);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	char here;
	pthread_t th;

	sigaction(SIGUSR2, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	if (argc < 2) {
		round_of("main", (uintptr_t)&here);
		return 0;
	}
	if (strcmp(argv[1], "fork") == 0) {
		if (fork() == 0) {
			told("child at first");
			round_of("child", (uintptr_t)&here);
		} else {
			wait(NULL);
		}
		return 0;
	}
	pthread_create(&th, NULL, thread, NULL);
	pthread_join(th, NULL);
	return 0;
}
