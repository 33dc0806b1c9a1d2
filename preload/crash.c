/* SPDX-License-Identifier: MIT */
/*
 * crash.c - what happens between a fatal signal and the death of the process.
 *
 * Context: signal handler, on an alternate stack where there is one; anything may be broken.
 * Must not: return to the faulting code with the default action not restored; wait for ever.
 */
#include "crash.h"

#include <ucontext.h>

#include "process.h"
#include "ring.h"
#include "signals.h"
#include "snapshot.h"
#include "sys.h"
#include "unwind_guard.h"

/* Locals only, on purpose: the record is complete before anything that could fail is tried. */
static void fill_crash(const siginfo_t *si, const ucontext_t *uc)
{
	struct fr_crash *c = fr_region.crash;
	struct fr_site s = fr_arch_ucontext_site(uc);

	c->signo = (uint32_t)si->si_signo;
	c->code = si->si_code;
	c->tid = fr_thread_tid();
	c->fault_addr = si->si_code > 0 ? (uint64_t)si->si_addr : 0;
	c->sender_pid = si->si_code <= 0 ? (uint32_t)si->si_pid : 0;
	c->ticks = fr_clock_ticks();
	c->real_ns = fr_clock_ns(CLOCK_REALTIME);
	c->pc = s.pc;
	c->sp = s.sp;
	c->fp = s.fp;
	c->n_regs = fr_arch_ucontext_regs(uc, c->regs);
	__atomic_store_n(&fr_region.hdr->x_state, FR_STATE_CRASHED, __ATOMIC_RELEASE);
}

/* The guard is taken by force: nobody will need this thread's recorder state again. */
static void record_stack(const ucontext_t *uc)
{
	struct fr_crash *c = fr_region.crash;
	struct fr_site s = fr_arch_ucontext_site(uc);
	struct fr_thread *t = fr_self;
	bool exact = c->signo != SIGTRAP; /* a breakpoint traps behind itself */

	if (t == &fr_thread_none || t == &fr_thread_gone)
		return;
	if (t->busy) {
		/* the recorder itself was at work: its encoder may be half way through an event */
		c->stack = fr_stack_of_context(t, s, exact);
		return;
	}
	t->busy = (uintptr_t)__builtin_frame_address(0);
	c->stack = fr_stack_of_context(t, s, exact);
	fr_put_cold(t, FR_EV_SIGNAL, FR_TIER_RARE, c->ticks, c->stack,
		    FR_ARGS(c->signo, (uint64_t)(int64_t)c->code, c->fault_addr));
	t->busy = 0;
}

/*
 * Hardware faults come again by themselves when the handler returns, with the same registers.
 * Others are queued again with their own siginfo and delivered on return; SIGTRAP and SIGSYS stand
 * behind their instruction and would not come again.
 */
static void die(int sig, const siginfo_t *si)
{
	bool refaults = si->si_code > 0 && sig != SIGTRAP && sig != SIGSYS && sig != SIGABRT;
	uint64_t mask = 1ull << (sig - 1);

	fr_signals_default(sig);
	/* until the return, which restores the mask of the place where it happened */
	fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &mask, 0, 8);
	if (!refaults &&
	    fr_sys4(SYS_rt_tgsigqueueinfo, fr_sys_getpid(), fr_thread_tid(), sig, si) != 0)
		fr_sys3(SYS_tgkill, fr_sys_getpid(), fr_thread_tid(), sig);
}

/*
 * A crash in the dump itself, as when somebody has cut the region's file: out of the dump, back to
 * the first crash. Fatal signals are not blocked meanwhile (install_crash): blocked, the kernel
 * would kill at once, by the wrong signal. The jump changes no mask and stays on its stack.
 */
static void *escape[5];
static volatile bool dumping;

static void dump(int sig, const siginfo_t *si, const ucontext_t *uc)
{
	fill_crash(si, uc);
	record_stack(uc);
	if (fr_snapshot_now(FR_TRIGGER_CRASH, sig, fr_region.crash->sender_pid, NULL))
		fr_region_unlink(); /* the snapshot says it all; without it the region stays */
}

__attribute__((noinline)) static void dump_guarded(int sig, const siginfo_t *si,
						   const ucontext_t *uc)
{
	if (__builtin_setjmp(escape) == 0) {
		dumping = true;
		dump(sig, si, uc);
	} else {
		fr_snapshot_abandon();
	}
	dumping = false;
}

/* The process that the region is of: not a vfork child, which has its parent's memory. */
static bool ours_to_tell(void)
{
	if (FR_LEVEL(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		fr_birth(FR_CLASS_RECORDER);
	return fr_region.hdr && FR_LEVEL(FR_CLASS_RECORDER) != FR_LEVEL_OFF &&
	       fr_process.pid == (uint32_t)fr_sys_getpid();
}

void fr_crash_handler(int sig, siginfo_t *si, void *ucv)
{
	struct timespec ms = {0, 1000000};
	int me = (int)fr_thread_tid();
	int first = 0;

	fr_unwind_fault(sig, si, ucv); /* does not return if it was libunwind's */
	if (!ours_to_tell()) {
		die(sig, si);
		return;
	}
	if (!atomic_compare_exchange_strong(&fr_gate.crashing, &first, me)) {
		if (first == me && dumping && si->si_code <= 0)
			return; /* sent by somebody: we are dying already */
		if (first == me && dumping)
			__builtin_longjmp(escape, 1);
		/* another thread is dying: its death ends us too */
		for (int i = 0; i < 3000 && first != me; i++)
			fr_sys2(SYS_nanosleep, &ms, 0);
		die(sig, si);
		return;
	}
	dump_guarded(sig, si, ucv);
	die(sig, si);
}
