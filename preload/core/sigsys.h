/* SPDX-License-Identifier: MIT */
/*
 * sigsys.h - blocking signals and resetting them, by system calls of our own.
 */
#ifndef FR_SIGSYS_H
#define FR_SIGSYS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/sys.h"

/* The signals that are a crash where the host has no handler for them. */
#define FR_FATAL_SIGNALS SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS

/* Signals that end a process by default and are no fault of the code that they come upon. */
#define FR_ENDING_SIGNALS                                                                          \
	SIGHUP, SIGINT, SIGQUIT, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM,  \
		SIGPROF, SIGIO

static inline bool fr_signal_is_among(int sig, const int *sigs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sigs[i] == sig)
			return true;
	}
	return false;
}

static inline bool fr_signal_is_fatal(int sig)
{
	const int sigs[] = {FR_FATAL_SIGNALS};

	return fr_signal_is_among(sig, sigs, sizeof(sigs) / sizeof(*sigs));
}

static inline bool fr_signal_is_ending(int sig)
{
	const int sigs[] = {FR_ENDING_SIGNALS};

	return fr_signal_is_among(sig, sigs, sizeof(sigs) / sizeof(*sigs));
}

/*
 * While a lock is held no handler of the host's may run on this thread: it could leave by a jump,
 * and the lock would stay taken for ever. Faults are not blocked: they are a crash, which our
 * handler records.
 */
static inline uint64_t fr_signals_block(void)
{
	const int faults[] = {FR_FATAL_SIGNALS};
	uint64_t mask = ~0ull, before = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		mask &= ~(1ull << (faults[i] - 1));
	fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, 8);
	return before;
}

static inline void fr_signals_restore(uint64_t before)
{
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}

/* Restores SIG_DFL for good. Signal-safe. */
static inline void fr_signals_default(int sig)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} k = {0};

	fr_sys4(SYS_rt_sigaction, sig, &k, 0, 8);
}

#endif
