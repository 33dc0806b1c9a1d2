/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - rules and steps, as libunwind knows them.
 *
 *   unwind_lib.c    the library: loaded privately, its functions
 *   unwind_calls.c  what it calls instead of libc
 *   unwind_guard.c  the way out of it when it faults
 *   unwind_trial.c  a stack that it must unwind before it is trusted
 *
 * Context: fr_unwind_load just before main; the rest under fr_gate.unwind_lock, which replaces all
 * locks of libunwind's. Must not: call anything of libunwind that allocates (unw_get_proc_name), or
 * that is not under guard.
 */
#include "record/unwind.h"

#include <errno.h>
#include <string.h>
#include <ucontext.h>

#include "core/check.h"
#include "core/config.h"
#include "core/gate.h"
#include "core/sys.h"
#include "record/cfi.h"
#include "record/modules.h"
#include "record/unwind_calls.h"
#include "record/unwind_guard.h"
#include "record/unwind_lib.h"
#include "store/describe.h"
#include "store/region.h"

#if defined(__x86_64__)
#define REG_PC UNW_X86_64_RIP
#define REG_STACK UNW_X86_64_RSP
#define REG_FRAME UNW_X86_64_RBP
#define RETURN_BELOW_CFA 8 /* where libunwind 1.3 does not say */
#elif defined(__aarch64__)
#define REG_PC UNW_AARCH64_X30
#define REG_STACK UNW_AARCH64_SP
#define REG_FRAME UNW_AARCH64_X29
#define RETURN_BELOW_CFA 0 /* it always says */
#endif

/* ---- one step -------------------------------------------------------------------------------- */

/*
 * libunwind's structures are 2 KiB: too much for a host's 16 KiB stacks. One of each suffices,
 * because of the lock.
 */
static unw_cursor_t cursor;
static unw_context_t context;

struct step {
	int rc; /* of unw_step */
	uintptr_t pc, cfa;
	uintptr_t ra_at; /* 0 = undefined */
	uintptr_t fp_at; /* 0 = still in the register */
};

/*
 * libunwind reads what the call frame information tells it to, unchecked: through any register that
 * is not a pointer it would take the host down. So all registers but sp and fp are sp too, and what
 * is read lies on the stack.
 */
static void set_context(const struct fr_frame *f)
{
	uintptr_t pc = f->exact ? f->pc : f->pc - 1;

#if defined(__x86_64__)
	for (unsigned int i = 0; i < NGREG; i++)
		context.uc_mcontext.gregs[i] = (greg_t)f->sp;
	context.uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
	context.uc_mcontext.gregs[REG_RSP] = (greg_t)f->sp;
	context.uc_mcontext.gregs[REG_RBP] = (greg_t)f->fp;
#elif defined(__aarch64__)
	for (unsigned int i = 0; i < 31; i++)
		context.uc_mcontext.regs[i] = f->sp;
	context.uc_mcontext.pc = pc;
	context.uc_mcontext.sp = f->sp;
	context.uc_mcontext.regs[29] = f->fp;
#endif
}

/* It keeps what it has found by address, and does not see that another object lies there now. */
static void forget_the_unloaded(void)
{
	static uint32_t known;
	uint32_t now = fr_modules_generation;

	if (known && known != now)
		fr_unwind_lib.unw_flush_cache_p(*fr_unwind_lib.space, 0, 0);
	known = now;
}

static bool start(const struct fr_frame *f, struct fr_readable ok)
{
	fr_unwind_calls_begin(ok, f->exact ? f->pc : f->pc - 1);
	forget_the_unloaded();
	set_context(f);
	return fr_unwind_lib.unw_init_local2_p(&cursor, &context, UNW_INIT_SIGNAL_FRAME) == 0;
}

static uintptr_t saved_at(int reg)
{
	unw_save_loc_t loc;

	if (fr_unwind_lib.unw_get_save_loc_p(&cursor, reg, &loc) != 0 || loc.type != UNW_SLT_MEMORY)
		return 0;
	/* still in a register: libunwind calls its place in our context "memory" */
	if (loc.u.addr - (uintptr_t)&context < sizeof(context))
		return 0;
	return loc.u.addr;
}

static struct step do_step(void)
{
	struct step s = {0};
	unw_word_t pc = 0, cfa = 0;

	s.rc = fr_unwind_lib.unw_step_p(&cursor);
	if (s.rc < 0)
		return s;
	fr_unwind_lib.unw_get_reg_p(&cursor, UNW_REG_SP, &cfa);
	fr_unwind_lib.unw_get_reg_p(&cursor, UNW_REG_IP, &pc);
	s.ra_at = saved_at(REG_PC);
	s.fp_at = saved_at(REG_FRAME);
	s.pc = pc;
	s.cfa = cfa;
	return s;
}

