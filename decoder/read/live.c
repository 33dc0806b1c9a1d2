/* SPDX-License-Identifier: MIT */
/*
 * live.c - copying what is being written: chunks and thread records of a running process.
 *
 * A chunk is good if its x_seq is the same before and after the copy: then its owner only appended,
 * and the bytes below the committed length that was read first are whole events. A thread's state
 * is good if two copies of its record agree; otherwise the state is taken for "not waiting".
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "read/impl.h"

#define TRIES 4

/* 1 = whole, 0 = free, -1 = changed while it was copied. */
static int chunk_copy(const struct source *src, uint64_t off, uint32_t record_size, uint8_t *copy)
{
	struct fr_chunk before, *h = (struct fr_chunk *)copy;
	uint64_t after = 0;
	size_t len;

	if (fr_source_read(src, off, &before, sizeof(before)) < sizeof(before) || !before.x_seq)
		return 0;
	if (before.x_committed > record_size - sizeof(before))
		before.x_committed = record_size - (uint32_t)sizeof(before);
	len = sizeof(before) + before.x_committed;
	if (fr_source_read(src, off, copy, len) < len ||
	    fr_source_read(src, off, &after, sizeof(after)) < sizeof(after))
		return -1;
	h->x_committed = before.x_committed;
	return h->x_seq == before.x_seq && after == before.x_seq ? 1 : -1;
}

uint64_t fr_live_chunks_copy(const struct source *src, uint64_t off, uint32_t record_size,
			     uint8_t *copy, uint64_t size)
{
	uint64_t torn = 0;

	for (uint64_t at = 0; record_size <= size - at; at += record_size) {
		int rc = chunk_copy(src, off + at, record_size, copy + at);

		if (rc == 0)
			continue;
		for (int i = 1; i < TRIES && rc <= 0; i++)
			rc = chunk_copy(src, off + at, record_size, copy + at);
		if (rc > 0)
			continue;
		/* The failed copies have left something that looks like a chunk. */
		memset(copy + at, 0, sizeof(struct fr_chunk));
		torn++;
	}
	return torn;
}

static void thread_copy(const struct source *src, uint64_t off, struct fr_thread_rec *r)
{
	struct fr_thread_rec again;

	for (int i = 0; i < TRIES; i++) {
		if (fr_source_read(src, off, r, sizeof(*r)) < sizeof(*r) ||
		    fr_source_read(src, off, &again, sizeof(again)) < sizeof(again))
			return;
		if (r->st_seq == again.st_seq && !(r->st_seq & 1) && r->n_held == again.n_held)
			return;
	}
	r->st_call = 0;
}

void fr_live_threads_copy(const struct source *src, uint64_t off, uint32_t record_size,
			  uint8_t *copy, uint64_t size)
{
	for (uint64_t at = 0; record_size <= size - at; at += record_size)
		thread_copy(src, off + at, (struct fr_thread_rec *)(copy + at));
}
