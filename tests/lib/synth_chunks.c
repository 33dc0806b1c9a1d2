/* SPDX-License-Identifier: MIT */
/*
 * synth_chunks.c - the encoder of events, written from preload/wire/wire.h and from nothing else:
 * an independent second opinion on what the decoder reads.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/synth_impl.h"

static const uint32_t chunk_size[FR_TIERS] = {FR_CHUNK_RARE, FR_CHUNK_DENSE};
static const uint32_t chunk_section[FR_TIERS] = {FR_SEC_CHUNKS_RARE, FR_SEC_CHUNKS_DENSE};

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	unsigned int len = 1;

	while (len < 8 && v >> (7 * len))
		len++;
	if (v >> 56) {
		*p = 0;
		memcpy(p + 1, &v, 8);
		return p + 9;
	}
	v = v << len | (uint64_t)1 << (len - 1);
	memcpy(p, &v, len);
	return p + len;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static uint8_t *put_stack(struct lane *l, uint8_t *p, uint32_t id, uint64_t via)
{
	uint64_t key = via << 32 | id;
	uint32_t slot = fr_dict_slot(id);

	for (uint32_t i = 0; i < 2; i++)
		if (l->stacks[slot ^ i] == key)
			return put_varint(p, (uint64_t)(slot ^ i) << 1);
	l->stacks[slot ^ 1] = l->stacks[slot];
	l->stacks[slot] = key;
	return put_varint(p, key << 1 | 1);
}

static uint8_t *put_addr(uint8_t *p, uint64_t addr, uint64_t *last, uint64_t *dict)
{
	uint32_t slot = fr_dict_slot(addr >> 3);
	int64_t diff = (int64_t)((addr - *last) << 8) >> 8; /* modulo 2^56, signed */

	*last = addr;
	if (dict[slot] == addr)
		return put_varint(p, (uint64_t)slot << 1);
	dict[slot] = addr;
	return put_varint(p, zigzag(diff) << 1 | 1);
}

static uint8_t *put_arg(struct lane *l, uint8_t *p, uint8_t type, uint64_t v, const void *blob,
			size_t blob_len)
{
	switch (type) {
	case FR_ARG_INT:
	case FR_ARG_FD:
		return put_varint(p, zigzag((int64_t)v));
	case FR_ARG_OBJ:
		return put_addr(p, v, &l->last_obj, l->obj);
	case FR_ARG_PTR:
		return put_addr(p, v, &l->last_ptr, l->ptr);
	case FR_ARG_STR:
	case FR_ARG_SOCK:
	case FR_ARG_PAIR:
		p = put_varint(p, blob_len);
		if (blob_len)
			memcpy(p, blob, blob_len);
		return p + blob_len;
	default:
		return put_varint(p, v);
	}
}

static struct lane *lane_of(struct synth *s, uint32_t serial, int tier)
{
	struct lane *l;

	for (size_t i = 0; i < s->n_lanes; i++)
		if (s->lanes[i]->serial == serial && s->lanes[i]->tier == tier)
			return s->lanes[i];
	if (s->n_lanes == s->cap_lanes) {
		s->cap_lanes = s->cap_lanes ? 2 * s->cap_lanes : 16;
		s->lanes = realloc(s->lanes, s->cap_lanes * sizeof(*s->lanes));
	}
	l = calloc(1, sizeof(*l));
	SYNTH_NEED(s->lanes && l);
	l->serial = serial;
	l->tier = tier;
	l->tid = serial <= s->n_threads ? synth_thread_rec(s, serial)->tid : 90000 + serial;
	s->lanes[s->n_lanes++] = l;
	return l;
}

static void chunk_start(struct synth *s, struct lane *l, uint64_t ticks)
{
	struct fr_chunk *h;

	l->chunk = calloc(1, chunk_size[l->tier]);
	SYNTH_NEED(l->chunk);
	h = (struct fr_chunk *)l->chunk;
	*h = (struct fr_chunk){.x_seq = ++s->seq[l->tier],
			       .x_state = FR_CHUNK_OPEN,
			       .serial = l->serial,
			       .tid = l->tid,
			       .base = ticks,
			       .first_event = l->events};
	l->last = ticks;
	l->last_obj = l->last_ptr = 0;
	memset(l->obj, 0, sizeof(l->obj));
	memset(l->ptr, 0, sizeof(l->ptr));
	memset(l->stacks, 0, sizeof(l->stacks));
}

