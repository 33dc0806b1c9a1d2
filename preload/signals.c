/* SPDX-License-Identifier: MIT */
/*
 * signals.c - the host's view of its signals, our handlers behind it.
 *
 * For each signal one of three arrangements is installed:
 *   native   what the host asked for (SIG_DFL or SIG_IGN of signals we do not care about)
 *   ours     host's view is SIG_DFL: crash handler; or this is the trigger signal
 *   wrapped  host's view is a handler: call_host() counts and calls it
 *
 * Context: hooks of sigaction and signal (any thread, signal handlers), the handlers themselves.
 * Must not: answer the host with anything but its own last word.
 */
#include "signals.h"

#include <errno.h>
#include <string.h>

#include "config.h"
#include "crash.h"
#include "modules.h"
#include "onstack.h"
#include "process.h"
#include "real.h"
#include "snapshot.h"
#include "sys.h"
#include "thread.h"
#include "unwind_guard.h"
#include "wait.h"

enum arrangement { NATIVE = 0, OURS, WRAPPED };

struct view {
	enum arrangement how;
	struct sigaction act; /* what the host believes is installed; valid unless NATIVE */
};
static struct view views[_NSIG];
static int trigger; /* 0 = none */
static bool armed;

static const int fatal[] = {FR_FATAL_SIGNALS};

static bool is_fatal(int sig)
{
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		if (fatal[i] == sig)
			return true;
	}
	return false;
}

bool fr_signals_armed(void)
{
	return armed;
}

void fr_signals_default(int sig)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} k = {0};

	fr_sys4(SYS_rt_sigaction, sig, &k, 0, 8);
}

/* ---- handlers -------------------------------------------------------------------------------- */

static bool is_function(const struct sigaction *a)
{
	return a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN;
}

/*
 * SA_RESETHAND: the kernel resets the handler and nothing else; ours must stand again where we need
 * one.
 */
static void reset_hand(int sig)
{
	struct sigaction dfl = views[sig].act;

	dfl.sa_handler = SIG_DFL;
	fr_signals_action(sig, &dfl, NULL);
}

static void call_host(int sig, siginfo_t *si, void *uc)
{
	struct sigaction act = views[sig].act;
	struct fr_thread *t = fr_self;
	bool known = t != &fr_thread_none && t != &fr_thread_gone;
	uintptr_t outer = t->handler;
	uintptr_t place = known ? fr_onstack_place(t, &act, uc) : 0;

	if (!is_function(&act))
		return;
	if (act.sa_flags & SA_RESETHAND)
		reset_hand(sig);
	if (known)
		t->host_signals++;
	if (known && t->busy)
		t->handler = place ? place : (uintptr_t)__builtin_frame_address(0);
	if (place)
		fr_onstack_call(place, act.sa_sigaction, sig, si, uc);
	else if (act.sa_flags & SA_SIGINFO)
		act.sa_sigaction(sig, si, uc);
	else
		act.sa_handler(sig);
	if (known && fr_self == t)
		t->handler = outer;
}

static void on_host_signal(int sig, siginfo_t *si, void *uc)
{
	fr_unwind_fault(sig, si, uc); /* does not return if it was libunwind's */
	call_host(sig, si, uc);
}

