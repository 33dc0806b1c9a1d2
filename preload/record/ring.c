/* SPDX-License-Identifier: MIT */
/*
 * ring.c - cold: takes, closes and recycles chunks; grows the tiers; the generic encoder.
 *
 * A tier is a ring of chunks in the order of their use. Taking the next one is the only step that
 * threads share:
 *
 *     ... newer ── at ── oldest ── second oldest ── ... ── newer ...
 *                    ^
 *                    a fresh chunk is linked in here while the oldest is younger than FR_MIN_AGE,
 *                    and FR_MAX_BYTES and the kernel allow
 *
 * So a burst never pushes out what is young because the chunk before it was old, and the ring stays
 * in order of age however it has grown. Open chunks are stepped over; chunks of ended threads stay
 * until the walk reaches them.
 *
 * Context: any thread, under the guard, also in signal handlers. Must not: wait.
 */
#include "record/ring.h"

#include "core/config.h"
#include "core/sys.h"
#include "core/tier_ring.h"
#include "record/upcalls.h"

struct fr_tier_ring fr_tier_rings[FR_TIERS] = {
	[FR_TIER_RARE] = {.size = FR_CHUNK_RARE},
	[FR_TIER_DENSE] = {.size = FR_CHUNK_DENSE},
};

static struct fr_chunk *chunk_at(enum fr_tier tier, uint32_t i)
{
	return (struct fr_chunk *)(fr_region.chunks[tier].base +
				   (size_t)i * fr_tier_rings[tier].size);
}

/* Pages for the first N chunks. */
static bool have(enum fr_tier tier, uint32_t n)
{
	size_t end = (size_t)n * fr_tier_rings[tier].size;

	if (!fr_span_need(&fr_region.chunks[tier], end))
		return false;
	fr_span_used(&fr_region.chunks[tier], end);
	return true;
}

