/* SPDX-License-Identifier: MIT */
/*
 * cfi.c - a row of call frame information as a rule, or as one step.
 *
 *   cfi_table.c  the description of the function      cfi_row.c  its row at the PC
 *   cfi_expression.c  what a row computes
 *
 * Context: under fr_gate.unwind_lock, any thread, signal handlers too. Must not: read what is not
 * under guard, for another thread may unload the object.
 */
#include "record/cfi.h"

#include "record/cfi_expression.h"
#include "record/cfi_row.h"
#include "record/unwind_guard.h"

struct question {
	const struct fr_frame *f;
	struct fr_readable ok;
	struct fr_unwind_rule rule;
	struct fr_frame caller;
	bool stepped;
};

static uintptr_t place_of(const struct fr_frame *f)
{
	return f->exact ? f->pc : f->pc - 1;
}

/* ---- a rule ---------------------------------------------------------------------------------- */

static bool fits(int64_t v, int64_t limit)
{
	return v % 8 == 0 && v / 8 > -limit && v / 8 < limit;
}

/* Return address and frame pointer at constants from the CFA, as far as they are saved? */
static bool is_plain(const struct fr_cfi_row *r)
{
	bool fp_saved = r->fp.how == FR_CFI_AT_OFFSET;

	return !r->cfa_is_expression && r->ra.how == FR_CFI_AT_OFFSET &&
	       (r->cfa_register == FR_CFI_SP || r->cfa_register == FR_CFI_FP) &&
	       (fp_saved ? r->fp.n != 0 && fits(r->fp.n, 1 << 12)
			 : r->fp.how == FR_CFI_SAME || r->fp.how == FR_CFI_UNDEFINED) &&
	       fits(r->cfa_offset, 1 << 21) && fits(r->ra.n, 1 << 12);
}

static struct fr_unwind_rule rule_of(const struct fr_cfi_row *r)
{
	struct fr_unwind_rule rule = {.kind = FR_RULE_HARD};

	if (r->ra.how == FR_CFI_UNDEFINED)
		rule.kind = FR_RULE_END;
	if (!is_plain(r))
		return rule;
	rule.kind = r->cfa_register == FR_CFI_SP ? FR_RULE_SP : FR_RULE_FP;
	rule.cfa = (int32_t)(r->cfa_offset / 8);
	rule.ra = (int16_t)(r->ra.n / 8);
	rule.fp = r->fp.how == FR_CFI_AT_OFFSET ? (int16_t)(r->fp.n / 8) : 0;
	return rule;
}

static void find_rule(void *arg)
{
	struct question *q = arg;
	uintptr_t pc = place_of(q->f);
	struct fr_cfi_function function;
	struct fr_cfi_row row;
	struct fr_object o;

	q->rule.kind = FR_RULE_NO_CFI;
	if (!fr_modules_find(pc, &o) || !fr_modules_is_code(pc) || !fr_cfi_find(&o, pc, &function))
		return;
	q->rule.kind = FR_RULE_HARD;
	if (function.signal)
		q->rule.kind = FR_RULE_SIGNAL;
	else if (fr_cfi_row_at(&function, pc, &row))
		q->rule = rule_of(&row);
}

struct fr_unwind_rule fr_cfi_rule(const struct fr_frame *f)
{
	struct question q = {.f = f};

	if (fr_unwind_guard(find_rule, &q))
		q.rule.kind = FR_RULE_UNKNOWN; /* its object is about to go, if it is not gone */
	return q.rule;
}

/* ---- a step ---------------------------------------------------------------------------------- */

static bool cfa_of(const struct question *q, const struct fr_cfi_row *r, uintptr_t *cfa)
{
	if (r->cfa_is_expression)
		return fr_cfi_evaluate(r->cfa_expression, q->f, q->ok, NULL, cfa);
	if (!fr_cfi_register(r->cfa_register, q->f, cfa))
		return false;
	*cfa += (uintptr_t)r->cfa_offset;
	return true;
}

/* The word that a column says is saved in memory. */
static bool saved_word(const struct question *q, const struct fr_cfi_column *c, uintptr_t cfa,
		       uintptr_t *word)
{
	uintptr_t at = cfa + (uintptr_t)c->n;

	if (c->how == FR_CFI_AT_EXPRESSION &&
	    !fr_cfi_evaluate(c->expression, q->f, q->ok, &cfa, &at))
		return false;
	if ((c->how != FR_CFI_AT_OFFSET && c->how != FR_CFI_AT_EXPRESSION) || (at & 7) ||
	    !q->ok.fn(q->ok.arg, at))
		return false;
	*word = *(const uintptr_t *)at;
	return true;
}

static void find_caller(void *arg)
{
	struct question *q = arg;
	uintptr_t pc = place_of(q->f);
	struct fr_cfi_function function;
	struct fr_cfi_row row;
	struct fr_object o;

	q->caller.fp = q->f->fp;
	q->stepped = fr_modules_find(pc, &o) && fr_cfi_find(&o, pc, &function) &&
		     !function.signal && fr_cfi_row_at(&function, pc, &row) &&
		     cfa_of(q, &row, &q->caller.sp) &&
		     saved_word(q, &row.ra, q->caller.sp, &q->caller.pc) && q->caller.pc &&
		     (row.fp.how == FR_CFI_SAME || row.fp.how == FR_CFI_UNDEFINED ||
		      saved_word(q, &row.fp, q->caller.sp, &q->caller.fp));
}

bool fr_cfi_step(struct fr_frame *f, struct fr_readable ok)
{
	struct question q = {.f = f, .ok = ok};

	if (fr_unwind_guard(find_caller, &q) || !q.stepped)
		return false;
	*f = q.caller;
	return true;
}
