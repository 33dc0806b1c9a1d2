/* SPDX-License-Identifier: MIT */
/*
 * unwind.h - what libunwind knows about one PC, as a rule that can be applied a million times.
 *
 * A rule says where a function, stopped at this PC, has its caller's frame: CFA = sp or fp plus a
 * constant, return address and saved frame pointer at constants from the CFA. It is found by one
 * unw_step() and checked by two more from shifted registers: only if the CFA moves exactly with sp
 * or exactly with fp is it such a rule. All else stays with libunwind (FR_RULE_HARD).
 */
#ifndef FR_UNWIND_H
#define FR_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arch.h"
#include "wire/wire.h"

enum fr_rule_kind {
	FR_RULE_UNKNOWN = 0, /* not looked up yet, or nobody could just now */
	FR_RULE_SP = 1,
	FR_RULE_FP = 2,
	FR_RULE_END = 3, /* the thread's outermost frame */
	FR_RULE_SIGNAL = 4, /* the kernel's signal frame */
	FR_RULE_NO_CFI = 5, /* no call frame information: JIT code, hand-written assembly */
	FR_RULE_HARD = 6, /* an expression, or other registers */
	FR_RULE_LINK = 7, /* the return address is still in its register: CFA = sp + constant */
};

struct fr_unwind_rule {
	uint8_t kind; /* enum fr_rule_kind */
	int8_t unused;
	int16_t ra; /* return address at CFA + 8 * ra */
	int16_t fp; /* saved frame pointer at CFA + 8 * fp; 0 = not saved */
	int32_t cfa; /* CFA = register + 8 * cfa */
};

/* One frame on the way out. exact: pc is where execution stands, not a return address. */
struct fr_frame {
	uintptr_t pc, sp, fp;
	bool exact;
	uintptr_t link; /* exact: the register of the return address, 0 = there is none */
};

/* May the word at ADDR be read? Given by the caller of the functions below. */
struct fr_readable {
	bool (*fn)(void *arg, uintptr_t addr);
	void *arg;
};

/*
 * In unwind_trial.c. Loads libunwind privately, redirects what it would do to the host and unwinds
 * a stack on trial.
 * Returns how stacks can be taken; a note says why if not LIBUNWIND. Just before main, once: it
 * calls dlopen. If it fails later, the host lives on, the header and a note say so, and it is not
 * used any more.
 */
enum fr_unwind_kind fr_unwind_load(void);

/* The rule for a frame: of its PC, nothing else is looked at. Caller holds fr_gate.unwind_lock. */
struct fr_unwind_rule fr_unwind_rule(const struct fr_frame *f);

/* The same with all registers that point into a stack at SP. */
struct fr_unwind_rule fr_unwind_rule_on(const struct fr_frame *f, uintptr_t sp);

/* One step by libunwind alone, for FR_RULE_HARD and for verification. Same lock. */
bool fr_unwind_step(struct fr_frame *f, struct fr_readable ok);

/* The stack that rules are tried on: much address space, few pages. Nothing if there is none. */
bool fr_unwind_sandbox_make(void);
void fr_unwind_sandbox_extent(uintptr_t *lo, uintptr_t *hi);

/* The registers that a signal interrupted, from the kernel's frame whose sp is F->sp. */
bool fr_unwind_signal(struct fr_frame *f, struct fr_readable ok);

/* Why libunwind is no longer called; NULL: it is fine. */
const char *fr_unwind_broken(void);
void fr_unwind_give_up(const char *why);

#endif
