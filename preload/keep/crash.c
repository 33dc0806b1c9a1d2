/* SPDX-License-Identifier: MIT */
/*
 * crash.c - what happens between a fatal signal and the death of the process.
 *
 * Context: signal handler, on an alternate stack where there is one; anything may be broken.
 * Must not: return to the faulting code with the default action not restored; wait for ever.
 */
#include "keep/crash.h"

#include <string.h>
#include <ucontext.h>

#include "core/lookup.h"
#include "core/process.h"
#include "core/sigsys.h"
#include "core/sys.h"
#include "keep/snapshot.h"
#include "record/ring.h"
#include "record/wait.h"

/* By kill, tgkill or sigqueue. A timer's signal has other things in these fields. */
static bool has_sender(const siginfo_t *si)
{
	return si->si_code == SI_USER || si->si_code == SI_TKILL || si->si_code == SI_QUEUE;
}

/* Locals only, on purpose: the record is complete before anything that could fail is tried. */
static void fill(struct fr_crash *c, const siginfo_t *si, const ucontext_t *uc)
{
	struct fr_site s = fr_arch_ucontext_site(uc);

	c->signo = (uint32_t)si->si_signo;
	c->code = si->si_code;
	c->tid = fr_thread_tid();
	if (si->si_code > 0 && fr_signal_is_fatal(si->si_signo))
		c->fault_addr = (uint64_t)si->si_addr;
	if (has_sender(si)) {
		c->sender_pid = (uint32_t)si->si_pid;
		c->sender_uid = si->si_uid;
	}
	c->ticks = fr_clock_ticks();
	c->real_ns = fr_clock_ns(CLOCK_REALTIME);
	c->pc = s.pc;
	c->sp = s.sp;
	c->fp = s.fp;
	c->n_regs = fr_arch_ucontext_regs(uc, c->regs);
}

static void fill_crash(const siginfo_t *si, const ucontext_t *uc)
{
	fill(fr_region.crash, si, uc);
	if (!fr_signal_is_ending(si->si_signo))
		__atomic_store_n(&fr_region.hdr->x_state, FR_STATE_CRASHED, __ATOMIC_RELEASE);
}

static enum fr_context context_of(const siginfo_t *si, const ucontext_t *uc)
{
	uintptr_t pc = fr_arch_ucontext_site(uc).pc;

	if (si->si_signo == SIGTRAP && FR_TRAP_IS_BEHIND)
		return FR_CONTEXT_BEHIND;
	if ((si->si_signo == SIGSEGV || si->si_signo == SIGBUS) && si->si_code > 0 &&
	    ((uintptr_t)si->si_addr == pc || !fr_arch_is_address(pc)))
		return FR_CONTEXT_BAD_CALL;
	return FR_CONTEXT_AT;
}

/* A thread without a block can crash too. Only one thread ever comes here. */
static FR_BIG struct fr_walk scratch;

/*
 * A signal from outside comes at any moment, in the unwinder's own work too: it must not be called
 * into again then, for it may wait for itself.
 */
static void find_stack(const siginfo_t *si, const ucontext_t *uc)
{
	if (!fr_signal_is_ending(si->si_signo) || !fr_thread_is_known(fr_self) || !fr_self->busy)
		fr_region.crash->stack = fr_stack_of_context(&scratch, uc, context_of(si, uc));
}

/* The stack could not be had, and what was tried crashed: at least the function. */
static void find_function(const siginfo_t *si, const ucontext_t *uc)
{
	if (!fr_region.crash->stack)
		fr_region.crash->stack = fr_stack_of_context(&scratch, uc, FR_CONTEXT_PC_ONLY);
}

/* What libc has to say of its abort(): assert(), the heap, the stack protector, fortify. */
struct abort_msg {
	unsigned int size;
	char msg[];
};
static struct abort_msg *const *abort_msg;
static const char *abort_code; /* where abort() begins */

void fr_crash_init(void)
{
	abort_msg = fr_lookup_first("__abort_msg");
	abort_code = fr_lookup_next("abort", "");
}

