/* SPDX-License-Identifier: MIT */
/*
 * hooks_signal.c - replacement functions: signals.
 */
#include <errno.h>
#include <signal.h>

#include "core/gate.h"
#include "core/real.h"
#include "core/sys.h"
#include "host/signals.h"
#include "record/thread.h"

/* Where nothing is recorded (any more), handlers that we installed before may still be there. */
static int action(int sig, const struct sigaction *act, struct sigaction *old)
{
	if (fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF)
		return fr_signals_plain(sig, act, old);
	return fr_signals_action(sig, act, old);
}

FR_HOOK int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return action(sig, act, old);
}

FR_HOOK int __sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return action(sig, act, old);
}

/* ---- signal() and its relatives -------------------------------------------------------------- */

/* Signals that siginterrupt() was called for: signal() leaves out SA_RESTART then. */
static uint64_t interrupting;

static uint64_t bit(int sig)
{
	return 1ull << (sig - 1);
}

static bool possible(int sig, sighandler_t handler)
{
	if (handler != SIG_ERR && sig >= 1 && sig < _NSIG)
		return true;
	errno = EINVAL;
	return false;
}

static sighandler_t set(int sig, const struct sigaction *act)
{
	struct sigaction old;

	return action(sig, act, &old) == 0 ? old.sa_handler : SIG_ERR;
}

/* BSD semantics, as glibc's signal(): restart, and the signal blocked in its own handler. */
static sighandler_t bsd(int sig, sighandler_t handler)
{
	struct sigaction act = {.sa_handler = handler};

	if (!possible(sig, handler))
		return SIG_ERR;
	if (!(__atomic_load_n(&interrupting, __ATOMIC_RELAXED) & bit(sig)))
		act.sa_flags = SA_RESTART;
	sigemptyset(&act.sa_mask);
	sigaddset(&act.sa_mask, sig);
	return set(sig, &act);
}

/* System V semantics: once, and nothing blocked. */
static sighandler_t sysv(int sig, sighandler_t handler)
{
	const struct sigaction act = {.sa_handler = handler,
				      .sa_flags = SA_RESETHAND | SA_NODEFER | SA_INTERRUPT};

	return possible(sig, handler) ? set(sig, &act) : SIG_ERR;
}

FR_HOOK sighandler_t signal(int sig, sighandler_t handler)
{
	return bsd(sig, handler);
}

FR_HOOK sighandler_t bsd_signal(int sig, sighandler_t handler)
{
	return bsd(sig, handler);
}

FR_HOOK sighandler_t ssignal(int sig, sighandler_t handler)
{
	return bsd(sig, handler);
}

FR_HOOK sighandler_t sysv_signal(int sig, sighandler_t handler)
{
	return sysv(sig, handler);
}

FR_HOOK sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	return sysv(sig, handler);
}

FR_HOOK int sigignore(int sig)
{
	const struct sigaction act = {.sa_handler = SIG_IGN};

	return action(sig, &act, NULL);
}

/* With SIG_HOLD the handler stays and the signal is blocked, else it is unblocked. */
FR_HOOK sighandler_t sigset(int sig, sighandler_t handler)
{
	const struct sigaction act = {.sa_handler = handler};
	bool block = handler == SIG_HOLD;
	struct sigaction old;
	sigset_t one, before;

	if (action(sig, block ? NULL : &act, &old) != 0)
		return SIG_ERR;
	sigemptyset(&one);
	sigaddset(&one, sig);
	if (sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &one, &before) != 0)
		return SIG_ERR;
	return sigismember(&before, sig) ? SIG_HOLD : old.sa_handler;
}

/* Libc changes the flags of what is installed; what it cannot know of is told here. */
FR_HOOK int siginterrupt(int sig, int flag)
{
	int rc = FR_REAL(siginterrupt)(sig, flag);

	if (rc != 0)
		return rc;
	if (flag)
		__atomic_fetch_or(&interrupting, bit(sig), __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&interrupting, ~bit(sig), __ATOMIC_RELAXED);
	return fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF ? 0 : fr_signals_interrupts(sig, flag);
}

/* ---- other ----------------------------------------------------------------------------------- */

/* Our alternate stack is not the host's: it sees none until it sets its own. */
FR_HOOK int sigaltstack(const stack_t *st, stack_t *old)
{
	const struct fr_thread *t;
	int rc;

	fr_wait_no_longer(); /* whose altstack is it? The thread's block knows */
	rc = FR_REAL(sigaltstack)(st, old);
	t = fr_self;
	if (rc == 0 && old && t->altstack && old->ss_sp == t->altstack &&
	    !(old->ss_flags & SS_ONSTACK))
		*old = (stack_t){.ss_flags = SS_DISABLE};
	return rc;
}
