/* SPDX-License-Identifier: MIT */
/*
 * test_cfi.c - the recorder's reader of call frame information (preload/record/cfi*.c) beside
 * libunwind: at every PC of the libraries that are loaded here both have the same answer.
 *
 * The stack is an array whose words point into it, each another one; nothing is executed. Registers
 * but pc, sp and fp are sp, as far as libunwind is concerned; the recorder does not know them, and
 * where a rule asks for one, says so.
 */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <libunwind.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "preload/record/cfi.h"
#include "preload/record/cfi_row.h"
#include "preload/record/modules.h"
#include "preload/record/unwind_guard.h"

#if defined(__x86_64__)
#define REG_PC UNW_X86_64_RIP
#define REG_FP UNW_X86_64_RBP
#elif defined(__aarch64__)
#define REG_PC UNW_AARCH64_X30
#define REG_FP UNW_AARCH64_X29
#endif

#define SIZE (64ul << 20)
#define BELOW (32ul << 20)
static uintptr_t *memory;
static const char *const libraries[] = {"libcrypto.so.3", "libstdc++.so.6", "libm.so.6",
					"libgcc_s.so.1"};

/* ---- stand-ins ------------------------------------------------------------------------------- */

static struct fr_object object; /* under test */

bool fr_modules_find(uintptr_t pc, struct fr_object *out)
{
	*out = object;
	return pc >= object.base && pc < object.end;
}

bool fr_modules_is_code(uintptr_t pc)
{
	return pc >= object.base && pc < object.end;
}

const char *fr_unwind_guard(void (*fn)(void *), void *arg)
{
	fn(arg);
	return NULL;
}

/* ---- what libunwind says --------------------------------------------------------------------- */

struct answer {
	bool known;
	uintptr_t cfa, ra_at, fp_at; /* 0 = not in memory */
};

static unw_context_t context;

static void set_registers(const struct fr_frame *f)
{
#if defined(__x86_64__)
	for (unsigned int i = 0; i < NGREG; i++)
		context.uc_mcontext.gregs[i] = (greg_t)f->sp;
	context.uc_mcontext.gregs[REG_RIP] = (greg_t)f->pc;
	context.uc_mcontext.gregs[REG_RBP] = (greg_t)f->fp;
#elif defined(__aarch64__)
	for (unsigned int i = 0; i < 31; i++)
		context.uc_mcontext.regs[i] = f->sp;
	context.uc_mcontext.pc = f->pc;
	context.uc_mcontext.sp = f->sp;
	context.uc_mcontext.regs[29] = f->fp;
#endif
}

static uintptr_t saved_at(unw_cursor_t *c, int reg)
{
	unw_save_loc_t loc;

	if (unw_get_save_loc(c, reg, &loc) != 0 || loc.type != UNW_SLT_MEMORY ||
	    loc.u.addr - (uintptr_t)&context < sizeof(context))
		return 0;
	return loc.u.addr;
}

static struct answer libunwind_says(const struct fr_frame *f)
{
	struct answer a = {0};
	unw_cursor_t c;
	unw_word_t cfa = 0;

	set_registers(f);
	if (unw_init_local2(&c, &context, UNW_INIT_SIGNAL_FRAME) != 0 || unw_step(&c) < 0)
		return a;
	unw_get_reg(&c, UNW_REG_SP, &cfa);
	return (struct answer){true, cfa, saved_at(&c, REG_PC), saved_at(&c, REG_FP)};
}

/* ---- what we say ----------------------------------------------------------------------------- */

static bool on_stack(void *arg, uintptr_t addr)
{
	(void)arg;
	return addr >= (uintptr_t)memory && addr < (uintptr_t)memory + SIZE;
}

static bool same_rule(const struct fr_frame *f, struct fr_unwind_rule r, struct answer a)
{
	uintptr_t cfa = (r.kind == FR_RULE_SP ? f->sp : f->fp) + 8 * (intptr_t)r.cfa;

	return a.known && a.cfa == cfa && a.ra_at == cfa + 8 * (intptr_t)r.ra &&
	       a.fp_at == (r.fp ? cfa + 8 * (intptr_t)r.fp : 0);
}

static bool same_step(const struct fr_frame *f, const struct fr_frame *caller, struct answer a)
{
	uintptr_t fp = a.fp_at ? *(const uintptr_t *)a.fp_at : f->fp;

	return a.known && a.ra_at && caller->sp == a.cfa &&
	       caller->pc == *(const uintptr_t *)a.ra_at && caller->fp == fp;
}

