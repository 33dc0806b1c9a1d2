/* SPDX-License-Identifier: MIT */
/*
 * ring.c - cold: takes, closes and recycles chunks; grows the tiers; the generic encoder.
 *
 * A tier is a ring of chunks in order of use. Taking the next one is the only step that threads
 * share:
 *
 *     0 ........ ready ........ target ........ max
 *     populated  |  will be populated next  |  allowed by FR_MAX_BYTES
 *
 * `next` walks 0..target and wraps. When it wraps and the chunk it would reuse is younger than
 * FR_MIN_AGE, target doubles and the walk goes on into fresh chunks: so the ring stays in order of
 * age. Open chunks are stepped over; chunks of ended threads stay until the walk reaches them.
 *
 * Context: any thread, under the guard, also in signal handlers. Must not: wait.
 */
#include "ring.h"

#include "config.h"
#include "watch.h"

struct tier {
	_Atomic uint64_t seq; /* fillings so far */
	_Atomic uint32_t next; /* chunk to try next */
	_Atomic uint32_t target; /* chunks the ring may use now */
	uint32_t max;
	uint32_t size; /* bytes of a chunk */
	enum fr_section_id section;
};

static struct tier tiers[FR_TIERS] = {
	[FR_TIER_RARE] = {.size = FR_CHUNK_RARE, .section = FR_SEC_CHUNKS_RARE},
	[FR_TIER_DENSE] = {.size = FR_CHUNK_DENSE, .section = FR_SEC_CHUNKS_DENSE},
};

void fr_chunks_init(void)
{
	for (int i = 0; i < FR_TIERS; i++) {
		struct tier *r = &tiers[i];

		r->max = (uint32_t)(fr_region.chunks[i].size / r->size);
		atomic_store(&r->target, r->max < 32 ? r->max : 32);
		atomic_store(&r->next, 0);
		atomic_store(&r->seq, 0);
	}
}

static struct fr_chunk *chunk_at(enum fr_tier tier, uint32_t i)
{
	return (struct fr_chunk *)(fr_region.chunks[tier].base + (size_t)i * tiers[tier].size);
}

/* At the wrap: is the history too short, and may the ring grow? */
static bool extend(enum fr_tier tier, uint64_t ticks)
{
	struct tier *r = &tiers[tier];
	uint32_t target = atomic_load(&r->target);
	uint64_t last = chunk_at(tier, 0)->last;
	uint64_t age = last && ticks > last ? ticks - last : 0;

	if (target >= r->max || age >= fr_clock_from_ns(fr_config.min_age_ns))
		return false;
	atomic_compare_exchange_strong(&r->target, &target,
				       target * 2 < r->max ? target * 2 : r->max);
	return true;
}

/* The next chunk's number, after the walk's order. */
static uint32_t step(enum fr_tier tier, uint64_t ticks)
{
	struct tier *r = &tiers[tier];
	uint32_t i = atomic_load(&r->next);
	uint32_t use;

	do {
		use = i;
		if (use >= atomic_load(&r->target) && !extend(tier, ticks))
			use = 0;
	} while (!atomic_compare_exchange_weak(&r->next, &i, use + 1));
	return use;
}

