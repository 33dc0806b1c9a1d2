/* SPDX-License-Identifier: MIT */
/*
 * decode.h - the hot loop: one lane's bytes to events. Only merge.c includes this.
 *
 * Two steps an event: the head and the time, which the merge needs to choose a lane, and then the
 * rest, straight into the caller's struct event. Trusts what chunk.c has let through.
 *
 * While a lane has its turn its place is a struct of the caller's own, which the compiler keeps in
 * registers.
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

struct lane_place {
	const uint8_t *at; /* behind the time of the next event */
	const uint8_t *end;
	uint64_t raw_t; /* ticks as the chunk states them */
	uint64_t t; /* ticks of the next event, never falling */
	uint8_t head;
};

struct lane_cursor {
	struct lane_place place;
	uint32_t thread;
	uint8_t tier;
	const struct chunk_ref *chunk; /* the next one to be opened */
	const struct chunk_ref *last_chunk; /* one past the end */
	uint64_t stacks[FR_DICT_SIZE]; /* via << 32 | id */
	struct dict obj;
	struct dict ptr;
};

/* The chunk at hand is at its end: goes to the next one that is not empty; false = none. */
static bool lane_open_chunk(struct lane_cursor *l)
{
	struct lane_place *p = &l->place;

	for (; l->chunk < l->last_chunk; l->chunk++) {
		if (!l->chunk->len)
			continue;
		p->at = l->chunk->data;
		p->end = p->at + l->chunk->len;
		p->raw_t = l->chunk->base;
		memset(l->stacks, 0, sizeof(l->stacks));
		memset(&l->obj, 0, sizeof(l->obj));
		memset(&l->ptr, 0, sizeof(l->ptr));
		l->chunk++;
		return true;
	}
	return false;
}

/* Head and time of the next event of the chunk at hand. */
static inline void lane_peek(struct lane_place *p)
{
	p->head = *p->at++;
	p->raw_t += fr_varint_get(&p->at);
	if (p->raw_t > p->t)
		p->t = p->raw_t;
}

/* An index into a dictionary, in one byte as the recorder writes it: nearly always. */
static inline bool is_index(uint8_t first)
{
	return __builtin_expect((first & 3) == 1, 1);
}

/* Stack and function, as in the dictionary. */
static inline uint64_t decode_stack(struct lane_cursor *l, const uint8_t **at, bool pairs)
{
	uint64_t v, key;
	uint32_t slot;

	if (is_index(**at))
		return l->stacks[*(*at)++ >> 2];
	v = fr_varint_get(at);
	key = v >> 1;
	if (!(v & 1))
		return l->stacks[key & (FR_DICT_SIZE - 1)];
	slot = fr_dict_slot((uint32_t)key);
	if (pairs)
		l->stacks[slot ^ 1] = l->stacks[slot];
	l->stacks[slot] = key;
	return key;
}

static inline uint64_t decode_addr(struct dict *d, const uint8_t **at)
{
	uint64_t v;

	if (is_index(**at)) {
		d->last = d->entry[*(*at)++ >> 2];
		return d->last;
	}
	v = fr_varint_get(at);
	if (!(v & 1)) {
		d->last = d->entry[v >> 1 & (FR_DICT_SIZE - 1)];
		return d->last;
	}
	d->last = (d->last + (uint64_t)fr_zigzag(v >> 1)) & ADDR_MASK;
	d->entry[fr_dict_slot(d->last >> 3)] = d->last;
	return d->last;
}

static inline uint64_t decode_arg(struct lane_cursor *l, const uint8_t **at, uint8_t op,
				  uint64_t mean, struct event *e)
{
	uint64_t v;

	if (op == FR_WIRE_OBJ)
		return decode_addr(&l->obj, at);
	if (op == FR_WIRE_PTR)
		return decode_addr(&l->ptr, at);
	v = fr_varint_get(at);
	if (op == FR_WIRE_ZIGZAG)
		return (uint64_t)fr_zigzag(v);
	if (op == FR_WIRE_TICKS)
		return fr_clock_scale(v, mean);
	if (op == FR_WIRE_BYTES) {
		e->blob = *at;
		*at += v;
	}
	return v;
}

/*
 * Arguments by the places that the schema gives them; all are 0 before, but for ROW's `via`.
 * Returns the end of their bytes at AT: with AT's own address the caller's place would have to
 * live in memory.
 */
static __attribute__((noinline)) const uint8_t *
lane_take_moved(struct lane_cursor *l, const uint8_t *at, const struct schema *schema,
		const struct event_row *row, uint64_t mean, struct event *e)
{
	const uint8_t *place = schema->places[row->kind];

	if (schema->recs[row->kind].type[row->via] != FR_ARG_VIA)
		e->arg[0] = 0;
	for (unsigned int i = 0; i < row->n_there; i++) {
		uint64_t v;

		if (row->op[i] == FR_WIRE_VIA)
			continue;
		v = decode_arg(l, &at, row->op[i], mean, e);
		if (place[i] != ARG_NOWHERE)
			e->arg[place[i]] = v;
	}
	return at;
}

/*
 * The rest of the event that lane_peek() has begun. Leaves id and t_ns to the merge. ANY, a
 * constant: the schema may have moved arguments. Where it has not, there shall be no call in this
 * loop at all: it would cost a third more, taken or not.
 */
static inline __attribute__((always_inline)) void
lane_take(struct lane_cursor *l, struct lane_place *p, const struct schema *schema, uint64_t mean,
	  bool any, struct event *e)
{
	const struct event_row *row = &schema->rows[p->head];
	uint64_t key = decode_stack(l, &p->at, schema->stack_pairs);

	e->thread = l->thread;
	e->tier = l->tier;
	e->kind = row->kind;
	e->n_args = row->n_args;
	e->stack = (uint32_t)key;
	e->blob = NULL;
	memset(e->arg, 0, sizeof(e->arg));
	e->arg[row->via] = key >> 32; /* a row without that argument has its first one there */
	switch (row->shape) {
	case ARGS_PTR_VARINT:
		e->arg[0] = decode_addr(&l->ptr, &p->at);
		e->arg[1] = fr_varint_get(&p->at);
		break;
	case ARGS_PTR:
		e->arg[0] = decode_addr(&l->ptr, &p->at);
		break;
	case ARGS_OBJ:
		e->arg[0] = decode_addr(&l->obj, &p->at);
		break;
	default:
		if (any && row->shape == ARGS_MOVED) {
			p->at = lane_take_moved(l, p->at, schema, row, mean, e);
			break;
		}
		for (unsigned int i = 0; i < row->n_there; i++) {
			if (row->op[i] != FR_WIRE_VIA)
				e->arg[i] = decode_arg(l, &p->at, row->op[i], mean, e);
		}
	}
}

#endif