static unsigned long n_asked, n_plain, n_hard, n_unknown, n_wrong;

static void wrong(const struct fr_frame *f, struct fr_unwind_rule r, struct answer a)
{
	if (n_wrong++ < 20)
		print_message("%s+0x%lx: kind %d cfa %d ra %d fp %d; libunwind %d cfa %ld ra %ld "
			      "fp %ld\n",
			      object.name, f->pc - object.bias, r.kind, r.cfa, r.ra, r.fp, a.known,
			      (long)(a.cfa - f->sp) / 8, (long)(a.ra_at - a.cfa) / 8,
			      a.fp_at ? (long)(a.fp_at - a.cfa) / 8 : 0);
}

/* What cannot be known is not asked of libunwind: it would follow any register. */
static void compare_computed(const struct fr_frame *f, struct fr_unwind_rule r)
{
	struct fr_frame caller = *f;
	struct answer a;

	n_hard++;
	if (!fr_cfi_step(&caller, (struct fr_readable){on_stack, NULL})) {
		n_unknown++;
		return;
	}
	a = libunwind_says(f);
	if (!same_step(f, &caller, a))
		wrong(f, r, a);
}

static void compare(uintptr_t pc)
{
	struct fr_frame f = {pc, (uintptr_t)memory + BELOW, (uintptr_t)memory + BELOW + 4096, true};
	struct fr_unwind_rule r = fr_cfi_rule(&f);
	struct answer a;

	n_asked++;
	if (r.kind == FR_RULE_HARD) {
		compare_computed(&f, r);
		return;
	}
	n_plain++;
	a = libunwind_says(&f);
	if (r.kind == FR_RULE_END ? a.ra_at != 0 : !same_rule(&f, r, a))
		wrong(&f, r, a);
}

/* ---- every PC -------------------------------------------------------------------------------- */

static unsigned int stride = 1;

/* Code that libunwind has an answer for although nothing describes it is not asked about. */
static void compare_segment(uintptr_t lo, uintptr_t hi)
{
	struct fr_cfi_function f;

	for (uintptr_t pc = lo; pc < hi; pc += stride) {
		if (fr_cfi_find(&object, pc, &f) && !f.signal)
			compare(pc);
	}
}

static int each_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *const *wanted = arg;
	struct fr_object o = {0,
			      UINTPTR_MAX,
			      info->dlpi_addr,
			      info->dlpi_phdr,
			      info->dlpi_phnum,
			      info->dlpi_name};

	(void)size;
	if (!strstr(info->dlpi_name, *wanted))
		return 0;
	object = o;
	for (uint16_t i = 0; i < o.n_phdr; i++) {
		uintptr_t lo = o.bias + o.phdr[i].p_vaddr;

		if (o.phdr[i].p_type == PT_LOAD && (o.phdr[i].p_flags & PF_X))
			compare_segment(lo, lo + o.phdr[i].p_memsz);
	}
	return 1;
}

static void as_libunwind(const char *name, unsigned int step)
{
	stride = step;
	n_asked = n_plain = n_hard = n_unknown = n_wrong = 0;
	dl_iterate_phdr(each_object, &name);
	print_message("%s: %lu PCs, %lu plain, %lu computed, %lu unknown, %lu wrong\n", name,
		      n_asked, n_plain, n_hard, n_unknown, n_wrong);
	assert_true(n_asked > 1000);
	assert_int_equal(n_wrong, 0);
	assert_true(n_plain > n_asked - n_asked / 8);
	assert_true(n_unknown < n_asked / 30);
}

static void libc_is_read_as_by_libunwind(void **state)
{
	(void)state;
	as_libunwind("/libc.so.6", 3);
	as_libunwind("/ld-linux", 1);
}

static void libraries_are_read_as_by_libunwind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		if (dlopen(libraries[i], RTLD_NOW))
			as_libunwind(libraries[i], 29);
	}
}

static int begin(void **state)
{
	(void)state;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	for (size_t i = (BELOW - (1ul << 20)) / 8; i < (BELOW + (1ul << 20)) / 8; i++)
		memory[i] = (uintptr_t)&memory[i + 1024];
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libc_is_read_as_by_libunwind),
		cmocka_unit_test(libraries_are_read_as_by_libunwind),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
