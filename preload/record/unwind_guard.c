/* SPDX-License-Identifier: MIT */
/*
 * unwind_guard.c - one way out of libunwind, for faults and for what it must not do.
 *
 * libunwind trusts what objects say about their frames; a future one may do what no earlier did.
 * Neither may end the host. The way out is a jump back into the guard, with the mask of the place
 * that faulted; libunwind holds nothing that anybody else waits for (unwind_calls.c).
 *
 * Context: under fr_gate.unwind_lock, so that there is one at a time; fr_unwind_inside and
 * fr_unwind_fault on any thread, in signal handlers. Must not: take another thread's fault, or one
 * that somebody has sent, for libunwind's.
 */
#include "record/unwind_guard.h"

#include <stdatomic.h>
#include <ucontext.h>

#include "core/gate.h"
#include "core/sigsys.h"
#include "core/sys.h"
#include "record/thread.h"

static void *escape[5];
static const char *volatile reason;

/*
 * Which thread is in libunwind is told by the address of its fr_self. It stands in the gate: in a
 * child of fork nobody is, whoever was at the fork.
 */
static void enter(void *who)
{
	atomic_store_explicit(&fr_gate.unwind_owner, who, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

bool fr_unwind_inside(void)
{
	return atomic_load_explicit(&fr_gate.unwind_owner, memory_order_relaxed) == &fr_self;
}

/* A copy of this function would be another place to jump to. */
FR_ONE_COPY const char *fr_unwind_guard(void (*fn)(void *), void *arg)
{
	reason = NULL;
	if (__builtin_setjmp(escape) == 0) {
		enter(&fr_self);
		fn(arg);
	}
	enter(NULL);
	return reason;
}

void fr_unwind_leave(const char *why)
{
	reason = why;
	__builtin_longjmp(escape, 1);
}

static const char *name_of(int sig)
{
	switch (sig) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGILL:
		return "SIGILL";
	case SIGFPE:
		return "SIGFPE";
	case SIGABRT:
		return "SIGABRT";
	default:
		return "a fatal signal";
	}
}

/*
 * By the processor, or by this process itself, as abort() does. Children, timers and descriptors
 * have codes like a fault's: theirs are the host's and must arrive.
 */
static bool of_its_own(int sig, const siginfo_t *si)
{
	if (!fr_signal_is_fatal(sig))
		return false;
	return si->si_code > 0 ||
	       (sig == SIGABRT && si->si_code == SI_TKILL && si->si_pid == fr_sys_getpid());
}

void fr_unwind_fault(int sig, const siginfo_t *si, const void *ucv)
{
	const ucontext_t *uc = ucv;

	if (!fr_unwind_inside() || !of_its_own(sig, si))
		return;
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &uc->uc_sigmask, 0, 8);
	fr_unwind_leave(name_of(sig));
}