static void read_words(struct fr_crash *c)
{
	const struct abort_msg *m = abort_msg ? *abort_msg : NULL;
	size_t n = sizeof(c->said) - 1;

	if (c->signo != SIGABRT || c->sender_pid != fr_process.pid || !m ||
	    !fr_wait_readable(m, sizeof(*m)))
		return;
	if (m->size < n)
		n = m->size;
	if (fr_wait_readable(m->msg, n))
		fr_text_store(c->said, m->msg, (uint32_t)n);
}

static void find_words(const siginfo_t *si, const ucontext_t *uc)
{
	read_words(fr_region.crash);
}

/* Not where the recorder itself was at work: its encoder may be half way through an event. */
static void put_event(const struct fr_crash *c)
{
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t) || t->busy)
		return;
	t->busy = (uintptr_t)__builtin_frame_address(0);
	fr_put_cold(t, FR_EV_SIGNAL, FR_TIER_RARE, c->ticks, c->stack,
		    FR_ARGS(SIGNAL, .signo = c->signo, .code = c->code, .addr = c->fault_addr));
	t->busy = 0;
}

static void record_event(const siginfo_t *si, const ucontext_t *uc)
{
	put_event(fr_region.crash);
}

/*
 * The snapshot says it all; without it the region stays. None of a process that was told to end,
 * as services are each day: it ends at once, and its region stays as it would have without us.
 */
static void write_snapshot(const siginfo_t *si, const ucontext_t *uc)
{
	if (!fr_signal_is_ending(si->si_signo) &&
	    fr_snapshot_now(FR_TRIGGER_CRASH, si->si_signo, fr_region.crash->sender_pid, NULL))
		fr_region_unlink();
}

/*
 * Does it happen again, by the same signal, when the handler returns? A trap stands behind its
 * instruction, a timer's SIGALRM has a code like a fault's, and to a stack pointer that is no
 * address the kernel cannot return: it would send another signal.
 */
