/* SPDX-License-Identifier: MIT */
/*
 * lanes.c - finds the chunks, validates them, sorts them into lanes and states what each thread's
 * window covers and what it has lost.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "read/impl.h"

#define DAY_NS (86400ull * 1000000000)

struct find {
	struct recording *rec;
	size_t cap;
	size_t n_bad; /* chunks with something that makes no sense */
	size_t n_stray; /* chunks whose time cannot be */
};

static bool header_good(const struct fr_chunk *h, uint32_t record_size)
{
	return h->serial && (h->x_state == FR_CHUNK_OPEN || h->x_state == FR_CHUNK_CLOSED) &&
	       h->x_committed <= record_size - sizeof(*h);
}

/* Before the process was there: a damaged base. Bounds the window from below. */
static bool too_early(const struct recording *rec, uint64_t ticks)
{
	const struct clock *c = &rec->impl->clock;
	uint64_t start = rec->hdr.start_mono_ns;

	return start <= c->real[0].mono_ns && fr_recording_ns(rec, ticks) + DAY_NS < start;
}

static void chunk_add(struct find *f, const struct fr_chunk *h, uint8_t tier, uint32_t record_size)
{
	struct recording *rec = f->rec;
	struct recording_impl *impl = rec->impl;
	struct chunk_ref ref = {.data = (const uint8_t *)(h + 1),
				.seq = h->x_seq,
				.base = h->base,
				.first_event = h->first_event,
				.serial = h->serial,
				.tid = h->tid,
				.len = h->x_committed,
				.tier = tier};

	if (!header_good(h, record_size)) {
		f->n_bad++;
		return;
	}
	if (ref.base > impl->clock.limit || too_early(rec, ref.base)) {
		f->n_stray++;
		return;
	}
	impl->chunks =
		fr_mem_grow(impl->chunks, &f->cap, impl->n_chunks + 1, sizeof(*impl->chunks));
	impl->chunks[impl->n_chunks++] = ref;
}

static void find_chunks(struct find *f, uint32_t section, uint8_t tier)
{
	const struct section_view *v = &f->rec->sec[section];

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		const struct fr_chunk *h = (const struct fr_chunk *)(v->data + at);

		if (h->x_seq && h->x_state != FR_CHUNK_FREE)
			chunk_add(f, h, tier, v->record_size);
	}
}

static int by_lane(const void *a, const void *b)
{
	const struct chunk_ref *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->data < y->data ? -1 : x->data > y->data;
}

/* Sorted chunks to lanes: a lane ends where thread or tier changes. */
static void make_lanes(struct recording_impl *impl)
{
	const struct chunk_ref *c = impl->chunks;
	size_t cap = 0;

	for (size_t i = 0; i < impl->n_chunks; i++) {
		if (i && c[i].thread == c[i - 1].thread && c[i].tier == c[i - 1].tier) {
			impl->lanes[impl->n_lanes - 1].n++;
			continue;
		}
		impl->lanes =
			fr_mem_grow(impl->lanes, &cap, impl->n_lanes + 1, sizeof(*impl->lanes));
		impl->lanes[impl->n_lanes++] = (struct lane){.chunks = &c[i], .n = 1};
	}
}

/* What one lane adds to its thread's window. Times never fall within a lane. */
static void lane_account(struct recording *rec, const struct lane *lane)
{
	struct rec_window *w = &rec->threads[lane->chunks->thread].tier[lane->chunks->tier];
	uint64_t expected = 0, first = UINT64_MAX, last = 0, whole_from = 0, t;

	for (size_t i = 0; i < lane->n; i++) {
		const struct chunk_ref *c = &lane->chunks[i];

		t = c->first > last ? c->first : last;
		if (c->first_event > expected) {
			w->overwritten += c->first_event - expected;
			whole_from = t;
		}
		expected = c->first_event + c->n_events;
		w->kept += c->n_events;
		rec->event_bytes += c->len;
		if (c->n_events && t < first)
			first = t;
		if (c->n_events)
			last = c->last > t ? c->last : t;
	}
	if (first != UINT64_MAX) {
		w->first_ns = fr_recording_ns(rec, first);
		w->last_ns = fr_recording_ns(rec, last);
	}
	if (whole_from)
		w->since_ns = fr_recording_ns(rec, whole_from);
}

