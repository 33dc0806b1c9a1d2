/* SPDX-License-Identifier: MIT */
/*
 * depot.c - the hash table of stacks: append-only, lock-free, valid in signal handlers.
 *
 * The records lie in the region (wire.h), the index is private: readers go by id. A record is
 * written first and published by one compare-and-swap of its index word; the loser of a race
 * wastes its bytes. Nothing is ever evicted: events point at ids.
 *
 *   index word = hash's upper 32 bits | stack id        probe: 16 words from hash's lower bits
 */
#include "record/depot.h"

#include <stdatomic.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/check.h"
#include "core/sys.h"

#define PROBE 16u

static _Atomic uint64_t *idx;
static size_t idx_size; /* bytes of the mapping */
static uint32_t idx_mask;
static _Atomic uint32_t cursor; /* next free 8-byte word of the depot */

bool fr_depot_init(void)
{
	uint32_t n = 1024;

	if (idx)
		fr_sys_munmap((void *)idx, idx_size);
	/* a stack of 12 frames takes some 170 bytes: one index word per 64 bytes is half full then
	 */
	while (n * 64ull < fr_region.depot.size)
		n *= 2;
	idx_size = n * sizeof(*idx);
	idx_mask = n - 1;
	idx = fr_sys_mmap(idx_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	atomic_store(&cursor, 1); /* id 0 is "no stack" */
	return idx != NULL;
}

static size_t record_size(const struct fr_walk *w)
{
	size_t n = fr_depot_replayed(w->n);
	size_t slots = sizeof(struct fr_slots) + 2u * n + 4u * w->n_fp;

	return (sizeof(struct fr_stack_rec) + 8u * (1 + n) + slots + 7) & ~(size_t)7;
}

static void fill(struct fr_stack_rec *r, const struct fr_walk *w, uint64_t hash, size_t size)
{
	uint32_t n = fr_depot_replayed(w->n);
	struct fr_slots *s = (struct fr_slots *)&r->pc[1 + n];

	r->total_size = (uint32_t)size;
	r->n_frames = w->n;
	r->flags = w->flags;
	r->hash = hash;
	memcpy(r->pc, w->pc, 8u * w->n);
	s->n_fp = w->n_fp;
	s->replayable = w->replayable;
	memcpy(s->at, w->ra, 2u * (w->n - 1u));
	for (uint32_t i = w->n; i <= n; i++) {
		r->pc[i] = r->pc[i - 1];
		s->at[i - 1] = s->at[i - 2];
	}
	memcpy(s->at + n, w->fp, 4u * w->n_fp);
}

static bool equal_slots(const struct fr_stack_rec *r, const struct fr_walk *w)
{
	uint32_t n = fr_depot_replayed(w->n); /* of equal PCs */
	const struct fr_slots *s = fr_depot_slots(r, n);

	return s->replayable && w->replayable && s->n_fp == w->n_fp &&
	       memcmp(s->at, w->ra, 2u * (w->n - 1u)) == 0 &&
	       memcmp(s->at + n, w->fp, 4u * w->n_fp) == 0;
}

static bool equal_pcs(const struct fr_stack_rec *r, const struct fr_walk *w, uint64_t hash)
{
	return r->hash == hash && r->n_frames == w->n && r->flags == w->flags &&
	       memcmp(r->pc, w->pc, 8u * w->n) == 0;
}

static uint32_t append(const struct fr_walk *w, uint64_t hash)
{
	size_t size = record_size(w);
	uint32_t words = (uint32_t)(size / 8);
	uint32_t id = atomic_load_explicit(&cursor, memory_order_relaxed);

	do {
		if (!fr_span_need(&fr_region.depot, 8ull * id + size))
			return 0;
	} while (!atomic_compare_exchange_weak(&cursor, &id, id + words));
	fill((struct fr_stack_rec *)(fr_region.depot.base + 8ull * id), w, hash, size);
	fr_span_used(&fr_region.depot, 8ull * id + size);
	return id;
}

/* Publishes ID at the first free word; if another thread was faster with the same stack, its id. */
static uint32_t publish(const struct fr_walk *w, uint64_t hash, uint32_t at, uint64_t word)
{
	for (uint32_t i = 0; i < PROBE; i++) {
		_Atomic uint64_t *slot = &idx[(at + i) & idx_mask];
		uint64_t seen = 0;

		if (atomic_compare_exchange_strong_explicit(slot, &seen, word, memory_order_release,
							    memory_order_acquire))
			return (uint32_t)word;
		if (seen >> 32 == word >> 32 && equal_pcs(fr_depot_get((uint32_t)seen), w, hash))
			return (uint32_t)seen;
	}
	return (uint32_t)word; /* the index is full: this stack may be stored twice, no more */
}

uint32_t fr_depot_put(const struct fr_walk *w, bool *same_slots)
{
	uint64_t hash = XXH3_64bits(w->pc, 8u * w->n);
	uint32_t at = (uint32_t)hash & idx_mask;
	uint32_t id = 0;

	FR_RUNS(FR_WHERE_HANDLER);
	*same_slots = false;
	if (!w->n || !idx)
		return 0;
	for (uint32_t i = 0; i < PROBE; i++) {
		uint64_t seen =
			atomic_load_explicit(&idx[(at + i) & idx_mask], memory_order_acquire);

		if (!seen)
			break;
		if (seen >> 32 == hash >> 32 && equal_pcs(fr_depot_get((uint32_t)seen), w, hash)) {
			id = (uint32_t)seen;
			break;
		}
	}
	if (!id) {
		id = append(w, hash);
		if (!id) {
			fr_drop(FR_DROP_STACK_FULL);
			return 0;
		}
		id = publish(w, hash, at, (hash >> 32) << 32 | id);
	}
	*same_slots = equal_slots(fr_depot_get(id), w);
	return id;
}
