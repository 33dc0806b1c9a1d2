/* SPDX-License-Identifier: MIT */
/*
 * dwarf_lines.c - runs a line program and answers the sorted addresses of its unit on the way.
 *
 * No row is stored: within a sequence addresses only rise, so the addresses looked for are passed
 * once per sequence, and the row before the next one answers those in between.
 *
 * DWARF 2-5. Context: a worker. Every read is bounded by the program's own length.
 */
#include <stdlib.h>

#include "base/search.h"
#include "symbols/dwarf_lines.h"

struct row {
	uint64_t addr;
	uint64_t file;
	uint64_t line;
};

struct run {
	struct line_table *t;
	struct image_builder *b;
	struct answer **list;
	size_t n;
	size_t at; /* first answer not yet passed in this sequence */
	uint64_t next; /* its address, UINT64_MAX = none */
	struct row row; /* the registers */
	struct row last;
	bool in_sequence; /* `last` is a row of this sequence */
	bool discarded; /* the sequence of a function that the linker dropped */
	uint64_t op_index;
};

static bool before(const void *answer, const void *addr)
{
	return (*(struct answer *const *)answer)->vaddr < *(const uint64_t *)addr;
}

static void reset(struct run *r)
{
	memset(&r->row, 0, sizeof(r->row));
	r->row.file = 1;
	r->row.line = 1;
	r->op_index = 0;
	r->in_sequence = false;
	r->discarded = false;
}

/* The addresses from the last row up to END belong to the last row. */
static void answer_up_to(struct run *r, uint64_t end)
{
	for (; r->at < r->n && r->list[r->at]->vaddr < end; r->at++) {
		struct answer *a = r->list[r->at];

		a->file = fr_lines_file(r->t, r->b, r->last.file);
		a->line = r->last.line < UINT32_MAX ? (uint32_t)r->last.line : 0;
	}
}

static void row_seen(struct run *r, bool end_sequence)
{
	if (!r->in_sequence) {
		r->discarded = r->row.addr <= 1;
		r->at = fr_search(r->list, r->n, sizeof(*r->list), before, &r->row.addr);
	} else if (r->row.addr > r->last.addr && !r->discarded) {
		answer_up_to(r, r->row.addr);
	}
	/* Addresses must rise; a row that goes back ends what can be trusted. */
	if (r->in_sequence && r->row.addr < r->last.addr)
		r->discarded = true;
	r->last = r->row;
	r->in_sequence = true;
	r->next = r->at < r->n ? r->list[r->at]->vaddr : UINT64_MAX;
	if (end_sequence)
		reset(r);
}

/* A new row: nearly always one on the way to the next address that was asked for. */
static inline void emit_row(struct run *r)
{
	if (r->in_sequence && r->row.addr >= r->last.addr && r->row.addr <= r->next)
		r->last = r->row;
	else
		row_seen(r, false);
}

static void advance(struct run *r, uint64_t ops)
{
	const struct line_table *t = r->t;

	if (t->max_ops <= 1) {
		r->row.addr += ops * t->min_inst;
		return;
	}
	r->row.addr += (r->op_index + ops) / t->max_ops * t->min_inst;
	r->op_index = (r->op_index + ops) % t->max_ops;
}

static void special(struct run *r, uint8_t opcode)
{
	uint8_t adjusted = (uint8_t)(opcode - r->t->opcode_base);

	advance(r, adjusted / r->t->line_range);
	r->row.line += (uint64_t)(int64_t)(r->t->line_base + adjusted % r->t->line_range);
	emit_row(r);
}

static void extended(struct run *r, struct bytes *b)
{
	uint64_t size = bytes_uleb(b);
	struct bytes op = *b;

	bytes_skip(b, size);
	if (b->bad || !size)
		return;
	op.end = b->p;
	switch (bytes_u8(&op)) {
	case DW_LNE_end_sequence:
		row_seen(r, true);
		break;
	case DW_LNE_set_address:
		r->row.addr = bytes_uint(&op, size == 9 ? 8 : 4);
		r->op_index = 0;
		break;
	}
}

static void standard(struct run *r, struct bytes *b, uint8_t opcode)
{
	uint8_t i;

	switch (opcode) {
	case DW_LNS_copy:
		emit_row(r);
		break;
	case DW_LNS_advance_pc:
		advance(r, bytes_uleb(b));
		break;
	case DW_LNS_advance_line:
		r->row.line += (uint64_t)bytes_sleb(b);
		break;
	case DW_LNS_set_file:
		r->row.file = bytes_uleb(b);
		break;
	case DW_LNS_const_add_pc:
		advance(r, (255u - r->t->opcode_base) / r->t->line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		r->row.addr += bytes_uint(b, 2);
		r->op_index = 0;
		break;
	default: /* column, flags, ISA and what is not known: skip the operands */
		for (i = 0; i < r->t->lengths[opcode]; i++)
			bytes_uleb(b);
	}
}

void fr_lines_run(struct line_table *t, struct image_builder *b, struct answer **list, size_t n)
{
	struct run r = {.t = t, .b = b, .list = list, .n = n};
	struct bytes p = t->program;

	reset(&r);
	while (bytes_left(&p) && !p.bad) {
		uint8_t opcode = bytes_u8(&p);

		if (opcode >= t->opcode_base)
			special(&r, opcode);
		else if (opcode)
			standard(&r, &p, opcode);
		else
			extended(&r, &p);
	}
}