static void window_add(struct rec_window *sum, const struct rec_window *w)
{
	sum->kept += w->kept;
	sum->overwritten += w->overwritten;
	if (w->first_ns && (!sum->first_ns || w->first_ns < sum->first_ns))
		sum->first_ns = w->first_ns;
	if (w->last_ns > sum->last_ns)
		sum->last_ns = w->last_ns;
	if (w->since_ns > sum->since_ns)
		sum->since_ns = w->since_ns;
}

/*
 * Of a thread without any chunk, all is lost; of a dead one, the table knows the exact count. (The
 * count of a living thread may already be ahead of its chunks.) The oldest chunks go first: so it
 * is a tier without any that has lost all, up to the thread's end.
 */
static void count_lost(struct recording *rec, struct rec_thread *th)
{
	uint64_t known = th->kept + th->overwritten, end;

	if (!th->in_table || (th->r.x_life != FR_THREAD_DEAD && th->kept) || th->r.events <= known)
		return;
	end = th->r.end ? fr_recording_ns(rec, th->r.end) : UINT64_MAX;
	th->overwritten += th->r.events - known;
	for (int i = 0; i < FR_TIERS; i++) {
		if (th->tier[i].kept)
			continue;
		th->tier[i].since_ns = end;
		if (th->kept) /* the other tier has all of its own */
			th->tier[i].overwritten = th->r.events - known;
	}
}

static void thread_window(struct recording *rec, struct rec_thread *th)
{
	struct rec_window sum = {0};

	for (int i = 0; i < FR_TIERS; i++)
		window_add(&sum, &th->tier[i]);
	th->kept = sum.kept;
	th->overwritten = sum.overwritten;
	th->first_ns = sum.first_ns;
	th->last_ns = sum.last_ns;
	if (th->r.x_life != FR_THREAD_DEAD && sum.since_ns > rec->common_start_ns)
		rec->common_start_ns = sum.since_ns;
	count_lost(rec, th);
	for (int i = 0; i < FR_TIERS; i++)
		window_add(&rec->tier[i], &th->tier[i]);
}

static void window(struct recording *rec)
{
	rec->start_ns = UINT64_MAX;
	for (size_t i = 0; i < rec->n_threads; i++) {
		struct rec_thread *th = &rec->threads[i];

		thread_window(rec, th);
		rec->n_events += th->kept;
		if (th->first_ns && th->first_ns < rec->start_ns)
			rec->start_ns = th->first_ns;
		if (th->last_ns > rec->end_ns)
			rec->end_ns = th->last_ns;
	}
	if (rec->start_ns == UINT64_MAX)
		rec->start_ns = 0;
	if (rec->common_start_ns < rec->start_ns)
		rec->common_start_ns = rec->start_ns;
}

uint64_t fr_tier_window_ns(const struct recording *rec, const struct rec_window *w)
{
	uint64_t since = w->since_ns ? w->since_ns : rec->start_ns;

	return rec->end_ns > since ? rec->end_ns - since : 0;
}

static void tell(struct recording *rec, const struct find *f, struct diag *d)
{
	rec->n_torn += f->n_bad + f->n_stray;
	if (f->n_bad)
		LOSS(rec, d, "%zu chunks hold bytes that are no events: the rest of them is lost",
		     f->n_bad);
	if (f->n_stray)
		LOSS(rec, d, "%zu chunks bear times at which nothing was recorded: left out",
		     f->n_stray);
}

void fr_lanes_load(struct recording *rec, struct diag *d)
{
	struct recording_impl *impl = rec->impl;
	struct find f = {.rec = rec};

	find_chunks(&f, FR_SEC_CHUNKS_RARE, FR_TIER_RARE);
	find_chunks(&f, FR_SEC_CHUNKS_DENSE, FR_TIER_DENSE);
	f.n_bad += fr_chunks_scan(&impl->schema, impl->clock.limit, impl->chunks, impl->n_chunks);
	if (impl->n_chunks)
		qsort(impl->chunks, impl->n_chunks, sizeof(*impl->chunks), by_lane);
	fr_threads_adopt(rec, impl->chunks, impl->n_chunks);
	make_lanes(impl);
	for (size_t i = 0; i < impl->n_lanes; i++)
		lane_account(rec, &impl->lanes[i]);
	window(rec);
	fr_lanes_check(rec);
	tell(rec, &f, d);
}
