/* SPDX-License-Identifier: MIT */
/*
 * unwind_trial.c - a stack that libunwind must unwind before it is trusted.
 *
 * The functions on it are never run: they are places with call frame information of every kind that
 * a rule knows, and the stack is an array. Faults are survived by way of the crash handlers, which
 * stand already; where the host, or a sanitizer in it, has a handler of its own, ours stands there
 * meanwhile. A fault of another thread, which only a constructor can have started, waits until the
 * host's handler is back and happens again.
 *
 * Context: just before main. Must not: leave a disposition or a mask other than it was.
 */
#include <stdatomic.h>
#include <string.h>

#include "core/check.h"
#include "core/gate.h"
#include "core/real.h"
#include "core/sys.h"
#include "record/sigentry.h"
#include "record/thread.h"
#include "record/unwind.h"
#include "record/unwind_calls.h"
#include "record/unwind_guard.h"
#include "record/unwind_lib.h"

/* ---- places, and a stack --------------------------------------------------------------------- */

#if defined(__x86_64__)
#define STOP "ud2"
#define STACK "rsp"
#define FRAME "rbp"
#define RETURN "rip"
#elif defined(__aarch64__)
#define STOP "udf #0"
#define STACK "sp"
#define FRAME "x29"
#define RETURN "x30"
#endif

/* Return address at CFA - 8, frame pointer at CFA - 16, as compilers have it on x86-64. */
extern const char fr_trial_by_sp[], fr_trial_by_fp[], fr_trial_end[];
__asm__(".text\n"
	".balign 16\n"
	".hidden fr_trial_by_sp\n"
	".hidden fr_trial_by_fp\n"
	".hidden fr_trial_end\n"
	".globl fr_trial_by_sp\n"
	".globl fr_trial_by_fp\n"
	".globl fr_trial_end\n"
	".type fr_trial, %function\n"
	"fr_trial:\n"
	".cfi_startproc\n" STOP "\n"
	".cfi_def_cfa " STACK ", 32\n"
	".cfi_offset " RETURN ", -8\n"
	".cfi_offset " FRAME ", -16\n"
	"fr_trial_by_sp:\n" STOP "\n" STOP "\n"
	".cfi_def_cfa " FRAME ", 48\n"
	"fr_trial_by_fp:\n" STOP "\n" STOP "\n"
	".cfi_undefined " RETURN "\n"
	"fr_trial_end:\n" STOP "\n" STOP "\n"
	".cfi_endproc\n"
	".size fr_trial, . - fr_trial\n");

#define BY_SP ((uintptr_t)fr_trial_by_sp)
#define BY_FP ((uintptr_t)fr_trial_by_fp)
#define END ((uintptr_t)fr_trial_end)

/* Frames of 4 and 6 words; rules are tried by shifted registers, so there is room on both sides. */
static uintptr_t stack[64];
#define FIRST (&stack[16])
#define SECOND (FIRST + 4)
#define THIRD (SECOND + 6)

static void build_stack(void)
{
	for (size_t i = 0; i < sizeof(stack) / sizeof(*stack); i++)
		stack[i] = (uintptr_t)stack;
	FIRST[3] = BY_FP + 1; /* return addresses: they are looked up less one */
	FIRST[2] = (uintptr_t)SECOND;
	SECOND[5] = END + 1;
	SECOND[4] = (uintptr_t)THIRD;
}

/* ---- what must come out ---------------------------------------------------------------------- */

/* Whole pages are asked for. */
static bool on_stack(void *arg, uintptr_t addr)
{
	return addr >= ((uintptr_t)stack & ~(uintptr_t)(FR_PAGE - 1)) &&
	       addr < (uintptr_t)(stack + 64);
}

static bool rule_is(uintptr_t pc, struct fr_unwind_rule want)
{
	struct fr_frame f = {pc, 0, 0, true, 0};
	struct fr_unwind_rule r = fr_unwind_rule_on(&f, (uintptr_t)FIRST);

	return r.kind == want.kind && r.cfa == want.cfa && r.ra == want.ra && r.fp == want.fp;
}

static bool steps_to(struct fr_frame *f, uintptr_t pc, const uintptr_t *sp, const uintptr_t *fp)
{
	return fr_unwind_step(f, (struct fr_readable){on_stack, NULL}) && f->pc == pc &&
	       f->sp == (uintptr_t)sp && f->fp == (uintptr_t)fp;
}

