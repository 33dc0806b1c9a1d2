/* SPDX-License-Identifier: MIT */
/*
 * ring.h - hot: one event into the calling thread's chunk. The bytes are drawn in wire.h.
 *
 *   fr_put(t, FR_EV_MUTEX_LOCK, tier, ticks, stack, FR_ARGS(MUTEX_LOCK, .lock = m, .dur = dur))
 *
 * What is not named is 0. The argument types come from events.def: with a constant event the
 * compiler unrolls the row. The record is written first, then x_committed is raised with release
 * order: a reader, or a kill at any instruction, sees whole events only. Must: run under the guard
 * (fr_enter).
 */
#ifndef FR_RING_H
#define FR_RING_H

#include <string.h>

#include "record/thread.h"
#include "wire/events.h"

/* Longest fixed part: head, dt, stack and 8 arguments of 9 bytes, and the spill of 8-byte stores.
 */
#define FR_EVENT_FIXED_MAX 112u

/* FR_OP_NS: how an argument of a type is stored, enum fr_wire. */
#define ARGTYPE(number, NAME, WIRE, ...) FR_OP_##NAME = FR_WIRE_##WIRE,
enum {
#include "wire/args.def"
};
#undef ARGTYPE

/* Of each event: how many arguments there are and the short form has, and how each is stored. */
#define FR_WAY_ERR (1u << 15) /* no way: one of them is an errno value */
#define ARG(type, name) | 1u << FR_OP_##type | (FR_ARG_##type == FR_ARG_ERR ? FR_WAY_ERR : 0)
#define EVENT(id, NAME, text, klass, tier, n_short, args) enum { FR_WAYS_##NAME = 0 args };
#include "wire/events.def"
#undef EVENT
#undef ARG
struct fr_event_row {
	uint8_t n, n_short;
	uint16_t ways; /* bit W: one of them is stored in the way W */
	uint8_t op[FR_ARGS_MAX]; /* enum fr_wire */
};
#define ARG(type, name) FR_OP_##type,
#define EVENT(id, NAME, text, klass, tier, n_short, args)                                          \
	[id] = {sizeof((uint8_t[]){args}), n_short, FR_WAYS_##NAME, {args}},
static const struct fr_event_row fr_event_rows[FR_EV_MAX] = {
#include "wire/events.def"
};
#undef EVENT
#undef ARG

/* Which function was called: of ARGS of an event with this row. There is one, mostly the last. */
static inline uint64_t fr_event_via(const struct fr_event_row *row, const uint64_t *args)
{
	unsigned int i = row->n;

	if (!(row->ways >> FR_WIRE_VIA & 1))
		return 0;
	while (row->op[--i] != FR_WIRE_VIA)
		;
	return args[i];
}

/* The bytes of an argument that has some. */
struct fr_blob {
	const void *data;
	uint32_t size;
};

/*
 * What a writer fills in, one type for each event: a word for each argument of its row, by name.
 * Bytes are given by address; all else is a number, of which a negative one keeps its sign.
 */
#define FR_FIELD_VARINT uint64_t
#define FR_FIELD_ZIGZAG uint64_t
#define FR_FIELD_TICKS uint64_t
#define FR_FIELD_OBJ uint64_t
#define FR_FIELD_PTR uint64_t
#define FR_FIELD_BYTES const struct fr_blob *
#define FR_FIELD_VIA uint64_t
#define FR_FIELD_WIDE uint64_t
#define ARGTYPE(number, NAME, WIRE, ...) typedef FR_FIELD_##WIRE fr_field_##NAME;
#include "wire/args.def"
#undef ARGTYPE

#define ARG(type, name) fr_field_##type name;
#define EVENT(id, NAME, text, klass, tier, n_short, args)                                          \
	union fr_args_##NAME {                                                                     \
		struct {                                                                           \
			args                                                                       \
		};                                                                                 \
		uint64_t word[FR_ARGS_MAX];                                                        \
	};
#include "wire/events.def"
#undef EVENT
#undef ARG
#define FR_ARGS(NAME, ...) (((const union fr_args_##NAME){__VA_ARGS__}).word)

/*
 * One function writes both events, which have the same arguments: FR_ARGS of one of them serves.
 * The types of all stand in the type of a function, which is never there.
 */
