/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - libunwind and its quirks; no other file knows it.
 *
 * Never DT_NEEDED: its _Unwind_* would replace the host's. It is opened with RTLD_DEEPBIND, and its
 * imports are redirected in its own GOT: a pipe that validates addresses by way of descriptors 3
 * and 4, perhaps the host's, signal masks around every lock, the loader's lock, mutexes that
 * another thread can hold at a fork. If an import is not where it should be, we do without.
 *
 * Context: fr_unwind_load at birth; the rest under fr_gate.unwind_lock, which replaces all locks
 * of libunwind's. Must not: call anything of libunwind that allocates (unw_get_proc_name).
 */
#include "unwind.h"

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <link.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "config.h"
#include "gate.h"
#include "got.h"
#include "modules.h"
#include "process.h"
#include "real.h"
#include "sys.h"

/* The library's functions by their real names (libunwind.h renames them per architecture). */
#define STR_(x) #x
#define STR(x) STR_(x)
#define UNW_FUNCTIONS(F)                                                                           \
	F(unw_init_local2)                                                                         \
	F(unw_step)                                                                                \
	F(unw_get_reg)                                                                             \
	F(unw_get_save_loc)                                                                        \
	F(unw_get_proc_info)                                                                       \
	F(unw_is_signal_frame)

#define F(fn) __typeof__(&fn) fn##_p;
static struct {
	UNW_FUNCTIONS(F)
} lib;
#undef F

#if defined(__x86_64__)
#define REG_PC UNW_X86_64_RIP
#define REG_STACK UNW_X86_64_RSP
#define REG_FRAME UNW_X86_64_RBP
#elif defined(__aarch64__)
#define REG_PC UNW_AARCH64_X30
#define REG_STACK UNW_AARCH64_SP
#define REG_FRAME UNW_AARCH64_X29
#endif

/* ---- what libunwind calls instead of libc ---------------------------------------------------- */

static struct fr_readable probe; /* of the walk under way */
static uintptr_t looking_at; /* PC of the frame under way */

/* "A pipe": the numbers are never used, see my_write and my_read. */
static int my_pipe2(int fds[2], int flags)
{
	fds[0] = fds[1] = -1;
	return 0;
}

/* libunwind repeats a call while errno is EINTR, which the host's may be: so errno is set here. */
static long my_read(int fd, void *buf, size_t n)
{
	errno = EAGAIN;
	return -1;
}

/* syscall(SYS_write, pipe, addr, 1): is ADDR readable? */
static long my_syscall(long nr, long fd, const void *addr, long n)
{
	errno = EFAULT;
	return probe.fn && probe.fn(probe.arg, (uintptr_t)addr) ? n : -1;
}

static long my_write(int fd, const void *addr, size_t n)
{
	return my_syscall(0, fd, addr, (long)n);
}

/* mincore and msync over a page: the same question. */
static int my_mincore(void *addr, size_t n, unsigned char *vec)
{
	if (vec)
		*vec = 1;
	return 0;
}

static int my_msync(void *addr, size_t n, int flags)
{
	return 0;
}

static int my_sigprocmask(int how, const void *set, void *old)
{
	return 0;
}

static int my_mutex(void *m)
{
	return 0;
}

/* Only the object that covers the PC in question, found without the loader's lock. */
static int my_dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	struct dl_phdr_info info = {0};
	struct fr_object o;

	if (!fr_modules_find(looking_at, &o))
		return 0;
	info.dlpi_addr = o.bias;
	info.dlpi_name = o.name ? o.name : "";
	info.dlpi_phdr = o.phdr;
	info.dlpi_phnum = o.n_phdr;
	info.dlpi_adds = fr_modules_generation;
	return callback(&info, sizeof(info), arg);
}

static const struct fr_redirect redirects[] = {
	{"dl_iterate_phdr", my_dl_iterate_phdr, true},
	{"sigprocmask", my_sigprocmask, true},
	{"pthread_mutex_lock", my_mutex, true},
	{"pthread_mutex_unlock", my_mutex, true},
	{"pipe2", my_pipe2, false},
	{"pipe", my_pipe2, false},
	{"read", my_read, false},
	{"write", my_write, false},
	{"syscall", my_syscall, false},
	{"mincore", my_mincore, false},
	{"msync", my_msync, false},
};
#define N_REDIRECTS (sizeof(redirects) / sizeof(*redirects))

/* ---- loading --------------------------------------------------------------------------------- */

static bool redirected(void *handle)
{
	struct link_map *map = NULL;
	uint32_t found;

	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return false;
	found = fr_got_redirect(map, redirects, N_REDIRECTS);
	for (size_t k = 0; k < N_REDIRECTS; k++) {
		if (redirects[k].must && !(found & 1u << k)) {
			fr_note("libunwind does not import ", redirects[k].name, ": not used");
			return false;
		}
	}
	return true;
}

static bool find_functions(void *handle)
{
#define F(fn)                                                                                      \
	lib.fn##_p = (__typeof__(lib.fn##_p))dlsym(handle, STR(fn));                               \
	if (!lib.fn##_p)                                                                           \
		return false;
	UNW_FUNCTIONS(F)
#undef F
	return true;
}

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
	looking_at = pc;
}

static bool start(const struct fr_frame *f, struct fr_readable ok)
{
	probe = ok;
	set_context(f);
	return lib.unw_init_local2_p(&cursor, &context, UNW_INIT_SIGNAL_FRAME) == 0;
}

