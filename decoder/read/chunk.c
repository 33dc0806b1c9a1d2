/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - validates a chunk's events once, so that every later pass may trust them.
 *
 * Must agree with decode.h on how many bytes each event takes: what passes here is read there
 * without a check. Reads at most SECTION_PAD bytes beyond the chunk before it notices.
 */
#include "base/cursor.h"
#include "preload/events.h"
#include "read/impl.h"

/* Steps over N arguments one by one; NULL = a blob reaches beyond the end. */
static const uint8_t *args_skip(const struct event_row *row, unsigned int n, const uint8_t *p,
				const uint8_t *end)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t v = fr_varint_get(&p);

		if (row->op[i] != OP_BYTES)
			continue;
		if (p > end || v > (uint64_t)(end - p))
			return NULL;
		p += v;
	}
	return p;
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
	const struct event_row *row = &schema->rows[*p & 0x7f];
	unsigned int n = *p & 0x80 ? row->n_short : row->n_args;
	const uint8_t *start = p++;

	if (!row->known || __builtin_add_overflow(*t, fr_varint_get(&p), t))
		return NULL;
	p += fr_varint_len(*p);
	if (__builtin_expect(n > 3 || row->has_bytes, 0)) {
		p = args_skip(row, n, p, end);
	} else {
		p = skip_if(p, n > 0);
		p = skip_if(p, n > 1);
		p = skip_if(p, n > 2);
	}
	return p && p <= end && p - start <= FR_EVENT_MAX ? p : NULL;
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
	if (!ref->n_events++)
		ref->first = t;
	ref->last = t;
	ref->scanned = next;
	return true;
}

/* Cuts what could not be stepped over; 1 = something was cut. */
static size_t finish(const struct schema *schema, uint64_t limit, struct chunk_ref *ref)
{
	uint32_t len = ref->len;

	while (step(schema, limit, ref))
		;
	ref->len = (uint32_t)(ref->scanned - ref->data);
	return ref->len != len;
}

/*
 * Each varint's place hangs on the length of the one before, so a single chunk leaves the
 * processor waiting; four at a time keep it busy.
 */
size_t fr_chunks_scan(const struct schema *schema, uint64_t limit, struct chunk_ref *refs, size_t n)
{
	size_t n_bad = 0;

	for (size_t i = 0; i < n; i++) {
		refs[i].scanned = refs[i].data;
		refs[i].first = refs[i].last = refs[i].base;
	}
	for (size_t i = 0; i + 4 <= n; i += 4) {
		struct chunk_ref *r = refs + i;

		while (step(schema, limit, r) & step(schema, limit, r + 1) &
		       step(schema, limit, r + 2) & step(schema, limit, r + 3))
			;
	}
	for (size_t i = 0; i < n; i++)
		n_bad += finish(schema, limit, &refs[i]);
	return n_bad;
}
