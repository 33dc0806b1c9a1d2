/* SPDX-License-Identifier: MIT */
/*
 * onstack.c - where the host's signal handlers run, and what it is told about alternate stacks and
 * handlers. Must print the same with and without the recorder, which has an alternate stack of its
 * own on every thread.
 *
 *   onstack [thread|fork]    the rounds on a thread or in a forked child instead of main
 *   onstack other            main has one, a thread has none: by a signal in a call, in a signal,
 *                            with a deep handler, with one that jumps out, or ends the thread
 */
#include <pthread.h>
#include <setjmp.h>
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

/* ---- a thread without one, where another thread has one -------------------------------------- */

static int depth;
static sigjmp_buf out;

static int dig(int n)
{
	volatile char page[4096];

	page[0] = page[4095] = (char)n;
	return n ? dig(n - 1) + page[0] - page[4095] : 1;
}

/* SIGUSR2 within SIGUSR2 within SIGUSR2: each frame of its own, all of them whole at the end. */
static void nesting(int sig, siginfo_t *si, void *uc)
{
	volatile int marks[64];
	int level = ++depth, bad = 0;

	handler(sig, si, uc);
	for (int i = 0; i < 64; i++)
		marks[i] = level;
	if (level < 4)
		raise(sig);
	for (int i = 0; i < 64; i++)
		bad += marks[i] != level;
	printf("level %d: signal %d, %d bad, sender %s\n", level, si->si_signo, bad,
	       si->si_pid == getpid() ? "ours" : "another");
}

static void deep(int sig)
{
	char here;

	seen = (uintptr_t)&here;
	printf("deep: %d\n", dig(100)); /* 400 KiB */
}

static void jumping(int sig)
{
	siglongjmp(out, 7);
}

static void ending(int sig)
{
	pthread_exit((void *)99);
}

static void set(void (*plain)(int), void (*info)(int, siginfo_t *, void *))
{
	struct sigaction act = {.sa_flags = SA_ONSTACK | SA_NODEFER};

	if (info) {
		act.sa_sigaction = info;
		act.sa_flags |= SA_SIGINFO;
	} else {
		act.sa_handler = plain;
	}
	sigaction(SIGUSR2, &act, NULL);
}

static void *bare_thread(void *arg)
{
	uintptr_t stack = (uintptr_t)&arg;

	set(NULL, nesting);
	raise(SIGUSR2);
	printf("nested: %s\n", where(stack));
	set(deep, NULL);
	raise(SIGUSR2);
	printf("deep: %s\n", where(stack));
	set(jumping, NULL);
	for (int i = 0; i < 3; i++) {
		if (sigsetjmp(out, 1) == 0)
			raise(SIGUSR2);
		else
			told("after a jump");
	}
	set(NULL, handler);
	raise(SIGUSR2);
	printf("after jumps: %s\n", where(stack));
	set(ending, NULL);
	raise(SIGUSR2);
	return NULL;
}

static void other(void)
{
	stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)};
	void *value = NULL;
	pthread_t th;

	sigaltstack(&st, NULL);
	for (int i = 0; i < 3; i++) { /* the second one may get what the first one had */
		depth = 0;
		pthread_create(&th, NULL, bare_thread, NULL);
		pthread_join(th, &value);
		printf("ended: %ld\n", (long)value);
	}
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
	if (strcmp(argv[1], "other") == 0) {
		other();
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