static uintptr_t saved_at(int reg)
{
	unw_save_loc_t loc;

	if (lib.unw_get_save_loc_p(&cursor, reg, &loc) != 0 || loc.type != UNW_SLT_MEMORY)
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

	s.rc = lib.unw_step_p(&cursor);
	if (s.rc < 0)
		return s;
	lib.unw_get_reg_p(&cursor, UNW_REG_SP, &cfa);
	lib.unw_get_reg_p(&cursor, UNW_REG_IP, &pc);
	s.ra_at = saved_at(REG_PC);
	s.fp_at = saved_at(REG_FRAME);
	s.pc = pc;
	s.cfa = cfa;
	return s;
}

static struct step shifted(const struct fr_frame *f, uintptr_t by_sp, uintptr_t by_fp,
			   struct fr_readable ok)
{
	struct fr_frame g = *f;
	struct step s = {.rc = -1};

	g.sp += by_sp;
	g.fp += by_fp;
	return start(&g, ok) ? do_step() : s;
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

static struct fr_rule rule_from(const struct fr_frame *f, const struct step *s,
				struct fr_readable ok)
{
	enum fr_rule_kind kind = base_of(f, s, ok);
	int64_t cfa = (int64_t)(s->cfa - (kind == FR_RULE_FP ? f->fp : f->sp));
	int64_t ra = (int64_t)(s->ra_at - s->cfa);
	int64_t fp = s->fp_at ? (int64_t)(s->fp_at - s->cfa) : 0;
	struct fr_rule r = {.kind = (uint8_t)kind};

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
#define SANDBOX_LOW (32u << 10)
#define SANDBOX_SIZE (SANDBOX_LOW + (17u << 20))
static uint8_t *sandbox;

static bool make_sandbox(void)
{
	sandbox = fr_sys_mmap(SANDBOX_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!sandbox)
		return false;
	fr_sys_madvise(sandbox, SANDBOX_SIZE, MADV_DONTDUMP);
	return true;
}

/* Its stack pointer. It is filled for the first rule: many programs end before. Under the lock. */
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

static struct fr_rule find_rule(const struct fr_frame *at)
{
	struct fr_frame tame = *at, *f = &tame;
	struct fr_readable ok = {always, NULL};
	struct fr_rule r = {.kind = FR_RULE_HARD};
	unw_proc_info_t info;
	struct step s;

	tame.sp = tame.fp = sandbox_sp();
	if (!fr_modules_is_code(f->exact ? f->pc : f->pc - 1))
		return (struct fr_rule){.kind = FR_RULE_NO_CFI}; /* its code would be read */
	if (!start(f, ok))
		return r;
	if (lib.unw_is_signal_frame_p(&cursor) > 0)
		return (struct fr_rule){.kind = FR_RULE_SIGNAL};
	if (lib.unw_get_proc_info_p(&cursor, &info) != 0) {
		r.kind = FR_RULE_NO_CFI;
		return r;
	}
	s = do_step();
	if (s.rc < 0)
		return r;
	if (!s.ra_at) {
		r.kind = FR_RULE_END;
		return r;
	}
	return rule_from(f, &s, ok);
}

enum fr_unwind_kind fr_unwind_load(void)
{
	int deep = fr_process.sanitized ? 0 : RTLD_DEEPBIND;
	void *h = FR_REAL(dlopen)("libunwind.so.8", RTLD_NOW | deep);

	if (!h)
		fr_note("libunwind.so.8 cannot be loaded: stacks by frame pointers only", "", "");
	else if (!find_functions(h))
		fr_note("libunwind.so.8 lacks a function: stacks by frame pointers only", "", "");
	else if (redirected(h) && make_sandbox())
		return FR_UNWIND_LIBUNWIND;
	return FR_UNWIND_FP;
}

struct fr_rule fr_unwind_rule(const struct fr_frame *f)
{
	int saved = errno;
	struct fr_rule r = find_rule(f);

	errno = saved;
	return r;
}

bool fr_unwind_step(struct fr_frame *f, struct fr_readable ok)
{
	struct fr_frame tame = *f;
	struct step s = {.rc = -1};
	int saved = errno;

	if (!fr_modules_is_code(f->exact ? f->pc : f->pc - 1))
		return false;
	if (!ok.fn(ok.arg, f->fp))
		tame.fp = f->sp;
	if (start(&tame, ok))
		s = do_step();
	errno = saved;
	if (s.rc <= 0 || !s.pc || (s.fp_at && !ok.fn(ok.arg, s.fp_at)))
		return false;
	*f = (struct fr_frame){s.pc, s.cfa, s.fp_at ? *(const uintptr_t *)s.fp_at : f->fp, false};
	return true;
}

bool fr_unwind_signal(struct fr_frame *f, struct fr_readable ok)
{
	/* the kernel's rt_sigframe: after the handler's return sp points at its ucontext */
	const ucontext_t *uc = (const ucontext_t *)f->sp;
	struct fr_site s;

	if (!ok.fn(ok.arg, f->sp) || !ok.fn(ok.arg, f->sp + sizeof(uc->uc_mcontext)))
		return false;
	s = fr_arch_ucontext_site(uc);
	*f = (struct fr_frame){s.pc, s.sp, s.fp, true};
	return true;
}
