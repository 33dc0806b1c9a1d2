/* SPDX-License-Identifier: MIT */
/*
 * cfi_row.c - runs the programs of call frame information (DWARF 5, 6.4) up to one PC.
 *
 * Context: any, on 1 KiB of stack. Must not: take an instruction that it does not know for another.
 */
#include "record/cfi_row.h"

#define DEPTH 6 /* rows remembered within each other */

struct machine {
	const struct fr_cfi_function *f;
	struct fr_bytes b;
	uintptr_t at, pc; /* where the row begins to hold; the one asked for */
	struct fr_cfi_row row, first; /* first: after the common program */
	struct fr_cfi_row kept[DEPTH];
	unsigned int n_kept;
	bool done, failed;
};

/* The columns that nobody asks for are written here. */
static struct fr_cfi_column *column(struct machine *m, uint64_t reg)
{
	static struct fr_cfi_column unused;

	return reg == m->f->ra ? &m->row.ra : reg == FR_CFI_FP ? &m->row.fp : &unused;
}

static void set(struct machine *m, uint64_t reg, enum fr_cfi_how how, int64_t n)
{
	*column(m, reg) = (struct fr_cfi_column){.how = how, .n = n};
}

static void set_expression(struct machine *m, uint64_t reg, enum fr_cfi_how how)
{
	struct fr_bytes e = fr_bytes_part(&m->b, fr_bytes_uleb(&m->b));

	*column(m, reg) = (struct fr_cfi_column){how, 0, e};
}

static void restore(struct machine *m, uint64_t reg)
{
	if (reg == m->f->ra)
		m->row.ra = m->first.ra;
	else if (reg == FR_CFI_FP)
		m->row.fp = m->first.fp;
}

/* The next row begins at AT; the one before is the answer if PC lies below. */
static void advance_to(struct machine *m, uintptr_t at)
{
	m->done = at > m->pc;
	m->at = at;
}

static void advance(struct machine *m, uint64_t n)
{
	advance_to(m, m->at + n * m->f->code_align);
}

static void keep(struct machine *m)
{
	if (m->n_kept < DEPTH)
		m->kept[m->n_kept++] = m->row;
	else
		m->failed = true;
}

static void take_back(struct machine *m)
{
	if (m->n_kept)
		m->row = m->kept[--m->n_kept];
	else
		m->failed = true;
}

static void cfa_by(struct machine *m, uint64_t reg, int64_t offset)
{
	m->row.cfa_is_expression = false;
	m->row.cfa_register = reg;
	m->row.cfa_offset = offset;
}

/* What sets the CFA. False: it is no such instruction. */
static bool of_cfa(struct machine *m, uint8_t op)
{
	struct fr_bytes *b = &m->b;
	uint64_t reg = 0;

	switch (op) {
	case 0x0c: /* def_cfa */
		reg = fr_bytes_uleb(b);
		cfa_by(m, reg, (int64_t)fr_bytes_uleb(b));
		return true;
	case 0x12: /* def_cfa_sf */
		reg = fr_bytes_uleb(b);
		cfa_by(m, reg, fr_bytes_sleb(b) * m->f->data_align);
		return true;
	case 0x0d: /* def_cfa_register */
		cfa_by(m, fr_bytes_uleb(b), m->row.cfa_offset);
		return true;
	case 0x0e: /* def_cfa_offset */
		m->row.cfa_offset = (int64_t)fr_bytes_uleb(b);
		return true;
	case 0x13: /* def_cfa_offset_sf */
		m->row.cfa_offset = fr_bytes_sleb(b) * m->f->data_align;
		return true;
	case 0x0f: /* def_cfa_expression */
		m->row.cfa_is_expression = true;
		m->row.cfa_expression = fr_bytes_part(b, fr_bytes_uleb(b));
		return true;
	default:
		return false;
	}
}

/* What sets one column. */
static bool of_register(struct machine *m, uint8_t op)
{
	struct fr_bytes *b = &m->b;
	uint64_t reg;

	if ((op < 0x05 || op > 0x10 || op == 0x0a || op == 0x0b) && op != 0x11 && op != 0x14 &&
	    op != 0x15 && op != 0x16 && op != 0x2f)
		return false;
	reg = fr_bytes_uleb(b);
	if (op == 0x05 || op == 0x2f) /* offset_extended, GNU_negative_offset_extended */
		set(m, reg, FR_CFI_AT_OFFSET,
		    (op == 0x05 ? 1 : -1) * (int64_t)fr_bytes_uleb(b) * m->f->data_align);
	else if (op == 0x11) /* offset_extended_sf */
		set(m, reg, FR_CFI_AT_OFFSET, fr_bytes_sleb(b) * m->f->data_align);
	else if (op == 0x06) /* restore_extended */
		restore(m, reg);
	else if (op == 0x07 || op == 0x08) /* undefined, same_value */
		set(m, reg, op == 0x07 ? FR_CFI_UNDEFINED : FR_CFI_SAME, 0);
	else if (op == 0x10 || op == 0x16) /* expression, val_expression */
		set_expression(m, reg, op == 0x10 ? FR_CFI_AT_EXPRESSION : FR_CFI_OTHER);
	else /* register, val_offset, val_offset_sf: one number each */
		set(m, reg, FR_CFI_OTHER, (int64_t)fr_bytes_uleb(b));
	return true;
}

/* What changes the place, or nothing that is asked for. */
static bool of_place(struct machine *m, uint8_t op)
{
	struct fr_bytes *b = &m->b;

	switch (op) {
	case 0x00: /* nop */
	case 0x2d: /* GNU_window_save; AARCH64_negate_ra_state */
		return true;
	case 0x01: /* set_loc */
		advance_to(m, fr_cfi_address(b, m->f->encoding, 0));
		return true;
	case 0x02: /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		advance(m, fr_bytes_number(b, op == 0x04 ? 4 : op - 0x01u));
		return true;
	case 0x0a:
		keep(m);
		return true;
	case 0x0b:
		take_back(m);
		return true;
	case 0x2e: /* GNU_args_size */
		fr_bytes_uleb(b);
		return true;
	default:
		return false;
	}
}

static void instruction(struct machine *m)
{
	uint8_t op = (uint8_t)fr_bytes_number(&m->b, 1), low = op & 0x3f;

	if (op >> 6 == 1)
		advance(m, low);
	else if (op >> 6 == 2)
		set(m, low, FR_CFI_AT_OFFSET, (int64_t)fr_bytes_uleb(&m->b) * m->f->data_align);
	else if (op >> 6 == 3)
		restore(m, low);
	else if (!of_place(m, op) && !of_cfa(m, op) && !of_register(m, op))
		m->failed = true;
}

static bool run(struct machine *m, struct fr_bytes program)
{
	m->b = program;
	while (m->b.p < m->b.end && !m->b.bad && !m->done && !m->failed)
		instruction(m);
	return !m->b.bad && !m->failed;
}

bool fr_cfi_row_at(const struct fr_cfi_function *f, uintptr_t pc, struct fr_cfi_row *out)
{
	struct machine m = {.f = f, .at = f->begin, .pc = pc};

	if (!run(&m, f->common))
		return false;
	m.first = m.row;
	if (!run(&m, f->own))
		return false;
	*out = m.row;
	return true;
}
