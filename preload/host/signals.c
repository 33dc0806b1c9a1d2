/* SPDX-License-Identifier: MIT */
/*
 * signals.c - the host's view of its signals, our handlers behind it.
 *
 * For each signal one of these is installed in the kernel:
 *   the host's own   SIG_DFL or SIG_IGN of signals we do not care about
 *   an entry         sigentry.h: a handler of the host's, which is counted and called; or ours,
 *                    where the host believes in SIG_DFL or this is the trigger signal
 *
 * What the host believes is read from what the kernel has, each time: there is no table of views.
 * So a call of the host's is one call of the kernel's, as atomic as without us, and right in a
 * vfork child too, which has our memory and a signal table of its own.
 *
 * Context: hooks of sigaction and signal (any thread, signal handlers, vfork children), the
 * handlers themselves. Must not: answer the host with anything but its own last word; change
 * what is said below (trigger, armed, waited_for) in a process that is not the region's.
 */
#include "host/signals.h"

#include <errno.h>
#include <string.h>

#include "core/check.h"
#include "core/config.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sigsys.h"
#include "core/sys.h"
#include "keep/crash.h"
#include "keep/rescue.h"
#include "keep/snapshot.h"
#include "record/host.h"
#include "record/modules.h"
#include "record/onstack.h"
#include "record/sigentry.h"
#include "record/thread.h"
#include "record/unwind_guard.h"
#include "record/wait.h"

static int trigger; /* 0 = none */
static bool armed; /* our crash handlers are in place */
static bool ends_armed; /* and those of signals that end a process */
static uint64_t waited_for; /* bit sig - 1: the host takes these without a handler */

static const int fatal[] = {FR_FATAL_SIGNALS};
static const int ending[] = {FR_ENDING_SIGNALS};

/* Where the host believes in SIG_DFL, is ours to stand there? */
static bool ours_if_default(int sig)
{
	return fr_signal_is_fatal(sig) ? armed : ends_armed && fr_signal_is_ending(sig);
}

static bool is_function(void (*handler)(int))
{
	return handler != SIG_DFL && handler != SIG_IGN;
}

/* ---- what stands in the kernel --------------------------------------------------------------- */

/* Libc tells the kernel how a handler returns, and the kernel gives that flag back. */
#if defined(__x86_64__)
#define SA_RESTORER 0x04000000
#else
#define SA_RESTORER 0
#endif

/* Turns what the kernel has, A, into what the host believes. Returns its note, or NULL. */
static const struct fr_sigentry *as_host_sees(struct sigaction *a)
{
	const struct fr_sigentry *e = fr_sigentry_at((const void *)a->sa_handler);

	if (!e)
		return NULL;
	a->sa_handler = e->handler;
	if (e->role == FR_SIGENTRY_HOST) {
		a->sa_flags = (a->sa_flags & ~SA_SIGINFO) | ((int)e->flags & SA_SIGINFO);
		return e;
	}
	a->sa_flags = (int)e->flags;
	sigemptyset(&a->sa_mask);
	memcpy(&a->sa_mask, &e->mask, sizeof(e->mask));
	return e;
}

/* What the host believes is installed for SIG. *E: its note, or NULL. False: no such signal. */
static bool read_now(int sig, struct sigaction *a, const struct fr_sigentry **e)
{
	if (FR_REAL(sigaction)(sig, NULL, a) != 0)
		return false;
	*e = as_host_sees(a);
	return true;
}

static bool is_default_now(int sig)
{
	struct sigaction a;

	return FR_REAL(sigaction)(sig, NULL, &a) == 0 && !(a.sa_flags & SA_SIGINFO) &&
	       a.sa_handler == SIG_DFL;
}

static bool is_ours_alone(const struct fr_sigentry *e)
{
	return e && e->role != FR_SIGENTRY_HOST && !is_function(e->handler);
}

/*
 * What the kernel gets for the host's ACT. Of the crash handler nothing is blocked: it must learn
 * of a crash of its own. The trigger stays when the host's handler is to run but once. No entry
 * left: the host's own, which then runs unseen.
 */
static struct sigaction for_kernel(enum fr_sigentry_role role, const struct sigaction *act)
{
	struct fr_sigentry e = {.handler = act->sa_handler,
				.flags = (uint32_t)act->sa_flags,
				.role = (uint32_t)role};
	struct sigaction k = *act;
	void *entry;

	if (role == FR_SIGENTRY_HOST)
		e.flags &= SA_SIGINFO | SA_RESETHAND;
	else
		memcpy(&e.mask, &act->sa_mask, sizeof(e.mask));
	entry = fr_sigentry_for(&e);
	if (!entry)
		return k;
	k.sa_handler = (void (*)(int))entry;
	k.sa_flags |= SA_SIGINFO;
	if (role == FR_SIGENTRY_TRIGGER)
		k.sa_flags &= ~SA_RESETHAND;
	if (role == FR_SIGENTRY_HOST || is_function(act->sa_handler))
		return k;
	k.sa_flags =
		SA_SIGINFO | SA_ONSTACK | (role == FR_SIGENTRY_CRASH ? SA_NODEFER : SA_RESTART);
	sigemptyset(&k.sa_mask);
	return k;
}

