/* SPDX-License-Identifier: MIT */
/*
 * check.c - what the merge relies on in a recording that was opened: validated chunks, lanes in
 * order, threads that are there. Only in builds with DEBUG=1.
 */
#include "base/check.h"
#include "read/impl.h"

#ifdef FR_DEBUG

static void check_chunk(const struct recording *rec, const struct chunk_ref *c)
{
	FR_CHECK(c->thread < rec->n_threads);
	FR_CHECK(c->tier < FR_TIERS);
	FR_CHECK(c->scanned == c->data + c->len);
	FR_CHECK(!c->n_events == !c->len);
	FR_CHECK(c->base <= c->first && c->first <= c->last);
	FR_CHECK(c->last <= rec->impl->clock.limit);
}

static void check_lane(const struct lane *lane)
{
	FR_CHECK(lane->n > 0);
	for (size_t i = 1; i < lane->n; i++) {
		FR_CHECK(lane->chunks[i].thread == lane->chunks[0].thread);
		FR_CHECK(lane->chunks[i].tier == lane->chunks[0].tier);
		FR_CHECK(lane->chunks[i - 1].seq <= lane->chunks[i].seq);
	}
}

void fr_lanes_check(const struct recording *rec)
{
	const struct recording_impl *impl = rec->impl;
	size_t n = 0;

	for (size_t i = 0; i < impl->n_chunks; i++)
		check_chunk(rec, &impl->chunks[i]);
	for (size_t i = 0; i < impl->n_lanes; i++) {
		check_lane(&impl->lanes[i]);
		n += impl->lanes[i].n;
	}
	FR_CHECK(n == impl->n_chunks);
	FR_CHECK(rec->start_ns <= rec->common_start_ns);
}

#endif