static void chunk_store(struct synth *s, struct lane *l)
{
	uint32_t size = chunk_size[l->tier];

	memcpy(synth_grow(&s->sections[chunk_section[l->tier]], size), l->chunk, size);
	free(l->chunk);
	l->chunk = NULL;
}

void synth_chunk_end(struct synth *s, uint32_t serial, int tier)
{
	struct lane *l = lane_of(s, serial, tier);

	if (!l->chunk)
		return;
	((struct fr_chunk *)l->chunk)->x_state = FR_CHUNK_CLOSED;
	((struct fr_chunk *)l->chunk)->last = l->last;
	chunk_store(s, l);
}

void synth_chunks_finish(struct synth *s)
{
	for (size_t i = 0; i < s->n_lanes; i++) {
		if (s->lanes[i]->chunk)
			chunk_store(s, s->lanes[i]);
		free(s->lanes[i]);
	}
	free(s->lanes);
	s->lanes = NULL;
	s->n_lanes = s->cap_lanes = 0;
}

void synth_lost(struct synth *s, uint32_t serial, int tier, uint64_t n)
{
	synth_chunk_end(s, serial, tier);
	lane_of(s, serial, tier)->events += n;
	if (serial <= s->n_threads)
		synth_thread_rec(s, serial)->events += n;
}

void synth_tier(struct synth *s, int tier)
{
	s->tier = tier;
}

/* Arguments that may be left out: all from the short form's end on are 0. */
static int is_short(const struct fr_event_rec *row, const uint64_t *args)
{
	for (size_t i = row->n_short; i < row->n_args; i++)
		if ((args[i] && row->type[i] != FR_ARG_VIA) || row->type[i] == FR_ARG_STR ||
		    row->type[i] == FR_ARG_SOCK || row->type[i] == FR_ARG_PAIR)
			return 0;
	return 1;
}

/* The function that was called, which stands by the stack. */
static uint64_t via_of(const struct fr_event_rec *row, const uint64_t *args)
{
	for (size_t i = 0; i < row->n_args; i++)
		if (row->type[i] == FR_ARG_VIA)
			return args[i];
	return 0;
}

void synth_event(struct synth *s, uint32_t serial, uint64_t ticks, uint32_t kind, uint32_t stack,
		 const uint64_t *given, size_t n, const void *blob, size_t blob_len)
{
	const struct fr_event_rec *row = &s->schema[kind];
	uint64_t args[FR_ARGS_MAX];
	int tier = s->tier < 0 ? s->event_tier[kind] : s->tier;
	struct lane *l = lane_of(s, serial, tier);
	struct fr_chunk *h;
	uint8_t *p;
	int cut;

	SYNTH_NEED(kind < 128 && row->id == kind && n <= row->n_args && blob_len <= 400);
	for (size_t i = 0; i < row->n_args; i++)
		args[i] = s->home[kind][i] < n ? given[s->home[kind][i]] : 0;
	cut = is_short(row, args);
	h = (struct fr_chunk *)l->chunk;
	if (h && sizeof(*h) + h->x_committed + FR_EVENT_MAX > chunk_size[tier])
		synth_chunk_end(s, serial, tier);
	if (!l->chunk)
		chunk_start(s, l, ticks);
	SYNTH_NEED(ticks >= l->last);
	h = (struct fr_chunk *)l->chunk;
	p = l->chunk + sizeof(*h) + h->x_committed;
	*p++ = (uint8_t)(kind | (cut ? 0x80 : 0));
	p = put_varint(p, ticks - l->last);
	p = put_stack(l, p, stack, via_of(row, args));
	for (size_t i = 0; i < (cut ? row->n_short : row->n_args); i++)
		if (row->type[i] != FR_ARG_VIA)
			p = put_arg(l, p, row->type[i], args[i], blob, blob_len);
	h->x_committed = (uint32_t)(p - l->chunk - sizeof(*h));
	l->last = ticks;
	l->events++;
	if (serial <= s->n_threads)
		synth_thread_rec(s, serial)->events++;
}