static bool answers_are_right(void)
{
	struct fr_frame f = {BY_SP, (uintptr_t)FIRST, (uintptr_t)FIRST, true, 0};

	return rule_is(BY_SP,
		       (struct fr_unwind_rule){.kind = FR_RULE_SP, .cfa = 4, .ra = -1, .fp = -2}) &&
	       rule_is(BY_FP,
		       (struct fr_unwind_rule){.kind = FR_RULE_FP, .cfa = 6, .ra = -1, .fp = -2}) &&
	       rule_is(END, (struct fr_unwind_rule){.kind = FR_RULE_END}) &&
	       steps_to(&f, BY_FP + 1, SECOND, SECOND) && steps_to(&f, END + 1, THIRD, THIRD) &&
	       !fr_unwind_step(&f, (struct fr_readable){on_stack, NULL});
}

static const char *verdict(void)
{
	bool right = answers_are_right();

	if (fr_unwind_broken())
		return fr_unwind_broken();
	if (fr_unwind_calls_unknown() >= 0)
		return "a system call that is not known";
	return right ? NULL : "wrong frames";
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* As the kernel has it: given back byte by byte. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static const int fatal[] = {FR_FATAL_SIGNALS};
#define N_FATAL (sizeof(fatal) / sizeof(*fatal))

static struct kernel_action before[N_FATAL];
static struct sigaction
	before_next[N_FATAL]; /* as the next in line says: perhaps another preload */
static atomic_bool on_trial;

/* Handler meanwhile, where none of our entries is (sigentry.h): they ask fr_unwind_fault() too. */
static void on_fault(int sig, siginfo_t *si, void *uc)
{
	struct timespec ms = {0, 1000000};

	fr_unwind_fault(sig, si, uc);
	for (int i = 0; i < 3000 && atomic_load(&on_trial); i++)
		fr_sys2(SYS_nanosleep, &ms, 0);
	if (si->si_code <= 0) /* sent, and not to come again by itself */
		fr_sys4(SYS_rt_tgsigqueueinfo, fr_sys_getpid(), fr_thread_tid(), sig, si);
}

static bool read_action(int sig, struct kernel_action *a)
{
	return fr_sys4(SYS_rt_sigaction, sig, 0, a, 8) == 0;
}

static void take(size_t i)
{
	struct sigaction a = {.sa_sigaction = on_fault,
			      .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	if (FR_REAL(sigaction)(fatal[i], NULL, &before_next[i]) != 0 ||
	    !read_action(fatal[i], &before[i]) || fr_sigentry_at((void *)before_next[i].sa_handler))
		before[i].handler = (void *)on_fault; /* nothing to give back */
	else
		FR_REAL(sigaction)(fatal[i], &a, NULL);
}

/* Not over a handler that another thread has set in between. */
static void give_back(size_t i)
{
	struct kernel_action now;
	struct sigaction next;

	if (before[i].handler == (void *)on_fault || !read_action(fatal[i], &now))
		return;
	if (now.handler == (void *)on_fault)
		fr_sys4(SYS_rt_sigaction, fatal[i], &before[i], 0, 8);
	else if (FR_REAL(sigaction)(fatal[i], NULL, &next) == 0 && next.sa_sigaction == on_fault)
		FR_REAL(sigaction)(fatal[i], &before_next[i], NULL);
}

/* A fault that is blocked kills at once; one that waits for its turn is not let in. */
static uint64_t open_mask(void)
{
	uint64_t faults = 0, pending = 0, mask = 0;

	for (size_t i = 0; i < N_FATAL; i++)
		faults |= 1ull << (fatal[i] - 1);
	fr_sys2(SYS_rt_sigpending, &pending, 8);
	faults &= ~pending;
	fr_sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &faults, &mask, 8);
	return mask;
}

/*
 * Lets libunwind find rules and unwind a stack whose answers are known. NULL: all were right. Else
 * why it is not to be trusted, in a word or two.
 */
static const char *trial(void)
{
	const char *why = "the lock, which is taken";
	uint64_t signals, mask;

	build_stack();
	atomic_store(&on_trial, true);
	for (size_t i = 0; i < N_FATAL; i++)
		take(i);
	mask = open_mask();
	if (fr_lock_wait_masked(&fr_gate.unwind_lock, &signals)) {
		why = verdict();
		fr_unlock_masked(&fr_gate.unwind_lock, signals);
	}
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
	for (size_t i = 0; i < N_FATAL; i++)
		give_back(i);
	atomic_store(&on_trial, false);
	return why;
}

enum fr_unwind_kind fr_unwind_load(void)
{
	const char *why;

	FR_RUNS(FR_WHERE_ANY_THREAD);
	if (!fr_unwind_lib_open() || !fr_unwind_sandbox_make())
		return FR_UNWIND_FP;
	why = trial();
	if (!why)
		return FR_UNWIND_LIBUNWIND;
	fr_unwind_give_up(why);
	fr_unwind_lib_note("failed on trial, by ", why);
	return FR_UNWIND_FP;
}