/* The host believes in the default, as it found it. */
static bool take_default(int sig, enum fr_sigentry_role role)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	const struct sigaction k = for_kernel(role, &dfl);

	return k.sa_handler != SIG_DFL && FR_REAL(sigaction)(sig, &k, NULL) == 0;
}

/* ---- handlers -------------------------------------------------------------------------------- */

/* NOW was read a moment ago: what somebody has installed since stays. */
static void replace(int sig, const struct sigaction *now, const struct sigaction *next)
{
	struct sigaction found;

	if (FR_REAL(sigaction)(sig, next, &found) == 0 && found.sa_handler != now->sa_handler)
		FR_REAL(sigaction)(sig, &found, NULL);
}

/*
 * SA_RESETHAND: the kernel has reset the handler and nothing else, neither the flag that we added
 * for our entry, nor does it know of ours, which must stand again where we need one.
 */
static void reset_hand(int sig, const struct fr_sigentry *was)
{
	bool triggers = was->role == FR_SIGENTRY_TRIGGER; /* of these the kernel was not told */
	struct sigaction now, next;

	if (fr_host_is_other_process() || FR_REAL(sigaction)(sig, NULL, &now) != 0 ||
	    (triggers ? fr_sigentry_at((void *)now.sa_handler) != was : now.sa_handler != SIG_DFL))
		return;
	next = now;
	next.sa_handler = SIG_DFL;
	next.sa_flags = triggers ? (int)was->flags
				 : (now.sa_flags & ~SA_SIGINFO) | ((int)was->flags & SA_SIGINFO);
	if (triggers)
		next = for_kernel(FR_SIGENTRY_TRIGGER, &next);
	else if (ours_if_default(sig))
		next = for_kernel(FR_SIGENTRY_CRASH, &next);
	replace(sig, &now, &next);
}

static void call_host(const struct fr_sigentry *e, int sig, siginfo_t *si, void *uc)
{
	struct fr_thread *t = fr_self;
	bool known = fr_thread_is_known(t);
	uintptr_t outer = known ? t->handler : 0;
	uintptr_t place = known ? fr_onstack_place(t, (uintptr_t)e->action, uc) : 0;
	bool hidden, is_fault;
	stack_t ours;

	if (!is_function(e->handler))
		return;
	if (place && fr_signal_is_fatal(sig) && si->si_code > 0 && !fr_onstack_has_room(place)) {
		fr_crash_handler(sig, si, uc); /* the kernel could not have called it either */
		return;
	}
	if (e->flags & SA_RESETHAND)
		reset_hand(sig, e);
	is_fault = fr_crash_handled_begin(sig, si, uc);
	if (known)
		t->host_signals++;
	if (place)
		fr_onstack_lower(t);
	if (known && t->busy)
		t->handler = place ? place : (uintptr_t)__builtin_frame_address(0);
	hidden = known && fr_onstack_hide(t, uc, &ours);
	if (place)
		fr_onstack_call(place, e->action, sig, si, uc);
	else if (e->flags & SA_SIGINFO)
		e->action(sig, si, uc);
	else
		e->handler(sig);
	if (!known || fr_self != t)
		return;
	if (is_fault)
		fr_crash_handled_end();
	t->handler = outer;
	if (hidden)
		fr_onstack_show(t, uc, &ours);
}

/* Birth comes first: this may be the first act of a forked child. */
static void ask_for_snapshot(int sig, const siginfo_t *si)
{
	struct fr_thread *t;

	fr_level(FR_CLASS_RECORDER);
	t = fr_self;
	if (fr_thread_is_known(t)) {
		t->signal_errno = errno;
		t->our_signals++;
	}
	fr_snapshot_request(FR_TRIGGER_SIGNAL, sig, si->si_code <= 0 ? (uint32_t)si->si_pid : 0,
			    NULL);
}

void fr_signals_arrived(int sig, siginfo_t *si, void *uc, const struct fr_sigentry *e)
{
	unsigned int outer;

	fr_arch_allow_unaligned();
	fr_wait_no_longer(); /* a handler of the host's runs by the thread's block */
	if (fr_rescue_fault(sig, si, uc))
		return;
	fr_unwind_fault(sig, si, uc); /* does not return if it was libunwind's */
	outer = fr_where_enter(FR_WHERE_HANDLER);
	if (e->role == FR_SIGENTRY_CRASH)
		fr_crash_handler(sig, si, uc);
	else if (e->role == FR_SIGENTRY_TRIGGER)
		ask_for_snapshot(sig, si);
	fr_where_leave(outer);
	if (e->role != FR_SIGENTRY_CRASH)
		call_host(e, sig, si, uc);
}

