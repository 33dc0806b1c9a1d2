/* SPDX-License-Identifier: MIT */
/*
 * toggles.c - one thread changes a handler all the time, another receives the signal.
 *
 *   toggles N    N signals at least; and until each handler has run
 *
 * The kernel exchanges handler, flags and mask in one step: a handler never runs with what belongs
 * to the other. Says how often it did.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "truth.h"

static atomic_long plain_runs, info_runs, wrong;
static atomic_bool stop;

static bool is_blocked(int sig)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, sig);
}

/* Installed with SIGHUP blocked meanwhile. */
static void plain(int sig)
{
	plain_runs++;
	wrong += sig != SIGUSR2 || !is_blocked(SIGHUP) || is_blocked(SIGTERM);
}

/* With SIGTERM. */
static void info(int sig, siginfo_t *si, void *uc)
{
	info_runs++;
	wrong += sig != SIGUSR2 || (uintptr_t)si < 4096 || (uintptr_t)uc < 4096 ||
		 si->si_signo != sig || si->si_pid != getpid() || is_blocked(SIGHUP) ||
		 !is_blocked(SIGTERM);
}

static void *toggle(void *arg)
{
	struct sigaction a = {.sa_handler = plain, .sa_flags = SA_RESTART};
	struct sigaction b = {.sa_sigaction = info, .sa_flags = SA_SIGINFO | SA_RESTART};
	const struct sigaction c = {.sa_handler = SIG_IGN};
	sigset_t all;

	sigaddset(&a.sa_mask, SIGHUP);
	sigaddset(&b.sa_mask, SIGTERM);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!stop) {
		sigaction(SIGUSR2, &a, NULL);
		sigaction(SIGUSR2, &b, NULL);
		sigaction(SIGUSR2, &c, NULL);
	}
	return arg;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000;
	const struct sigaction c = {.sa_handler = SIG_IGN};
	pthread_t t;

	sigaction(SIGUSR2, &c, NULL);
	if (pthread_create(&t, NULL, toggle, NULL) != 0)
		broken("pthread_create");
	for (long i = 0; i < n || !plain_runs || !info_runs; i++) {
		pthread_kill(pthread_self(), SIGUSR2);
		if (i % 64 == 0)
			usleep(1);
	}
	stop = true;
	pthread_join(t, NULL);
	say("{\"wrong\":%ld,\"ran\":%d}", (long)wrong, plain_runs && info_runs);
	return 0;
}