/*
 * A step for a rule. libunwind 1.3 does not say where the return address was read: there, if
 * it stands where it must. On the stacks that rules are tried on no word is 0, which is what an
 * undefined one becomes.
 */
static struct step rule_step(const struct fr_frame *f)
{
	struct step s = do_step();
	uintptr_t at = s.cfa - RETURN_BELOW_CFA;

	if (RETURN_BELOW_CFA && s.rc >= 0 && !s.ra_at && at >= f->sp && at % 8 == 0 &&
	    *(uintptr_t *)at == s.pc)
		s.ra_at = at;
	return s;
}

static struct step shifted(const struct fr_frame *f, uintptr_t by_sp, uintptr_t by_fp,
			   struct fr_readable ok)
{
	struct fr_frame g = *f;
	struct step s = {.rc = -1};

	g.sp += by_sp;
	g.fp += by_fp;
	return start(&g, ok) ? rule_step(&g) : s;
}

#define SHIFT 64u /* keeps the alignment that a realigning prologue asks for */

/* Which register does the CFA go with? */
static enum fr_rule_kind base_of(const struct fr_frame *f, const struct step *s,
				 struct fr_readable ok)
{
	struct step by_sp = shifted(f, SHIFT, 0, ok);
	struct step by_fp = shifted(f, 0, SHIFT, ok);
	uintptr_t d_sp = by_sp.cfa - s->cfa;
	uintptr_t d_fp = by_fp.cfa - s->cfa;

	if (by_sp.rc < 0 || by_fp.rc < 0)
		return FR_RULE_HARD;
	if (d_sp == SHIFT && d_fp == 0 && by_sp.ra_at - s->ra_at == SHIFT)
		return FR_RULE_SP;
	if (d_fp == SHIFT && d_sp == 0 && by_fp.ra_at - s->ra_at == SHIFT)
		return FR_RULE_FP;
	return FR_RULE_HARD;
}

static bool fits(int64_t v, int64_t limit)
{
	return v % 8 == 0 && v / 8 > -limit && v / 8 < limit;
}

static struct fr_unwind_rule rule_from(const struct fr_frame *f, const struct step *s,
				       struct fr_readable ok)
{
	enum fr_rule_kind kind = base_of(f, s, ok);
	int64_t cfa = (int64_t)(s->cfa - (kind == FR_RULE_FP ? f->fp : f->sp));
	int64_t ra = (int64_t)(s->ra_at - s->cfa);
	int64_t fp = s->fp_at ? (int64_t)(s->fp_at - s->cfa) : 0;
	struct fr_unwind_rule r = {.kind = (uint8_t)kind};

	if (kind == FR_RULE_HARD || !fits(cfa, 1 << 21) || !fits(ra, 1 << 12) ||
	    !fits(fp, 1 << 12)) {
		r.kind = FR_RULE_HARD;
		return r;
	}
	r.cfa = (int32_t)(cfa / 8);
	r.ra = (int16_t)(ra / 8);
	r.fp = (int16_t)(fp / 8);
	return r;
}

/*
 * A rule is a function of the PC alone. So the host's registers, which may hold anything, stay out
 * of it: all point into a stack of our own. Near sp its words point back there, for expressions
 * that go through one; above there are zeros, as far as the biggest frame a rule can hold.
 */
#define SANDBOX_LOW (FR_PAGE_MAX > (32u << 10) ? FR_PAGE_MAX : 32u << 10)
#define SANDBOX_SIZE (SANDBOX_LOW + (17u << 20))
static uint8_t *sandbox;

bool fr_unwind_sandbox_make(void)
{
	sandbox = fr_sys_mmap(SANDBOX_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!sandbox)
		return false;
	fr_sys_madvise(sandbox, SANDBOX_SIZE, MADV_DONTDUMP);
	/* of zeros that nobody writes the kernel keeps no account: RLIMIT_DATA stays the host's */
	fr_sys3(SYS_mprotect, sandbox + SANDBOX_LOW, SANDBOX_SIZE - SANDBOX_LOW, PROT_READ);
	return true;
}

/* Its stack pointer. It is filled for the first rule: many programs end before. Under the lock. */
void fr_unwind_sandbox_extent(uintptr_t *lo, uintptr_t *hi)
{
	*lo = (uintptr_t)sandbox;
	*hi = sandbox ? *lo + SANDBOX_SIZE : 0;
}

static uintptr_t sandbox_sp(void)
{
	uintptr_t *word = (uintptr_t *)sandbox, n = SANDBOX_LOW / sizeof(*word);
	uintptr_t sp = (uintptr_t)(word + n / 2);

	for (uintptr_t i = 0; word[n - 1] != sp; i++) /* the last one is the sign */
		word[i] = sp;
	return sp;
}

static bool always(void *arg, uintptr_t addr)
{
	return true;
}

/*
 * On x86-64 libunwind has an answer for code without call frame information too (V8's builtins,
 * hand-written assembly): a range of one byte that nothing describes. What it would do there is
 * guess, by the frame pointer as we do, but each time anew.
 */
