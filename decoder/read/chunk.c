/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - validates a chunk's events once, so that every later pass may trust them.
 *
 * Must agree with decode.h on how many bytes each event takes: what passes here is read there
 * without a check. Reads at most SECTION_PAD bytes beyond the chunk before it notices.
 */
#include "base/cpus.h"
#include "base/cursor.h"
#include "preload/wire/events.h"
#include "read/impl.h"

#define WORTH 128 /* chunks for a thread: with fewer it would cost more than it saves */

/* The arguments at P of an event at START that has a blob; NULL = it reaches beyond the end. */
static const uint8_t *blob_skip(const struct event_row *row, const uint8_t *start, const uint8_t *p,
				const uint8_t *end)
{
	for (unsigned int i = 0; i < row->n_there; i++) {
		uint64_t v = row->op[i] == FR_WIRE_VIA ? 0 : fr_varint_get(&p);

		if (row->op[i] != FR_WIRE_BYTES)
			continue;
		if (p > end || v > (uint64_t)(end - p))
			return NULL;
		p += v;
	}
	return p - start <= FR_EVENT_MAX ? p : NULL;
}

static inline const uint8_t *skip_if(const uint8_t *p, bool there)
{
	return p + (fr_varint_len(*p) & -(unsigned int)there);
}

/*
 * The end of the event at P, its time added to *T; NULL = it makes no sense. Arguments but blobs
 * are varints to step over: what they say cannot lead the decoder astray. The usual number of them
 * is done without a branch, because kinds alternate in ways that no processor predicts.
 */
static inline __attribute__((always_inline)) const uint8_t *
event_skip(const struct schema *schema, const uint8_t *p, const uint8_t *end, uint64_t *t)
{
	const uint8_t *start = p;
	const struct event_row *row = &schema->rows[*p++];
	unsigned int n = row->n_varints;

	if (!row->known || __builtin_add_overflow(*t, fr_varint_get(&p), t))
		return NULL;
	p += fr_varint_len(*p);
	if (__builtin_expect(row->has_bytes, 0)) {
		p = blob_skip(row, start, p, end);
	} else {
		p = skip_if(p, n > 0);
		p = skip_if(p, n > 1);
		p = skip_if(p, n > 2);
		for (; n > 3; n--)
			p += fr_varint_len(*p);
	}
	return p && p <= end ? p : NULL;
}

/* Steps over one event; false = at the end, or at something that makes no sense. */
static inline __attribute__((always_inline)) bool step(const struct schema *schema, uint64_t limit,
						       struct chunk_ref *ref)
{
	const uint8_t *end = ref->data + ref->len;
	uint64_t t = ref->last;
	const uint8_t *next;

	if (ref->scanned == end)
		return false;
	next = event_skip(schema, ref->scanned, end, &t);
	if (!next || t > limit)
		return false;
	ref->n_events++;
	ref->last = t;
	ref->scanned = next;
	return true;
}

/* Cuts what could not be stepped over. */
static void finish(const struct schema *schema, uint64_t limit, struct chunk_ref *ref)
{
	const uint8_t *time = ref->data + 1;
	uint32_t len = ref->len;

	while (step(schema, limit, ref))
		;
	ref->len = (uint32_t)(ref->scanned - ref->data);
	ref->cut = ref->len != len;
	ref->first = ref->n_events ? ref->base + fr_varint_get(&time) : ref->base;
}

struct scan {
	const struct schema *schema;
	uint64_t limit;
	struct chunk_ref *refs;
};

/*
 * Each varint's place hangs on the length of the one before, so a single chunk leaves the
 * processor waiting; four at a time keep it busy.
 */
static void scan_part(void *ctx, size_t from, size_t to)
{
	const struct scan *s = ctx;
	struct chunk_ref *r;

	for (r = s->refs + from; r < s->refs + to; r++) {
		r->scanned = r->data;
		r->last = r->base;
	}
	for (r = s->refs + from; s->refs + to - r >= 4; r += 4) {
		while ((int)step(s->schema, s->limit, r) & (int)step(s->schema, s->limit, r + 1) &
		       (int)step(s->schema, s->limit, r + 2) &
		       (int)step(s->schema, s->limit, r + 3))
			;
	}
	for (r = s->refs + from; r < s->refs + to; r++)
		finish(s->schema, s->limit, r);
}

size_t fr_chunks_scan(const struct schema *schema, uint64_t limit, struct chunk_ref *refs, size_t n)
{
	struct scan scan = {schema, limit, refs};
	size_t n_bad = 0;

	fr_cpus_share(n, WORTH, scan_part, &scan);
	for (size_t i = 0; i < n; i++)
		n_bad += refs[i].cut;
	return n_bad;
}