/* ---- installation ---------------------------------------------------------------------------- */

static void announce_trigger(int sig)
{
	trigger = sig;
	if (fr_region.hdr)
		fr_region.hdr->signal = (uint32_t)sig;
}

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
		if (!is_waited_for(sig) && is_default_now(sig))
			break;
	}
	if (sig > SIGRTMIN + 4 && take_default(sig, FR_SIGENTRY_TRIGGER))
		announce_trigger(sig);
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
	if (take_default(sig, FR_SIGENTRY_TRIGGER))
		announce_trigger(sig);
}

static void take_defaults(const int *sigs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sigs[i] != trigger && is_default_now(sigs[i]))
			take_default(sigs[i], FR_SIGENTRY_CRASH);
	}
}

/*
 * What ends a process by default is taken as well, so that a recording tells of what it ended:
 * the handler notes it, and the default then does what it would have done. But for the first
 * process of a container, which the kernel spares from all of these as long as it has no handler.
 */
void fr_signals_init(bool forked)
{
	if (forked) {
		announce_trigger(trigger);
		return;
	}
	init_trigger();
	if (fr_process.sanitized)
		return; /* the sanitizer's own report is what its user wants to see */
	take_defaults(fatal, sizeof(fatal) / sizeof(*fatal));
	if (fr_sys_getpid() != 1) {
		take_defaults(ending, sizeof(ending) / sizeof(*ending));
		ends_armed = true;
	}
	armed = fr_thread_wants_altstack = true;
}

void fr_signals_withdraw(void)
{
	const struct fr_sigentry *e;
	struct sigaction now;

	for (int sig = 1; sig < _NSIG; sig++) {
		if (read_now(sig, &now, &e) && is_ours_alone(e))
			fr_signals_default(sig);
	}
	armed = ends_armed = fr_thread_wants_altstack = false;
	announce_trigger(0);
}

/* ---- the host's calls ------------------------------------------------------------------------ */

void fr_signals_host_waits(const sigset_t *set)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	const struct fr_sigentry *e;
	struct sigaction now;
	uint64_t bits;
	int sig = trigger;

	__asm__("" : "+r"(set)); /* null too, whatever signal.h tells the compiler */
	if (!fr_wait_readable(set, sizeof(bits)) || fr_host_is_other_process())
		return;
	memcpy(&bits, set, sizeof(bits));
	__atomic_fetch_or(&waited_for, bits, __ATOMIC_RELAXED);
	if (!sig || fr_config.signal != FR_SIGNAL_AUTO || !is_waited_for(sig))
		return;
	choose_other_trigger();
	if (read_now(sig, &now, &e) && is_ours_alone(e))
		FR_REAL(sigaction)(sig, &dfl, NULL);
}

/* What is to be in the kernel for the host's ACT. */
static struct sigaction arrange(int sig, const struct sigaction *act)
{
	struct sigaction a = *act;

	if (sig == trigger && fr_config.signal == FR_SIGNAL_AUTO && a.sa_handler != SIG_DFL)
		choose_other_trigger(); /* this one is no longer the trigger: as with any signal */
	if (sig == trigger || (ours_if_default(sig) && a.sa_handler == SIG_DFL)) {
		a.sa_flags |= SA_RESTORER;
		return for_kernel(sig == trigger ? FR_SIGENTRY_TRIGGER : FR_SIGENTRY_CRASH, &a);
	}
	return is_function(a.sa_handler) ? for_kernel(FR_SIGENTRY_HOST, &a) : a;
}

int fr_signals_plain(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction before;
	int rc = FR_REAL(sigaction)(sig, act, old ? &before : NULL);

	if (rc == 0 && old) {
		as_host_sees(&before);
		*old = before;
	}
	return rc;
}

int fr_signals_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction k;

	if (!act || sig < 1 || sig >= _NSIG || fr_process.sanitized || fr_host_is_other_process())
		return fr_signals_plain(sig, act, old);
	if (is_function(act->sa_handler))
		fr_wait_no_longer(); /* handlers run by the thread's block */
	k = arrange(sig, act);
	return fr_signals_plain(sig, &k, old);
}

/* Of a handler of the host's the kernel has the flag; of what is ours, our note. */
int fr_signals_interrupts(int sig, bool flag)
{
	const struct fr_sigentry *e;
	struct sigaction now;

	if (fr_host_is_other_process() || !read_now(sig, &now, &e) || !e ||
	    e->role == FR_SIGENTRY_HOST)
		return 0;
	now.sa_flags = flag ? now.sa_flags & ~SA_RESTART : now.sa_flags | SA_RESTART;
	return fr_signals_action(sig, &now, NULL);
}