static void on_trigger(int sig, siginfo_t *si, void *uc)
{
	struct fr_thread *t = fr_self;

	if (FR_LEVEL(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		fr_birth(FR_CLASS_RECORDER);
	if (t != &fr_thread_none && t != &fr_thread_gone) {
		t->signal_errno = errno;
		t->our_signals++;
	}
	fr_snapshot_request(FR_TRIGGER_SIGNAL, sig, si->si_code <= 0 ? (uint32_t)si->si_pid : 0,
			    NULL);
	call_host(sig, si, uc);
}

/* ---- installation -----------------------------------------------------------------------------
 */

static int install(int sig, void (*fn)(int, siginfo_t *, void *), int flags, const sigset_t *mask)
{
	struct sigaction a = {.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO};

	a.sa_mask = *mask;
	return FR_REAL(sigaction)(sig, &a, NULL);
}

/* Nothing is blocked: the handler must learn of a crash of its own. */
static int install_crash(int sig)
{
	sigset_t none;

	sigemptyset(&none);
	return install(sig, fr_crash_handler, SA_ONSTACK | SA_NODEFER, &none);
}

static atomic_bool host_has_altstack;

static int install_trigger(int sig, const struct sigaction *host)
{
	int flags = SA_ONSTACK | SA_RESTART;
	sigset_t mask;

	sigemptyset(&mask);
	if (is_function(host)) {
		mask = host->sa_mask;
		flags = host->sa_flags & ~SA_RESETHAND;
		if (!atomic_load(&host_has_altstack))
			flags &= ~SA_ONSTACK; /* may need a bigger stack than ours */
	}
	return install(sig, on_trigger, flags, &mask);
}

static bool is_default_now(int sig)
{
	struct sigaction a;

	return FR_REAL(sigaction)(sig, NULL, &a) == 0 && !(a.sa_flags & SA_SIGINFO) &&
	       a.sa_handler == SIG_DFL;
}

static void take_default(int sig)
{
	views[sig].act = (struct sigaction){.sa_handler = SIG_DFL};
	views[sig].how = OURS;
}

static void announce_trigger(int sig)
{
	trigger = sig;
	if (fr_region.hdr)
		fr_region.hdr->signal = (uint32_t)sig;
}

static uint64_t waited_for; /* bit sig - 1: the host takes these without a handler */

static bool is_waited_for(int sig)
{
	return __atomic_load_n(&waited_for, __ATOMIC_RELAXED) >> (sig - 1) & 1;
}

/* Which signal now? In auto mode a free real-time one, from the top, where hosts seldom look. */
static void choose_other_trigger(void)
{
	int sig;

	announce_trigger(0);
	for (sig = SIGRTMAX - 1; sig > SIGRTMIN + 4; sig--) {
		if (views[sig].how == NATIVE && !is_waited_for(sig) && is_default_now(sig))
			break;
	}
	if (sig <= SIGRTMIN + 4)
		return;
	take_default(sig);
	if (install_trigger(sig, &views[sig].act) == 0)
		announce_trigger(sig);
	else
		views[sig].how = NATIVE;
}

static void init_trigger(void)
{
	int sig = fr_config.signal == FR_SIGNAL_AUTO ? SIGUSR1 : fr_config.signal;

	if (fr_config.signal == FR_SIGNAL_NONE)
		return;
	if (!is_default_now(sig)) {
		if (fr_config.signal == FR_SIGNAL_AUTO)
			choose_other_trigger();
		return;
	}
	take_default(sig);
	if (install_trigger(sig, &views[sig].act) == 0)
		announce_trigger(sig);
}

void fr_signals_init(bool forked)
{
	if (forked) {
		announce_trigger(trigger);
		return;
	}
	init_trigger();
	if (fr_process.sanitized)
		return; /* the sanitizer's own report is what its user wants to see */
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		if (is_default_now(fatal[i])) {
			take_default(fatal[i]);
			install_crash(fatal[i]);
		}
	}
	armed = true;
}

void fr_signals_withdraw(void)
{
	for (int sig = 1; sig < _NSIG; sig++) {
		if (views[sig].how != OURS)
			continue;
		fr_signals_default(sig);
		views[sig].how = NATIVE;
	}
	armed = false;
	announce_trigger(0);
}

/* ---- the host's calls --------------------------------------------------------------------------
 */

/* What the kernel or the view says now. */
static int read_view(int sig, struct sigaction *old)
{
	if (views[sig].how == NATIVE)
		return FR_REAL(sigaction)(sig, NULL, old);
	*old = views[sig].act;
	return 0;
}

static int set_trigger_view(int sig, const struct sigaction *act)
{
	if (fr_config.signal == FR_SIGNAL_AUTO && act->sa_handler != SIG_DFL) {
		choose_other_trigger();
		return -1; /* no longer the trigger: go on as with any signal */
	}
	views[sig] = (struct view){OURS, *act};
	return install_trigger(sig, act);
}

void fr_signals_host_waits(const sigset_t *set)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	uint64_t bits;
	int sig = trigger;

	__asm__("" : "+r"(set)); /* null too, whatever signal.h tells the compiler */
	if (!fr_wait_readable(set, sizeof(bits)))
		return;
	memcpy(&bits, set, sizeof(bits));
	__atomic_fetch_or(&waited_for, bits, __ATOMIC_RELAXED);
	if (!sig || fr_config.signal != FR_SIGNAL_AUTO || !is_waited_for(sig))
		return;
	choose_other_trigger();
	if (!is_function(&views[sig].act) && FR_REAL(sigaction)(sig, &dfl, NULL) == 0)
		views[sig].how = NATIVE;
}

static int install_wrapper(int sig, const struct sigaction *act)
{
	int flags = act->sa_flags;

	if (!atomic_load(&host_has_altstack))
		flags &= ~SA_ONSTACK;
	return install(sig, on_host_signal, flags, &act->sa_mask);
}

void fr_signals_host_altstack(void)
{
	if (atomic_exchange(&host_has_altstack, true))
		return;
	for (int sig = 1; sig < _NSIG; sig++) {
		if (views[sig].how == WRAPPED && (views[sig].act.sa_flags & SA_ONSTACK))
			install_wrapper(sig, &views[sig].act);
	}
}

/*
 * A host may set its alternate stacks by system calls of its own, or take the one it finds, ours,
 * for its own. Go does both, and ends when a handler of its runs on any other stack.
 */
static void look_for_altstack(const struct sigaction *act)
{
	stack_t now = {.ss_flags = SS_DISABLE};

	if (!(act->sa_flags & SA_ONSTACK) || atomic_load(&host_has_altstack))
		return;
	fr_sys2(SYS_sigaltstack, 0, &now);
	if ((!(now.ss_flags & SS_DISABLE) && now.ss_sp != fr_self->altstack) ||
	    fr_modules_is_go((uintptr_t)act->sa_sigaction))
		fr_signals_host_altstack();
}

static int set_view(int sig, const struct sigaction *act)
{
	struct view before = views[sig];
	int rc;

	look_for_altstack(act);
	if (sig == trigger && set_trigger_view(sig, act) == 0)
		return 0;
	if (is_function(act)) {
		views[sig] = (struct view){WRAPPED, *act};
		rc = install_wrapper(sig, act);
	} else if (act->sa_handler == SIG_DFL && is_fatal(sig) && armed) {
		views[sig] = (struct view){OURS, *act};
		rc = install_crash(sig);
	} else {
		rc = FR_REAL(sigaction)(sig, act, NULL);
		if (rc == 0)
			views[sig].how = NATIVE;
	}
	if (rc != 0)
		views[sig] = before;
	return rc;
}

int fr_signals_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction before, wanted;

	if (sig < 1 || sig >= _NSIG || sig == SIGKILL || sig == SIGSTOP || fr_process.sanitized)
		return FR_REAL(sigaction)(sig, act, old);
	if (act)
		wanted = *act; /* the host may pass one object as both */
	if (read_view(sig, &before) != 0)
		return -1;
	if (act && set_view(sig, &wanted) != 0)
		return -1;
	if (old)
		*old = before;
	return 0;
}