/* FREE or CLOSED to OPEN; false if somebody has it. */
static bool claim(struct fr_chunk *c)
{
	uint32_t state = __atomic_load_n(&c->x_state, __ATOMIC_ACQUIRE);

	return state != FR_CHUNK_OPEN &&
	       __atomic_compare_exchange_n(&c->x_state, &state, FR_CHUNK_OPEN, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct fr_chunk *take(enum fr_tier tier, uint64_t ticks)
{
	struct tier *r = &tiers[tier];
	struct fr_span *span = &fr_region.chunks[tier];
	uint32_t tries = 2 * atomic_load(&r->target) + 2;

	for (uint32_t t = 0; t < tries; t++) {
		uint32_t i = step(tier, ticks);
		size_t end = ((size_t)i + 1) * r->size;

		if (!fr_span_need(span, end)) {
			/* The kernel gives no more: go round in what there is. */
			uint32_t have = (uint32_t)(atomic_load(&span->ready) / r->size);

			if (!have)
				return NULL;
			atomic_store(&r->target, have);
			tries = 2 * have + 2;
			continue;
		}
		fr_section_used(r->section, end);
		if (claim(chunk_at(tier, i)))
			return chunk_at(tier, i);
	}
	return NULL;
}

static void close_chunk(struct fr_writer *w)
{
	if (!w->chunk)
		return;
	w->chunk->last = w->last;
	__atomic_store_n(&w->chunk->x_state, FR_CHUNK_CLOSED, __ATOMIC_RELEASE);
	w->chunk = NULL;
	w->p = w->limit = NULL;
}

static void open_chunk(struct fr_thread *t, struct fr_chunk *c, enum fr_tier tier, uint64_t ticks)
{
	struct fr_writer *w = &t->w[tier];

	__atomic_store_n(&c->x_seq, 0, __ATOMIC_RELEASE);
	c->serial = t->rec->serial;
	c->tid = t->tid;
	c->base = ticks;
	c->last = 0;
	c->first_event = w->events;
	__atomic_store_n(&c->x_committed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&c->x_seq, atomic_fetch_add(&tiers[tier].seq, 1) + 1, __ATOMIC_RELEASE);
	memset(w->stack, 0, sizeof(w->stack));
	memset(w->obj, 0, sizeof(w->obj));
	memset(w->ptr, 0, sizeof(w->ptr));
	w->last_obj = w->last_ptr = 0;
	w->last = ticks;
	w->chunk = c;
	w->p = (uint8_t *)(c + 1);
	w->limit = (uint8_t *)c + tiers[tier].size - FR_EVENT_FIXED_MAX;
}

bool fr_chunk_next(struct fr_thread *t, enum fr_tier tier, uint64_t ticks)
{
	struct fr_writer *w = &t->w[tier];
	struct fr_chunk *c;

	close_chunk(w);
	t->rec->events = t->w[0].events + t->w[1].events;
	c = take(tier, ticks);
	if (!c) {
		fr_drop(FR_DROP_NO_CHUNK);
		return false;
	}
	open_chunk(t, c, tier, ticks);
	if (tier == FR_TIER_RARE && t->user.n_labels)
		fr_user_again(t, ticks);
	if (fr_watch_due(ticks))
		fr_watch(t, ticks);
	return true;
}

void fr_chunk_close_all(struct fr_thread *t)
{
	for (int i = 0; i < FR_TIERS; i++)
		close_chunk(&t->w[i]);
	t->rec->events = t->w[0].events + t->w[1].events;
}

/* Bytes of the row's blobs: what the fixed limit does not cover. */
static size_t blob_bytes(enum fr_event ev, const uint64_t *args)
{
	size_t n = 0;

	for (int i = 0; i < FR_ARGS_MAX; i++) {
		uint8_t type = fr_event_types[ev][i];

		if (type == FR_ARG_STR || type == FR_ARG_SOCK || type == FR_ARG_PAIR)
			n += ((const struct fr_blob *)args[i])->size;
	}
	return n;
}

void fr_put_cold(struct fr_thread *t, enum fr_event ev, enum fr_tier tier, uint64_t ticks,
		 uint32_t stack, const uint64_t *args)
{
	struct fr_writer *w = &t->w[tier];
	size_t blob = blob_bytes(ev, args);

	if (blob > FR_EVENT_MAX - FR_EVENT_FIXED_MAX) {
		fr_drop(FR_DROP_TOO_LONG);
		return;
	}
	if (fr_watch_due(ticks))
		fr_watch(t, ticks);
	if (w->p + blob >= w->limit && !fr_chunk_next(t, tier, ticks))
		return;
	fr_put(t, ev, tier, ticks, stack, false, args);
}
