/* SPDX-License-Identifier: MIT */
/*
 * signals.h - the recorder's signal handlers, and the host's view of its own.
 *
 * A handler of the host's is installed behind an entry that counts (so that a wait interrupted by
 * our own signal only can be resumed); where the host's disposition is SIG_DFL and the signal would
 * kill, our crash handler stands; for the trigger signal, ours. sigaction() and signal() answer
 * with what the host asked for.
 */
#ifndef FR_SIGNALS_H
#define FR_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* At birth. Installs the handlers; a forked child (FORKED) has inherited them and installs none. */
void fr_signals_init(bool forked);

/*
 * The host is about to take signals of SET out of the queue itself (sigwait, signalfd). In auto
 * mode none of them is the trigger from now on.
 */
void fr_signals_host_waits(const sigset_t *set);

/* Gives every signal that is ours back to the kernel's default, for good. */
void fr_signals_withdraw(void);

/* sigaction() as the host sees it. Same contract, errno included. */
int fr_signals_action(int sig, const struct sigaction *act, struct sigaction *old);

/* The same where nothing of ours is to be installed: only the answer is the host's view. */
int fr_signals_plain(int sig, const struct sigaction *act, struct sigaction *old);

/* siginterrupt() was called: the host's view of what is ours alone. 0, or -1 with errno. */
int fr_signals_interrupts(int sig, bool flag);

#endif
