/* SPDX-License-Identifier: MIT */
/*
 * hooks_signal.c - replacement functions: signals and dlclose.
 */
#include <errno.h>
#include <signal.h>

#include "gate.h"
#include "modules.h"
#include "real.h"
#include "signals.h"
#include "sys.h"
#include "thread.h"

FR_HOOK int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	if (fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF)
		return FR_REAL(sigaction)(sig, act, old);
	return fr_signals_action(sig, act, old);
}

/* BSD semantics, as glibc's signal(): restart, and the signal blocked in its own handler. */
FR_HOOK sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
	struct sigaction old;

	if (fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF)
		return FR_REAL(signal)(sig, handler);
	if (handler == SIG_ERR || sig < 1 || sig >= _NSIG) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&act.sa_mask);
	sigaddset(&act.sa_mask, sig);
	if (fr_signals_action(sig, &act, &old) != 0)
		return SIG_ERR;
	return old.sa_handler;
}

/* Our alternate stack is not the host's: it sees none until it sets its own. */
FR_HOOK int sigaltstack(const stack_t *st, stack_t *old)
{
	struct fr_thread *t = fr_self;
	bool ours = t->altstack != NULL;
	int rc;

	if (st && fr_level(FR_CLASS_RECORDER) != FR_LEVEL_OFF)
		fr_signals_host_altstack();
	rc = FR_REAL(sigaltstack)(st, old);
	if (rc == 0 && ours && old && old->ss_sp == t->altstack && !(old->ss_flags & SS_ONSTACK))
		*old = (stack_t){.ss_flags = SS_DISABLE};
	return rc;
}

FR_HOOK int dlclose(void *handle)
{
	int rc;

	fr_modules_changed();
	rc = FR_REAL(dlclose)(handle);
	fr_modules_changed();
	return rc;
}