static bool repeats(int sig, const siginfo_t *si, const ucontext_t *uc)
{
	return si->si_code > 0 && fr_signal_is_fatal(sig) && sig != SIGTRAP && sig != SIGSYS &&
	       sig != SIGABRT && fr_arch_is_address(fr_arch_ucontext_site(uc).sp);
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
	fill_crash, find_stack, find_function, find_words, record_event, write_snapshot,
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

/*
 * Is this the region's process? Not so in a vfork child, which has its parent's memory. A forked
 * child that has not recorded anything is not worth a region because it was told to end.
 */
static bool ours_to_tell(int sig)
{
	if (fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN && !fr_signal_is_ending(sig))
		fr_birth(FR_CLASS_RECORDER);
	return fr_region.hdr && fr_level_now(FR_CLASS_RECORDER) > FR_LEVEL_OFF &&
	       fr_process_is_this();
}

void fr_crash_handler(int sig, siginfo_t *si, void *ucv)
{
	struct timespec ms = {0, 1000000};
	int me = (int)fr_thread_tid();
	int first = 0;

	if (!ours_to_tell(sig)) {
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

/* ---- a fault that the host handles itself ---------------------------------------------------- */

/* Of the last whose handler has not returned; where it left by a jump, this stays. */
static struct fr_crash handled;
static _Atomic uint32_t handled_by; /* thread; 0 = none, or being filled */

#define HANDLED_FIRST 16u /* so many without a limit, then one in each of these: */
#define HANDLED_EVERY 100000000ull /* ns. A Java machine has thousands of them a second */

static bool is_due(int sig, uint64_t ticks)
{
	static _Atomic uint64_t next;
	static _Atomic uint32_t n;

	if (sig != SIGABRT && n >= HANDLED_FIRST && ticks < next)
		return false;
	n++;
	next = ticks + fr_clock_from_ns(HANDLED_EVERY);
	return true;
}

/*
 * By the processor, or by abort(), which is not sent from elsewhere. Not SIGSYS: a filter of system
 * calls sends it, and what is done here makes some.
 */
static bool is_fault(int sig, const siginfo_t *si)
{
	if (!fr_signal_is_fatal(sig) || sig == SIGSYS || fr_sys_filter != FR_SYS_FREE)
		return false;
	return si->si_code > 0 ||
	       (sig == SIGABRT && si->si_code == SI_TKILL && si->si_pid == fr_sys_getpid());
}

static bool is_recorded(const struct fr_thread *t)
{
	return fr_thread_is_known(t) && !t->busy && fr_region.hdr &&
	       fr_level_now(FR_CLASS_RECORDER) > FR_LEVEL_OFF && fr_process_is_this() &&
	       !atomic_load(&fr_gate.crashing);
}

/*
 * The kernel has blocked the signal for the host's handler, and kills for a fault of a blocked
 * signal: open while the stack is looked for, so that the unwinder's own faults stay ours. A stack
 * pointer that does not point into the thread's stack is not followed: a fault there would end a
 * process that could have gone on.
 */
static void find_handled_stack(const siginfo_t *si, const ucontext_t *uc)
{
	static struct fr_walk walk;
	uintptr_t sp = fr_arch_ucontext_site(uc).sp;
	uint64_t mask = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1), before = 0;
	struct fr_thread *t = fr_self;
	bool is_own = sp >= t->stack_lo && sp < t->stack_hi;

	t->busy = (uintptr_t)__builtin_frame_address(0);
	fr_sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, &before, 8);
	handled.stack =
		fr_stack_of_context(&walk, uc, is_own ? context_of(si, uc) : FR_CONTEXT_PC_ONLY);
	fr_signals_restore(before);
	t->busy = 0;
}

bool fr_crash_handled_begin(int sig, const siginfo_t *si, const void *ucv)
{
	static _Atomic uint32_t filling;
	const ucontext_t *uc = ucv;
	uint32_t nobody = 0;

	if (!is_fault(sig, si) || !is_recorded(fr_self) || !is_due(sig, fr_clock_ticks()) ||
	    !atomic_compare_exchange_strong(&filling, &nobody, 1))
		return false;
	atomic_store(&handled_by, 0);
	memset(&handled, 0, sizeof(handled));
	fill(&handled, si, uc);
	find_handled_stack(si, uc);
	read_words(&handled);
	put_event(&handled);
	atomic_store(&handled_by, handled.tid);
	atomic_store(&filling, 0);
	return true;
}

/* How a process ended is in the region alone, which then stays. */
static void become_crash(enum fr_crash_how how)
{
	if (atomic_load(&fr_gate.crashing))
		return;
	*fr_region.crash = handled;
	fr_region.crash->how = how;
	__atomic_store_n(&fr_region.hdr->x_state, FR_STATE_CRASHED, __ATOMIC_RELEASE);
}

/* abort() is a short function, and behind it stands nothing in libc that raises signals. */
#define ABORT_SIZE 1024u

static bool is_in_abort(uint32_t stack)
{
	const struct fr_stack_rec *r = fr_depot_get(stack);

	for (uint32_t i = 0; stack && i < r->n_frames && i < 6; i++) {
		if (r->pc[i] - (uintptr_t)abort_code < ABORT_SIZE)
			return true;
	}
	return false;
}

void fr_crash_handled_end(void)
{
	if (atomic_load(&handled_by) != fr_thread_tid() || !is_recorded(fr_self))
		return;
	if (handled.signo == SIGABRT && is_in_abort(handled.stack))
		become_crash(FR_CRASH_HANDLER_ABORTED);
	atomic_store(&handled_by, 0);
}

/* Does a stack go through the instruction that the signal interrupted? */
static bool goes_through(uint32_t stack, uint64_t pc)
{
	const struct fr_stack_rec *r = fr_depot_get(stack);

	for (uint32_t i = 0; stack && i < r->n_frames; i++) {
		if (r->pc[i] == pc + 1)
			return true;
	}
	return false;
}

void fr_crash_at_exit(struct fr_site s)
{
	struct fr_thread *t = fr_self;
	uint32_t stack;

	if (atomic_load(&handled_by) != fr_thread_tid() || !is_recorded(t))
		return;
	t->busy = (uintptr_t)__builtin_frame_address(0);
	stack = fr_stack_get(t, s);
	t->busy = 0;
	if (goes_through(stack, handled.pc))
		become_crash(FR_CRASH_HANDLER_ENDED);
}
