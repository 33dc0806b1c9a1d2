/* SPDX-License-Identifier: MIT */
/*
 * sigentry.h - addresses to give to the kernel as signal handlers, each with a note of what it
 * stands for.
 *
 * The kernel exchanges a signal's handler, flags and mask in one step, for all threads. A table of
 * ours beside the kernel's could not keep up with that: a thread would read one handler with the
 * flags of the next. So there is none. Each pair of a handler of the host's and its flags gets an
 * entry of its own, whose note never changes; which of them counts is what the kernel has
 * installed, in a vfork child (which shares our memory, but not its parent's signal table) too.
 */
#ifndef FR_SIGENTRY_H
#define FR_SIGENTRY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum fr_sigentry_role {
	FR_SIGENTRY_HOST = 1, /* a handler of the host's */
	FR_SIGENTRY_CRASH = 2, /* the host believes in SIG_DFL, and the signal kills */
	FR_SIGENTRY_TRIGGER = 3, /* asks for a snapshot; then the host's handler, if it is one */
};

/* What the host believes is installed. */
struct fr_sigentry {
	union {
		void (*handler)(int sig);
		void (*action)(int sig, siginfo_t *si, void *uc);
	};
	uint64_t mask; /* of FR_SIGENTRY_CRASH and _TRIGGER; else the kernel has it: 0 */
	uint32_t flags; /* SA_..., as the kernel would give them back */
	uint32_t role; /* enum fr_sigentry_role */
};

/* The address for E; NULL: all are taken. Signal-safe, any thread, vfork children too. */
void *fr_sigentry_for(const struct fr_sigentry *e);

/* The note of ADDRESS; NULL: it is none of ours. As above. */
const struct fr_sigentry *fr_sigentry_at(const void *address);

/* Where all of them lead: the kernel's arguments and the note (signals.c). */
void fr_signals_arrived(int sig, siginfo_t *si, void *uc, const struct fr_sigentry *e);

#endif
