/* SPDX-License-Identifier: MIT */
/*
 * cfi_expression.c - DWARF expressions (DWARF 5, 2.5) as compilers write them for frames: a stack
 * that was aligned anew, entries of the PLT, the kernel's signal frames.
 *
 * Context: as cfi.c. Must not: guess a register, or loop.
 */
#include "record/cfi_expression.h"

#include "record/cfi_row.h"

#define DEPTH 16

struct stack {
	struct fr_bytes b;
	const struct fr_frame *f;
	struct fr_readable ok;
	uintptr_t v[DEPTH];
	unsigned int n;
	bool failed;
};

bool fr_cfi_register(uint64_t reg, const struct fr_frame *f, uintptr_t *value)
{
	*value = reg == FR_CFI_SP ? f->sp : reg == FR_CFI_FP ? f->fp : f->pc;
	return reg == FR_CFI_SP || reg == FR_CFI_FP || (reg == FR_CFI_PC && f->exact);
}

static void push(struct stack *s, uintptr_t v)
{
	if (s->n < DEPTH)
		s->v[s->n++] = v;
	else
		s->failed = true;
}

static uintptr_t pop(struct stack *s)
{
	if (s->n)
		return s->v[--s->n];
	s->failed = true;
	return 0;
}

static void push_register(struct stack *s, uint64_t reg)
{
	uintptr_t v;

	s->failed |= !fr_cfi_register(reg, s->f, &v);
	push(s, v + (uintptr_t)fr_bytes_sleb(&s->b));
}

static void follow(struct stack *s)
{
	uintptr_t at = pop(s);

	if (s->failed || (at & 7) || !s->ok.fn(s->ok.arg, at))
		s->failed = true;
	else
		push(s, *(const uintptr_t *)at);
}

/* Constants of 1, 2, 4, 8 bytes, first without a sign, then with one, each from 0x08 on. */
static void push_constant(struct stack *s, uint8_t op)
{
	size_t size = 1u << ((op - 0x08) / 2);

	push(s, (op & 1) ? (uintptr_t)fr_bytes_signed(&s->b, size) : fr_bytes_number(&s->b, size));
}

static uintptr_t combine(struct stack *s, uint8_t op, uintptr_t a, uintptr_t b)
{
	switch (op) {
	case 0x1a:
		return a & b;
	case 0x1c:
		return a - b;
	case 0x1e:
		return a * b;
	case 0x21:
		return a | b;
	case 0x22:
		return a + b;
	case 0x24:
		return b < 64 ? a << b : 0;
	case 0x25:
		return b < 64 ? a >> b : 0;
	case 0x29:
		return a == b;
	case 0x2a:
		return (intptr_t)a >= (intptr_t)b;
	case 0x2b:
		return (intptr_t)a > (intptr_t)b;
	case 0x2c:
		return (intptr_t)a <= (intptr_t)b;
	case 0x2d:
		return (intptr_t)a < (intptr_t)b;
	case 0x2e:
		return a != b;
	default:
		s->failed = true;
		return 0;
	}
}

static void operation(struct stack *s)
{
	uint8_t op = (uint8_t)fr_bytes_number(&s->b, 1);
	uintptr_t b;

	if (op >= 0x30 && op <= 0x4f) { /* lit */
		push(s, op - 0x30u);
	} else if (op >= 0x70 && op <= 0x8f) { /* breg */
		push_register(s, op - 0x70u);
	} else if (op >= 0x08 && op <= 0x0f) {
		push_constant(s, op);
	} else if (op == 0x10) { /* constu */
		push(s, fr_bytes_uleb(&s->b));
	} else if (op == 0x11) { /* consts */
		push(s, (uintptr_t)fr_bytes_sleb(&s->b));
	} else if (op == 0x12) { /* dup */
		b = pop(s);
		push(s, b);
		push(s, b);
	} else if (op == 0x23) { /* plus_uconst */
		push(s, pop(s) + fr_bytes_uleb(&s->b));
	} else if (op == 0x06) { /* deref */
		follow(s);
	} else if (op != 0x96) { /* all but nop */
		b = pop(s);
		push(s, combine(s, op, pop(s), b));
	}
}

bool fr_cfi_evaluate(struct fr_bytes expression, const struct fr_frame *f, struct fr_readable ok,
		     const uintptr_t *first, uintptr_t *value)
{
	struct stack s = {.b = expression, .f = f, .ok = ok};

	if (first)
		push(&s, *first);
	while (s.b.p < s.b.end && !s.b.bad && !s.failed)
		operation(&s);
	*value = pop(&s);
	return !s.failed && !s.b.bad;
}
