/* SPDX-License-Identifier: MIT */
/*
 * unwind_guard.c - one way out of libunwind, for faults and for what it must not do.
 *
 * libunwind trusts what objects say about their frames; a future one may do what no earlier did.
 * Neither may cost the host its life. The way out is a jump back into the guard: it changes no
 * signal mask, and libunwind holds nothing that anybody else waits for (unwind_calls.c).
 *
 * Context: under fr_gate.unwind_lock, so that there is one at a time; fr_unwind_inside and
 * fr_unwind_fault on any thread, in signal handlers. Must not: take another thread's fault, or one
 * that somebody has sent, for libunwind's.
 */
#include "unwind_guard.h"

#include <stdint.h>

#include "sys.h"
#include "thread.h"

#define DEEP (256u << 10) /* more stack than libunwind takes */

static void *escape[5];
static const char *volatile reason;
static volatile uintptr_t inside; /* the guard's frame; 0 = nobody is in libunwind */
static void *volatile owner; /* address of its thread's fr_self, while inside */

/* A copy of this function would be another place to jump to. */
__attribute__((noinline, noclone)) const char *fr_unwind_guard(void (*fn)(void *), void *arg)
{
	reason = NULL;
	if (__builtin_setjmp(escape) == 0) {
		owner = &fr_self;
		inside = (uintptr_t)__builtin_frame_address(0);
		fn(arg);
	}
	inside = 0;
	return reason;
}

/* By the stack and not by a word of the thread: libunwind's callers may be anybody. */
__attribute__((noinline)) bool fr_unwind_inside(void)
{
	return inside - (uintptr_t)__builtin_frame_address(0) < DEEP;
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

/* By the processor, or by this process itself, as abort() does. */
static bool of_its_own(int sig, const siginfo_t *si)
{
	return si->si_code > 0 ||
	       (sig == SIGABRT && si->si_code == SI_TKILL && si->si_pid == fr_sys_getpid());
}

void fr_unwind_fault(int sig, const siginfo_t *si)
{
	if (inside && owner == &fr_self && of_its_own(sig, si))
		fr_unwind_leave(name_of(sig));
}
