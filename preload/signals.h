/* SPDX-License-Identifier: MIT */
/*
 * signals.h - the signals that the recorder listens to, behind the host's back.
 *
 * The host's view of each signal is kept in a table: sigaction() and signal() answer from it. A
 * handler of the host is installed behind a thin wrapper that counts (so that a wait interrupted
 * by our own signal only can be resumed); where the host's disposition is SIG_DFL and the signal
 * would kill, our crash handler stands; for the trigger signal, ours.
 */
#ifndef FR_SIGNALS_H
#define FR_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Installs the handlers. At birth; FORKED: only re-reads nothing, the handlers are inherited. */
void fr_signals_init(bool forked);

/* Crash handlers are in place: threads want an alternate stack. */
bool fr_signals_armed(void);

/*
 * The host is about to set an alternate stack of its own. Until it does, SA_ONSTACK of its handlers
 * is kept from the kernel: it must not send them to ours, which is small and not theirs. (From then
 * on, on a thread where the host has none, its handlers do run on ours: 64 KiB.)
 */
void fr_signals_host_altstack(void);

/*
 * The host is about to take signals of SET out of the queue itself (sigwait, signalfd). In auto
 * mode none of them is the trigger from now on.
 */
void fr_signals_host_waits(const sigset_t *set);

/* Gives every signal that is ours back to the kernel's default, for good. */
void fr_signals_withdraw(void);

/* sigaction() as the host sees it. Same contract, errno included. */
int fr_signals_action(int sig, const struct sigaction *act, struct sigaction *old);

/* Restores SIG_DFL for good, past all tables. Signal-safe. */
void fr_signals_default(int sig);

#endif
