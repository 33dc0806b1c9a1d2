/* SPDX-License-Identifier: MIT */
/*
 * crash.c - what happens between a fatal signal and the death of the process.
 *
 * Context: signal handler, on an alternate stack where there is one; anything may be broken.
 * Must not: return to the faulting code with the default action not restored; wait for ever.
 */
#include "keep/crash.h"

#include <ucontext.h>

#include "core/process.h"
#include "core/sigsys.h"
#include "core/sys.h"
#include "keep/snapshot.h"
#include "record/ring.h"

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

static enum fr_context context_of(const siginfo_t *si, const ucontext_t *uc)
{
	uintptr_t pc = fr_arch_ucontext_site(uc).pc;

	if (si->si_signo == SIGTRAP)
		return FR_CONTEXT_BEHIND;
	if ((si->si_signo == SIGSEGV || si->si_signo == SIGBUS) && si->si_code > 0 &&
	    ((uintptr_t)si->si_addr == pc || !fr_arch_is_address(pc)))
		return FR_CONTEXT_BAD_CALL;
	return FR_CONTEXT_AT;
}

/* A thread without a block can crash too. Only one thread ever comes here. */
static FR_BIG struct fr_walk scratch;

static void find_stack(const siginfo_t *si, const ucontext_t *uc)
{
	fr_region.crash->stack = fr_stack_of_context(&scratch, uc, context_of(si, uc));
}

/* The stack could not be had, and what was tried crashed: at least the function. */
static void find_function(const siginfo_t *si, const ucontext_t *uc)
{
	if (!fr_region.crash->stack)
		fr_region.crash->stack = fr_stack_of_context(&scratch, uc, FR_CONTEXT_PC_ONLY);
}

/* Not where the recorder itself was at work: its encoder may be half way through an event. */
static void record_event(const siginfo_t *si, const ucontext_t *uc)
{
	const struct fr_crash *c = fr_region.crash;
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t) || t->busy)
		return;
	t->busy = (uintptr_t)__builtin_frame_address(0);
	fr_put_cold(t, FR_EV_SIGNAL, FR_TIER_RARE, c->ticks, c->stack,
		    FR_ARGS(SIGNAL, .signo = c->signo, .code = c->code, .addr = c->fault_addr));
	t->busy = 0;
}

/* The snapshot says it all; without it the region stays. */
static void write_snapshot(const siginfo_t *si, const ucontext_t *uc)
{
	if (fr_snapshot_now(FR_TRIGGER_CRASH, si->si_signo, fr_region.crash->sender_pid, NULL))
		fr_region_unlink();
}

/*
 * Does it happen again, by the same signal, when the handler returns? A trap stands behind its
 * instruction, and to a stack pointer that is no address the kernel cannot return: it would send
 * another signal.
 */
static bool repeats(int sig, const siginfo_t *si, const ucontext_t *uc)
{
	return si->si_code > 0 && sig != SIGTRAP && sig != SIGSYS && sig != SIGABRT &&
	       fr_arch_is_address(fr_arch_ucontext_site(uc).sp);
}

/*
 * Hardware faults come again by themselves, with the same registers: no system call is made for
 * them, because a filter might kill for it by another signal. Others are queued again with their
 * own siginfo, and delivered on return.
 */
static void die(int sig, const siginfo_t *si, const ucontext_t *uc)
{
	uint64_t mask = 1ull << (sig - 1);

	fr_signals_default(sig);
	/* until the return, which restores the mask of the place where it happened */
	fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &mask, 0, 8);
	if (!repeats(sig, si, uc) &&
	    fr_sys4(SYS_rt_tgsigqueueinfo, fr_sys_getpid(), fr_thread_tid(), sig, si) != 0)
		fr_sys3(SYS_tgkill, fr_sys_getpid(), fr_thread_tid(), sig);
}

/*
 * What can be told, one thing after the other. A crash in one of them ends that one, back to here,
 * and the next is done. Fatal signals are not blocked meanwhile (signals.c): blocked, the kernel
 * would kill at once, by the wrong signal. The jump changes no mask and stays on its stack.
 */
static void (*const steps[])(const siginfo_t *si, const ucontext_t *uc) = {
	fill_crash, find_stack, find_function, record_event, write_snapshot,
};
#define STEPS (sizeof(steps) / sizeof(*steps))

static void *escape[5];
static volatile bool dumping;

__attribute__((noinline)) static void dump(const siginfo_t *si, const ucontext_t *uc)
{
	static volatile size_t step;
	static const siginfo_t *volatile its_si;
	static const ucontext_t *volatile its_uc;

	its_si = si; /* a jump does not keep the registers that have them */
	its_uc = uc;
	step = 0;
	if (__builtin_setjmp(escape) != 0) {
		if (steps[step] == write_snapshot)
			fr_snapshot_abandon();
		step++;
	}
	dumping = true;
	for (; step < STEPS; step++)
		steps[step](its_si, its_uc);
	dumping = false;
}

/* Is this the region's process? Not so in a vfork child, which has its parent's memory. */
static bool ours_to_tell(void)
{
	if (fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		fr_birth(FR_CLASS_RECORDER);
	return fr_region.hdr && fr_level_now(FR_CLASS_RECORDER) != FR_LEVEL_OFF &&
	       fr_process_is_this();
}

void fr_crash_handler(int sig, siginfo_t *si, void *ucv)
{
	struct timespec ms = {0, 1000000};
	int me = (int)fr_thread_tid();
	int first = 0;

	if (!ours_to_tell()) {
		die(sig, si, ucv);
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
		die(sig, si, ucv);
		return;
	}
	dump(si, ucv);
	die(sig, si, ucv);
}
