/* SPDX-License-Identifier: MIT */
/*
 * decode.h - the hot loop: one lane's bytes to events. Only merge.c includes this.
 *
 * Two steps an event: the head and the time, which the merge needs to choose a lane, and then the
 * rest, straight into the caller's struct event. Trusts what chunk.c has let through.
 */
#ifndef FR_READ_DECODE_H
#define FR_READ_DECODE_H

#include "base/cursor.h"
#include "read/events.h"
#include "read/impl.h"

#define ADDR_MASK (((uint64_t)1 << 56) - 1)

struct dict {
	uint64_t last;
	uint64_t entry[FR_DICT_SIZE];
};

struct lane_cursor {
	const uint8_t *at; /* behind the time of the next event */
	const uint8_t *end;
	uint64_t raw_t; /* ticks as the chunk states them */
	uint64_t t; /* ticks of the next event, never falling */
	uint8_t head;
	uint8_t tier;
	uint32_t thread;
	const struct chunk_ref *chunk; /* the next one to be opened */
	const struct chunk_ref *last_chunk; /* one past the end */
	uint32_t stacks[FR_DICT_SIZE];
	struct dict obj;
	struct dict ptr;
};

/* Head and time of the next event; false = the lane is at its end. */
static inline bool lane_peek(struct lane_cursor *l)
{
	while (__builtin_expect(l->at == l->end, 0)) {
		if (l->chunk == l->last_chunk)
			return false;
		l->at = l->chunk->data;
		l->end = l->at + l->chunk->len;
		l->raw_t = l->chunk->base;
		memset(l->stacks, 0, sizeof(l->stacks));
		memset(&l->obj, 0, sizeof(l->obj));
		memset(&l->ptr, 0, sizeof(l->ptr));
		l->chunk++;
	}
	l->head = *l->at++;
	l->raw_t += fr_varint_get(&l->at);
	if (l->raw_t > l->t)
		l->t = l->raw_t;
	return true;
}

static inline uint32_t decode_stack(struct lane_cursor *l)
{
	uint64_t v = fr_varint_get(&l->at);
	uint32_t id = (uint32_t)(v >> 1);

	if (!(v & 1))
		return l->stacks[id & (FR_DICT_SIZE - 1)];
	l->stacks[FR_DICT_SLOT(id)] = id;
	return id;
}

static inline uint64_t decode_addr(struct lane_cursor *l, struct dict *d)
{
	uint64_t v = fr_varint_get(&l->at);

	if (!(v & 1)) {
		d->last = d->entry[v >> 1 & (FR_DICT_SIZE - 1)];
		return d->last;
	}
	d->last = (d->last + (uint64_t)fr_zigzag(v >> 1)) & ADDR_MASK;
	d->entry[FR_DICT_SLOT(d->last >> 3)] = d->last;
	return d->last;
}

static inline uint64_t decode_arg(struct lane_cursor *l, uint8_t op, uint64_t mean, struct event *e)
{
	uint64_t v;

	switch (op) {
	case OP_OBJ:
		return decode_addr(l, &l->obj);
	case OP_PTR:
		return decode_addr(l, &l->ptr);
	case OP_ZIGZAG:
		return (uint64_t)fr_zigzag(fr_varint_get(&l->at));
	case OP_TICKS:
		return fr_clock_scale(fr_varint_get(&l->at), mean);
	case OP_BYTES:
		v = fr_varint_get(&l->at);
		e->blob = l->at;
		l->at += v;
		return v;
	default:
		return fr_varint_get(&l->at);
	}
}

/* The rest of the event that lane_peek() has begun. Leaves id and t_ns to the merge. */
static inline void lane_take(struct lane_cursor *l, const struct schema *schema, uint64_t mean,
			     struct event *e)
{
	const struct event_row *row = &schema->rows[l->head & 0x7f];
	unsigned int n = l->head & 0x80 ? row->n_short : row->n_args;

	e->thread = l->thread;
	e->tier = l->tier;
	e->kind = l->head & 0x7f;
	e->n_args = row->n_args;
	e->stack = decode_stack(l);
	e->blob = NULL;
	memset(e->arg, 0, sizeof(e->arg));
	for (unsigned int i = 0; i < n; i++)
		e->arg[i] = decode_arg(l, row->op[i], mean, e);
}

#endif