/* A ring of one chunk. Without memory for that the tier stays empty, and its events are counted. */
static void ring_init(enum fr_tier tier)
{
	struct fr_tier_ring *r = &fr_tier_rings[tier];
	uint32_t max = (uint32_t)(fr_region.chunks[tier].size / r->size);

	if (r->links < max) { /* a forked child has its parent's */
		r->after = fr_sys_mmap(max * sizeof(*r->after), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		r->links = r->after ? max : 0;
	}
	atomic_store(&r->max, r->links < max ? r->links : max);
	atomic_store(&r->seq, 0);
	atomic_store(&r->at, 0);
	atomic_store(&r->n, 0);
	if (!r->links || !max || !have(tier, 1))
		return;
	atomic_store(&r->after[0], 0);
	atomic_store(&r->n, 1);
}

void fr_chunks_init(void)
{
	for (int i = 0; i < FR_TIERS; i++)
		ring_init((enum fr_tier)i);
}

/* May its content go? The clocks of two processors may differ: then it is young. */
static bool is_old(const struct fr_chunk *c, uint64_t ticks)
{
	uint64_t last = c->last;

	return ticks > last && ticks - last >= fr_clock_from_ns(fr_config.min_age);
}

static bool is_closed(const struct fr_chunk *c)
{
	return __atomic_load_n(&c->x_state, __ATOMIC_ACQUIRE) == FR_CHUNK_CLOSED;
}

/* FREE or CLOSED to OPEN; false if somebody has it. */
static bool claim(struct fr_chunk *c)
{
	uint32_t state = __atomic_load_n(&c->x_state, __ATOMIC_ACQUIRE);

	return state != FR_CHUNK_OPEN &&
	       __atomic_compare_exchange_n(&c->x_state, &state, FR_CHUNK_OPEN, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Links a fresh chunk, claimed already, behind AT. NULL: there are no more to be had. */
static struct fr_chunk *grow(enum fr_tier tier, uint32_t at)
{
	struct fr_tier_ring *r = &fr_tier_rings[tier];
	uint32_t i = atomic_load(&r->n), next;

	do {
		if (i >= atomic_load(&r->max))
			return NULL;
		if (!have(tier, i + 1)) { /* go round in what there is */
			if (atomic_load(&fr_region.chunks[tier].full))
				atomic_store(&r->max, i);
			return NULL;
		}
	} while (!atomic_compare_exchange_weak(&r->n, &i, i + 1));
	claim(chunk_at(tier, i));
	next = atomic_load(&r->after[at]);
	do {
		atomic_store(&r->after[i], next);
	} while (!atomic_compare_exchange_weak(&r->after[at], &next, i));
	atomic_compare_exchange_strong(&r->at, &at, i);
	return chunk_at(tier, i);
}

/*
 * The oldest chunk that is not open, or a fresh one. Two rounds: in the second one, after nothing
 * could be grown, the young ones go as well.
 */
static struct fr_chunk *take(enum fr_tier tier, uint64_t ticks)
{
	struct fr_tier_ring *r = &fr_tier_rings[tier];
	uint32_t n = atomic_load(&r->n);
	bool may_grow = n < atomic_load(&r->max);

	for (uint32_t t = 0; n && t < 2 * n + 2; t++) {
		uint32_t at = atomic_load(&r->at);
		uint32_t next = atomic_load(&r->after[at]);
		struct fr_chunk *c = chunk_at(tier, next);
		bool young = is_closed(c) && (n < FR_FIRST_CHUNKS || !is_old(c, ticks));

		if (may_grow && (young || t >= n)) {
			c = grow(tier, at);
			if (c)
				return c;
			may_grow = false;
			continue;
		}
		if (atomic_compare_exchange_strong(&r->at, &at, next) && claim(c))
			return c;
	}
	return NULL;
}

/* What the chunk has cost: to the class of the event that needed it. */
static void charge(struct fr_thread *t, enum fr_tier tier)
{
	const struct fr_writer *w = &t->w[tier];
	const uint8_t *event = (const uint8_t *)w->chunk + t->needed_by[tier];
	uint32_t walks = (uint32_t)t->rec->stack_walks - t->walks;

	t->walks += walks;
	if (fr_config.budget && w->p > event)
		fr_budget_charge((enum fr_event)(*event & 0x7f), w->events - w->chunk->first_event,
				 walks);
}

static void close_chunk(struct fr_thread *t, enum fr_tier tier)
{
	struct fr_writer *w = &t->w[tier];

	if (!w->chunk)
		return;
	FR_CHECK(fr_chunk_check(w->chunk, fr_tier_rings[tier].size) >=
		 w->events - w->chunk->first_event);
	charge(t, tier);
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
	__atomic_store_n(&c->x_seq, atomic_fetch_add(&fr_tier_rings[tier].seq, 1) + 1,
			 __ATOMIC_RELEASE);
	memset(w->stack, 0, sizeof(w->stack));
	memset(w->obj, 0, sizeof(w->obj));
	memset(w->ptr, 0, sizeof(w->ptr));
	w->last_obj = w->last_ptr = 0;
	w->last = ticks;
	w->chunk = c;
	w->p = (uint8_t *)(c + 1);
	w->limit = (uint8_t *)c + fr_tier_rings[tier].size - FR_EVENT_FIXED_MAX;
}

bool fr_chunk_next(struct fr_thread *t, enum fr_tier tier, uint64_t ticks)
{
	struct fr_writer *w = &t->w[tier];
	struct fr_chunk *c;

	FR_RUNS(FR_WHERE_HANDLER);
	close_chunk(t, tier);
	t->rec->events = t->w[0].events + t->w[1].events;
	c = take(tier, ticks);
	if (!c) {
		fr_drop(FR_DROP_NO_CHUNK);
		return false;
	}
	open_chunk(t, c, tier, ticks);
	if (tier == FR_TIER_RARE && t->user.n_labels)
		fr_user_again(t, ticks);
	if (fr_periodic_due(ticks))
		fr_periodic(t, ticks);
	t->needed_by[tier] = (uint16_t)(w->p - (uint8_t *)w->chunk);
	return true;
}

void fr_chunk_close_all(struct fr_thread *t)
{
	for (int i = 0; i < FR_TIERS; i++)
		close_chunk(t, (enum fr_tier)i);
	t->rec->events = t->w[0].events + t->w[1].events;
}

/* Ways that need more than the number. */
#define SPECIAL (1u << FR_WIRE_BYTES | 1u << FR_WIRE_OBJ | 1u << FR_WIRE_PTR | 1u << FR_WIRE_VIA)

/* Bytes of the blobs: what the fixed limit does not cover. */
static size_t blob_bytes(const struct fr_event_row *row, const uint64_t *args)
{
	size_t n = 0;

	for (unsigned int i = 0; i < row->n; i++) {
		if (row->op[i] == FR_WIRE_BYTES)
			n += ((const struct fr_blob *)args[i])->size;
	}
	return n;
}

/* All, or the first `short` ones if the others are 0: what a short record leaves out is 0. */
static unsigned int args_needed(const struct fr_event_row *row, const uint64_t *args)
{
	for (unsigned int i = row->n_short; i < row->n; i++) {
		if (args[i] && row->op[i] != FR_WIRE_VIA)
			return row->n;
	}
	return row->n_short;
}

static void put_repeated(struct fr_thread *t, const struct fr_fold *f, uint64_t ticks)
{
	fr_put_cold(t, FR_EV_REPEATED, FR_TIER_RARE, ticks, f->stack,
		    FR_ARGS(REPEATED, .what = f->event, .err = f->err, .count = f->count,
			    .span = f->last - f->first,
			    .ago = ticks > f->last ? ticks - f->last : 0, .object = f->object,
			    .via = f->via));
}

void fr_put_repeated(struct fr_thread *t, uint64_t ticks)
{
	struct fr_fold f;

	t->fold_due = 0;
	while (fr_fold_take(t, &f))
		put_repeated(t, &f, ticks);
}

/* Is the event, of the rare tier, a failure like many before it, and left out? */
static FR_COLD bool is_repeated(struct fr_thread *t, enum fr_event ev, uint64_t ticks,
				uint32_t stack, const uint64_t *args)
{
	struct fr_fold before;
	bool folded = fr_fold(t, ev, ticks, stack, args, &before);

	if (before.count)
		put_repeated(t, &before, ticks);
	return folded;
}

/* Of `ready` nothing is the host's text. */
static uint8_t *put_text(uint8_t *p, enum fr_event ev, const struct fr_blob *b)
{
	p = fr_put_varint(p, b->size);
	if (ev == FR_EV_NET_POLL)
		memcpy(p, b->data, b->size);
	else
		fr_text_store(p, b->data, b->size);
	return p + b->size;
}

void fr_put_cold(struct fr_thread *t, enum fr_event ev, enum fr_tier tier, uint64_t ticks,
		 uint32_t stack, const uint64_t *args)
{
	const struct fr_event_row *row = &fr_event_rows[ev];
	size_t blob = row->ways >> FR_WIRE_BYTES & 1 ? blob_bytes(row, args) : 0;
	uint64_t via = fr_event_via(row, args);
	struct fr_writer *w = &t->w[tier];
	unsigned int n;
	uint8_t *p;

	if (unlikely(t->fold_due && ticks >= t->fold_due))
		fr_put_repeated(t, ticks);
	if (tier == FR_TIER_RARE && row->ways & FR_WAY_ERR &&
	    is_repeated(t, ev, ticks, stack, args))
		return;
	if (blob > FR_EVENT_MAX - FR_EVENT_FIXED_MAX) {
		fr_drop(FR_DROP_TOO_LONG);
		return;
	}
	if (unlikely(ticks >= fr_clock.next_pair))
		fr_periodic(t, ticks);
	if (unlikely(w->p + blob >= w->limit) && !fr_chunk_next(t, tier, ticks))
		return;
	n = args_needed(row, args);
	p = fr_put_head(w, ev, ticks, fr_stack_key(stack, via), n < row->n, true);
	/* once in memory: after the host's system call this code is not in any cache */
#pragma GCC unroll 1
	for (unsigned int i = 0; i < n; i++) {
		uint8_t op = row->op[i];

		if (op == FR_WIRE_BYTES)
			p = put_text(p, ev, (const struct fr_blob *)args[i]);
		else if (unlikely(SPECIAL >> op & 1))
			p = fr_put_arg(p, w, op, args[i]);
		else
			p = fr_put_varint(p, op == FR_WIRE_ZIGZAG ? fr_zigzag((int64_t)args[i])
								  : args[i]);
	}
	fr_commit(w, p);
}
