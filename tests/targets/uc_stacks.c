/* SPDX-License-Identifier: MIT */
/*
 * uc_stacks.c - the alternate stack that a handler's return sets. Must print the same with and
 * without the recorder, which has a stack of its own on every thread.
 *
 *   uc_stacks [onstack]   the handlers ask for one, though there is none
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "truth.h"

static char own[64 << 10], fiber_stack[64 << 10];
static int flags;
static atomic_int stage;
static ucontext_t fiber, first, second, suspended;

static const char *what(const stack_t *st)
{
	return st->ss_sp == own ? "own" : st->ss_sp ? "another's" : "none";
}

static void show(const char *when)
{
	stack_t st;

	sigaltstack(NULL, &st);
	say("%s: %s", when, what(&st));
}

static void install(void (*f)(int, siginfo_t *, void *))
{
	const struct sigaction a = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};

	sigaction(SIGUSR2, &a, NULL);
}

/* ---- told ------------------------------------------------------------------------------------ */

static void tell(int sig, siginfo_t *si, void *uc)
{
	say("in a handler: %s", what(&((ucontext_t *)uc)->uc_stack));
	show("asked there");
}

/* ---- set in a handler ------------------------------------------------------------------------ */

static void set(int sig, siginfo_t *si, void *uc)
{
	const stack_t st = {.ss_sp = own, .ss_size = sizeof(own)};

	say("set: %d", sigaltstack(&st, NULL));
}

static void *rounds(void *arg)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	install(tell);
	raise(SIGUSR2);
	show("after it");
	install(set);
	raise(SIGUSR2);
	show("set in a handler");
	sigaltstack(&none, NULL);
	raise(SIGUSR2);
	show("set once more");
	sigaltstack(&none, NULL);
	return NULL;
}

/* ---- a fiber that is preempted, and goes on in another thread -------------------------------- */

static void preempt(int sig, siginfo_t *si, void *uc)
{
	swapcontext(&suspended, &first);
}

static void in_fiber(void)
{
	raise(SIGUSR2); /* begins in one thread, ends in the other */
	show("fiber");
	swapcontext(&suspended, &second);
}

static void *other_thread(void *arg)
{
	while (atomic_load(&stage) != 1)
		sched_yield();
	swapcontext(&second, &suspended);
	show("the other thread");
	return NULL;
}

static void migrate(void)
{
	pthread_t t;

	install(preempt);
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = fiber_stack;
	fiber.uc_stack.ss_size = sizeof(fiber_stack);
	makecontext(&fiber, in_fiber, 0);
	swapcontext(&first, &fiber);
	show("the thread that it left");
	pthread_create(&t, NULL, other_thread, NULL);
	atomic_store(&stage, 1);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	pthread_t t;

	flags = argc > 1 ? SA_ONSTACK : 0;
	rounds(NULL);
	pthread_create(&t, NULL, rounds, NULL);
	pthread_join(t, NULL);
	migrate();
	return 0;
}