#define ARG(type, name) , char(*)[1 + FR_ARG_##type]
#define EVENT(id, NAME, text, klass, tier, n_short, args) typedef void fr_shape_##NAME(int args);
#include "wire/events.def"
#undef EVENT
#undef ARG
#define FR_SAME_ARGS(A, B)                                                                         \
	_Static_assert(__builtin_types_compatible_p(fr_shape_##A, fr_shape_##B),                   \
		       "these events have different arguments")

/*
 * Closes the writer's chunk and takes another. False: none to be had (counted by the caller's
 * reason); the writer then has no room. Cold.
 */
bool fr_chunk_next(struct fr_thread *t, enum fr_tier tier, uint64_t ticks);

/* Closes the chunks of a thread that ends. */
void fr_chunk_close_all(struct fr_thread *t);

/* Empties the tiers (birth, forked child). */
void fr_chunks_init(void);

/* A varint of any length, without a branch that depends on it: for what is seldom below 128. */
static FR_ALWAYS_INLINE uint8_t *fr_put_varint_wide(uint8_t *p, uint64_t v)
{
	if (likely(v < 1ull << 56)) {
		/* bits / 7, rounded up: x * 37 / 256 is x / 7 for x < 90 */
		unsigned int n = (70u - (unsigned int)__builtin_clzll(v | 1)) * 37 >> 8;
		uint64_t word = (v << 1 | 1) << (n - 1);

		memcpy(p, &word, 8);
		return p + n;
	}
	*p = 0;
	memcpy(p + 1, &v, 8);
	return p + 9;
}

static FR_ALWAYS_INLINE uint8_t *fr_put_varint(uint8_t *p, uint64_t v)
{
	if (likely(v < 128)) {
		*p = (uint8_t)(v << 1 | 1);
		return p + 1;
	}
	return fr_put_varint_wide(p, v);
}

static FR_ALWAYS_INLINE uint64_t fr_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* What an entry of the stack dictionary holds. */
static FR_ALWAYS_INLINE uint64_t fr_stack_key(uint32_t stack, uint64_t via)
{
	return via << 32 | stack;
}

static FR_ALWAYS_INLINE uint8_t *fr_put_stack(uint8_t *p, struct fr_writer *w, uint64_t key)
{
	uint32_t slot = fr_dict_slot((uint32_t)key);

	if (likely(w->stack[slot] == key))
		return fr_put_varint(p, slot << 1);
	if (w->stack[slot ^ 1] == key)
		return fr_put_varint(p, (slot ^ 1) << 1);
	w->stack[slot ^ 1] = w->stack[slot];
	w->stack[slot] = key;
	return fr_put_varint(p, key << 1 | 1);
}

static FR_ALWAYS_INLINE uint8_t *fr_put_addr(uint8_t *p, uint64_t *dict, uint64_t *last, uint64_t v)
{
	uint32_t slot;

	v &= (1ull << 56) - 1;
	slot = fr_dict_slot(v >> 3);
	if (dict[slot] == v)
		p = fr_put_varint(p, slot << 1);
	else
		p = fr_put_varint(p, fr_zigzag((int64_t)(v - *last)) << 1 | 1);
	dict[slot] = v;
	*last = v;
	return p;
}

/* All but bytes: those go through fr_put_cold() only, which looks at what they say. */
static FR_ALWAYS_INLINE uint8_t *fr_put_arg(uint8_t *p, struct fr_writer *w, uint8_t op, uint64_t v)
{
	switch (op) {
	case FR_WIRE_VIA:
		return p;
	case FR_WIRE_OBJ:
		return fr_put_addr(p, w->obj, &w->last_obj, v);
	case FR_WIRE_PTR:
		return fr_put_addr(p, w->ptr, &w->last_ptr, v);
	case FR_WIRE_ZIGZAG:
		return fr_put_varint(p, fr_zigzag((int64_t)v));
	default:
		return fr_put_varint(p, v);
	}
}

/* Commits [.., p) to readers. */
static FR_ALWAYS_INLINE void fr_commit(struct fr_writer *w, uint8_t *p)
{
	FR_CHECK(p > w->p && p <= w->limit + FR_EVENT_FIXED_MAX);
	w->p = p;
	w->events++;
	__atomic_store_n(&w->chunk->x_committed,
			 (uint32_t)(p - (uint8_t *)w->chunk - sizeof(struct fr_chunk)),
			 __ATOMIC_RELEASE);
}

/*
 * What stands before the arguments. KEY: fr_stack_key(). FAR: the event before is seldom near in
 * time. The writer has room.
 */
static FR_ALWAYS_INLINE uint8_t *fr_put_head(struct fr_writer *w, enum fr_event ev, uint64_t ticks,
					     uint64_t key, bool is_short, bool far)
{
	uint64_t dt = ticks - w->last;
	uint8_t *p = w->p;

	if (unlikely((int64_t)dt < 0)) { /* another processor's counter lags, or an early stamp */
		dt = 0;
		ticks = w->last;
		fr_drop(FR_DROP_CLOCK_BACK);
	}
	w->last = ticks;
	*p++ = (uint8_t)((is_short ? 0x80u : 0u) | (unsigned int)ev);
	p = far ? fr_put_varint_wide(p, dt) : fr_put_varint(p, dt);
	return fr_put_stack(p, w, key);
}

/*
 * Sets the guard of T, which is not busy, if its chunk has room for an event. The room is checked
 * behind the guard: a signal handler could fill what was checked before.
 */
static FR_ALWAYS_INLINE bool fr_guard_room(struct fr_thread *t, enum fr_tier tier)
{
	fr_guard(t);
	if (likely(t->w[tier].p < t->w[tier].limit))
		return true;
	fr_leave(t);
	return false;
}

/*
 * With all arguments, but blobs are empty: 0 instead of one. The writer has room. ROW, a constant,
 * is EV or an event with the same arguments: one copy of the code for both.
 */
static FR_ALWAYS_INLINE void fr_put_whole(struct fr_thread *t, enum fr_event ev, enum fr_event row,
					  enum fr_tier tier, uint64_t ticks, uint32_t stack,
					  const uint64_t *args)
{
	const struct fr_event_row *r = &fr_event_rows[row];
	struct fr_writer *w = &t->w[tier];
	uint64_t via = 0, rest = 0; /* of what the short form leaves out */
	uint8_t *p;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < r->n; i++) {
		if (r->op[i] == FR_WIRE_VIA)
			via = args[i];
		else if (i >= r->n_short)
			rest |= args[i];
	}
	p = fr_put_head(w, ev, ticks, fr_stack_key(stack, via), !rest, true);
#pragma GCC unroll 8
	for (unsigned int i = 0; i < r->n_short; i++) {
		if (r->op[i] == FR_WIRE_TICKS || r->op[i] == FR_WIRE_WIDE)
			p = fr_put_varint_wide(p, args[i]);
		else
			p = fr_put_arg(p, w, r->op[i], args[i]);
	}
	if (unlikely(rest)) {
#pragma GCC unroll 8
		for (unsigned int i = r->n_short; i < r->n; i++)
			p = r->op[i] == FR_WIRE_BYTES ? fr_put_varint(p, 0)
						      : fr_put_arg(p, w, r->op[i], args[i]);
	}
	fr_commit(w, p);
}

/* In the short form: ARGS are the row's first `short` ones, all others are 0, `via` as well. */
static FR_ALWAYS_INLINE void fr_put(struct fr_thread *t, enum fr_event ev, enum fr_tier tier,
				    uint64_t ticks, uint32_t stack, const uint64_t *args)
{
	struct fr_writer *w = &t->w[tier];
	uint8_t *p;

	if (unlikely(w->p >= w->limit) && !fr_chunk_next(t, tier, ticks))
		return;
	p = fr_put_head(w, ev, ticks, stack, true, false);
#pragma GCC unroll 8
	for (unsigned int i = 0; i < fr_event_rows[ev].n_short; i++)
		p = fr_put_arg(p, w, fr_event_rows[ev].op[i], args[i]);
	fr_commit(w, p);
}

/* Failures that were counted and not told are told: it is due, or the thread ends. */
void fr_put_repeated(struct fr_thread *t, uint64_t ticks);

/*
 * The cold form, for events that are not hot: rare tier unless DENSE, blob allowed, clock pair
 * renewed when due. One copy of the code for all events.
 */
void fr_put_cold(struct fr_thread *t, enum fr_event ev, enum fr_tier tier, uint64_t ticks,
		 uint32_t stack, const uint64_t *args);

#endif