static bool has_cfi(void)
{
	unw_proc_info_t info = {0};

	return fr_unwind_lib.unw_get_proc_info_p(&cursor, &info) == 0 &&
	       (info.unwind_info || info.end_ip - info.start_ip > 1);
}

static struct fr_unwind_rule find_rule(const struct fr_frame *f)
{
	struct fr_readable ok = {always, NULL};
	struct fr_unwind_rule r = {.kind = FR_RULE_HARD};
	struct step s;

	if (!start(f, ok))
		return r;
	if (fr_unwind_lib.unw_is_signal_frame_p(&cursor) > 0)
		return (struct fr_unwind_rule){.kind = FR_RULE_SIGNAL};
	if (!has_cfi()) {
		r.kind = FR_RULE_NO_CFI;
		return r;
	}
	s = rule_step(f);
	if (s.rc < 0)
		return r;
	if (!s.ra_at) {
		r.kind = FR_RULE_END;
		return r;
	}
	return rule_from(f, &s, ok);
}

/* ---- under guard ----------------------------------------------------------------------------- */

static const char *broken;

const char *fr_unwind_broken(void)
{
	return broken;
}

/* Under the lock. Rules that it has given stay: they were true. */
void fr_unwind_give_up(const char *why)
{
	broken = why;
	if (fr_region.hdr->unwind_kind != FR_UNWIND_LIBUNWIND)
		return; /* still on trial */
	fr_region.hdr->unwind_kind = FR_UNWIND_FP;
	fr_unwind_lib_note("failed later, by ", why);
	fr_describe_notes();
}

struct asked {
	const struct fr_frame *f;
	struct fr_readable ok;
	struct fr_unwind_rule rule;
	struct step step;
	bool unknown; /* libunwind finds no call frame information */
};

static void ask_rule(void *arg)
{
	struct asked *a = arg;

	a->rule = find_rule(a->f);
}

static void ask_step(void *arg)
{
	struct asked *a = arg;

	if (!start(a->f, a->ok))
		return;
	a->unknown = FR_SIGNS_RETURNS && !has_cfi();
	if (!a->unknown)
		a->step = do_step();
}

/* False: libunwind is not to be used, from now on if not before. */
static bool ask(void (*fn)(void *), struct asked *a)
{
	int saved = errno;
	const char *why = broken ? broken : fr_unwind_guard(fn, a);

	errno = saved;
	if (why && !broken)
		fr_unwind_give_up(why);
	return !why;
}

struct fr_unwind_rule fr_unwind_rule_on(const struct fr_frame *f, uintptr_t sp)
{
	struct fr_frame tame = {f->pc, sp, sp, f->exact, 0};
	struct asked a = {.f = &tame};

	if (!fr_modules_is_code(f->exact ? f->pc : f->pc - 1) || /* its code would be read */
	    !ask(ask_rule, &a))
		return (struct fr_unwind_rule){.kind = FR_RULE_NO_CFI};
	return a.rule;
}

struct fr_unwind_rule fr_unwind_rule(const struct fr_frame *f)
{
	struct fr_unwind_rule r = fr_unwind_rule_on(f, sandbox_sp());

	if (FR_SIGNS_RETURNS && (r.kind == FR_RULE_NO_CFI || r.kind == FR_RULE_END))
		r = fr_cfi_rule(f);
	return r;
}

bool fr_unwind_step(struct fr_frame *f, struct fr_readable ok)
{
	struct fr_frame tame = *f;
	struct asked a = {.f = &tame, .ok = ok, .step.rc = -1};
	const struct step *s = &a.step;

	if (!fr_modules_is_code(f->exact ? f->pc : f->pc - 1))
		return false;
	if (!ok.fn(ok.arg, f->fp))
		tame.fp = f->sp;
	if (ask(ask_step, &a) && a.unknown)
		return fr_cfi_step(f, ok);
	if (fr_unwind_broken() || s->rc <= 0 || !s->pc || (s->fp_at && !ok.fn(ok.arg, s->fp_at)))
		return false;
	*f = (struct fr_frame){fr_arch_strip(s->pc), s->cfa,
			       s->fp_at ? *(const uintptr_t *)s->fp_at : f->fp, false, 0};
	return true;
}

bool fr_unwind_signal(struct fr_frame *f, struct fr_readable ok)
{
	const ucontext_t *uc = fr_arch_signal_context(f->sp);
	struct fr_site s;

	if (!ok.fn(ok.arg, f->sp) || !ok.fn(ok.arg, (uintptr_t)(&uc->uc_mcontext + 1) - 8))
		return false;
	s = fr_arch_ucontext_site(uc);
	*f = (struct fr_frame){s.pc, s.sp, s.fp, true, fr_arch_ucontext_link(uc)};
	return true;
}
