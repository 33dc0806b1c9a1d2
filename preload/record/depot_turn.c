/* SPDX-License-Identifier: MIT */
/*
 * depot_turn.c - see depot_turn.h.
 *
 * Context: any thread, signal handlers too; the turn itself under fr_gate.turn_lock, which nobody
 * waits for. Must not: trust what lies in the region, which others can write to, with more than the
 * truth of a stack.
 */
#include "record/depot_turn.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/gate.h"
#include "record/blocks.h"
#include "record/depot.h"
#include "record/epoch.h"
#include "record/thread.h"

#define SEGMENTS FR_DEPOT_SEGMENTS
#define PINS 512u

/* Words of the segment being filled that belong to an old stack. Sorted, apart. */
struct pin {
	uint32_t at, end;
};

static struct {
	unsigned int lap_shift; /* id >> this = lap */
	unsigned int shift; /* id >> this = number of the segment since the beginning */
	uint32_t in_use; /* segments that can get pages */
	uint32_t quiescent_after; /* the turn at which that became fewer */
	_Atomic uint32_t turns;
	/* by place: which segment since the beginning it is, and the turn that began it */
	_Atomic uint32_t number[SEGMENTS], begun[SEGMENTS];
	/* by parity of the turn: who still reads the last one's fails to move the cursor */
	struct pin pins[2][PINS];
	_Atomic uint32_t n_pins[2];
} ring FR_BIG;

FR_HOT uint32_t fr_depot_mask;

void fr_turn_init(uint32_t words)
{
	fr_depot_mask = words - 1;
	ring.quiescent_after = 0;
	atomic_store(&ring.turns, 0);
	ring.lap_shift = (unsigned int)__builtin_ctz(words);
	ring.shift = ring.lap_shift - (unsigned int)__builtin_ctz(SEGMENTS);
	ring.in_use = SEGMENTS;
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		atomic_store(&ring.number[i], i ? UINT32_MAX : 0); /* none yet but the first */
		atomic_store(&ring.begun[i], 0);
	}
	for (uint32_t i = 0; i < 2; i++)
		atomic_store(&ring.n_pins[i], 0); /* their pages are not touched at each start */
}

uint32_t fr_depot_turns(void)
{
	return atomic_load_explicit(&ring.turns, memory_order_acquire);
}

uint64_t fr_turn_lap(uint32_t id)
{
	return (uint64_t)(id >> ring.lap_shift) * FR_STACK_LAP;
}

bool fr_turn_accepts(uint32_t id)
{
	uint32_t number = id >> ring.shift, i = number % SEGMENTS;
	uint32_t turns = fr_depot_turns();

	return atomic_load_explicit(&ring.number[i], memory_order_relaxed) == number &&
	       turns - atomic_load_explicit(&ring.begun[i], memory_order_relaxed) < ring.in_use / 2;
}

/* ---- stacks that stay ------------------------------------------------------------------------ */

struct gather {
	struct pin *pins;
	uint32_t n, words;
	uint32_t segment; /* by place */
};

/* The place of stack ID, if it lies in the segment and is whole. */
static bool find(const struct gather *g, uint32_t id, struct pin *out)
{
	uint32_t segment_words = 1u << ring.shift, at = id & fr_depot_mask;
	const struct fr_stack_rec *r = fr_depot_get(id);
	uint32_t n, size;

	if (!id || at >> ring.shift != g->segment ||
	    segment_words - at % segment_words < sizeof(*r) / 8)
		return false;
	n = r->n_frames;
	size = r->total_size;
	*out = (struct pin){at, at + size / 8};
	return n && n <= FR_FRAMES_MAX && size >= sizeof(*r) + 8 * n &&
	       size / 8 <= segment_words - at % segment_words &&
	       XXH3_64bits(r->pc, 8u * n) + fr_turn_lap(id) == r->hash;
}

/* More than half a segment is not kept: what is left out reads as a stack that is gone. */
static void keep(struct gather *g, uint32_t id)
{
	struct pin p;
	uint32_t i;

	if (g->n == PINS || !find(g, id, &p) || g->words + p.end - p.at > 1u << (ring.shift - 1))
		return;
	for (i = g->n; i > 0 && g->pins[i - 1].at >= p.at; i--)
		;
	if (i < g->n && g->pins[i].at < p.end)
		return; /* it is there already */
	memmove(&g->pins[i + 1], &g->pins[i], (g->n - i) * sizeof(p));
	g->pins[i] = p;
	g->words += p.end - p.at;
	g->n++;
}

static void keep_of_threads(struct gather *g)
{
	const struct fr_thread_rec *r;

	for (uint32_t i = 0; (r = fr_thread_at(i)); i++) {
		uint32_t held = r->n_held < FR_HELD_MAX ? r->n_held : FR_HELD_MAX;

		keep(g, r->st_stack);
		keep(g, r->create_stack);
		for (uint32_t k = 0; k < held; k++)
			keep(g, r->held[k].stack);
	}
}

static void keep_of_tables(struct gather *g)
{
	const struct fr_lock_rec *locks = (const void *)fr_region.locks.base;
	const struct fr_fd_rec *fds = (const void *)fr_region.fds.base;
	size_t n_locks = atomic_load(&fr_region.locks.used) / sizeof(*locks);
	size_t n_fds = atomic_load(&fr_region.fds.used) / sizeof(*fds);

	keep(g, fr_region.crash->stack);
	for (size_t i = 0; i < n_locks; i++)
		keep(g, locks[i].first_stack);
	for (size_t i = 0; i < n_fds; i++)
		keep(g, fds[i].stack);
}

static void gather(uint32_t turn, uint32_t segment)
{
	struct gather g = {.pins = ring.pins[turn & 1], .segment = segment};

	atomic_store(&ring.n_pins[turn & 1], 0);
	keep_of_threads(&g);
	keep_of_tables(&g);
	atomic_store(&ring.n_pins[turn & 1], g.n);
}

uint32_t fr_turn_place(uint32_t from, uint32_t words)
{
	/* those of FROM's own segment: the next one's may be there before the cursor moves */
	uint32_t turn = atomic_load(&ring.begun[(from >> ring.shift) % SEGMENTS]) & 1;
	uint32_t n = atomic_load(&ring.n_pins[turn]);
	uint32_t lap = from & ~fr_depot_mask, at = from & fr_depot_mask;
	uint32_t end = (at | ((1u << ring.shift) - 1)) + 1;

	for (uint32_t i = 0; i < n && i < PINS; i++) {
		struct pin p = ring.pins[turn][i];

		if (p.end > at && p.at < at + words)
			at = p.end;
	}
	return at + words < end ? lap | at : 0; /* never to its very end: that is the next one's */
}

/* ---- the turn -------------------------------------------------------------------------------- */

/* The segment after NUMBER, among those that have pages; 0: ids are used up. */
static uint32_t after(uint32_t number)
{
	uint32_t next = number % SEGMENTS + 1 < ring.in_use ? number + 1
							    : (number / SEGMENTS + 1) * SEGMENTS;

	return next < (UINT32_MAX >> ring.shift) - SEGMENTS ? next : 0;
}

/* May the segment with that place be written over? */
static bool is_free(uint32_t place)
{
	uint32_t until;

	if (atomic_load(&ring.number[place]) == UINT32_MAX)
		return true;
	until = atomic_load(&ring.begun[place]) + ring.in_use / 2;
	if (until < ring.quiescent_after)
		until = ring.quiescent_after;
	/* who handles a crash uses the depot without a thread's block */
	return !atomic_load(&fr_gate.crashing) && fr_blocks_quiescent_since(until);
}

static bool begin(_Atomic uint32_t *cursor, uint32_t next)
{
	uint32_t turn = atomic_load(&ring.turns) + 1, place = next % SEGMENTS;

	if (!is_free(place))
		return false;
	if (atomic_load(&ring.number[place]) != UINT32_MAX)
		gather(turn, place);
	else
		atomic_store(&ring.n_pins[turn & 1], 0);
	atomic_store(&ring.begun[place], turn);
	atomic_store(&ring.number[place], next);
	atomic_store(&ring.turns, turn);
	fr_stack_next_epoch();
	fr_region.hdr->x_depot_turns = turn;
	atomic_store(cursor, next << ring.shift);
	return true;
}

/* The segment of FROM has no pages: the ring is what lies before it. False: that is too little. */
static bool shrink(uint32_t from)
{
	uint32_t place = (from >> ring.shift) % SEGMENTS;

	if (place < 2 || place >= ring.in_use)
		return false;
	ring.in_use = place;
	ring.quiescent_after = atomic_load(&ring.turns) + 1;
	return true;
}

bool fr_turn_next(_Atomic uint32_t *cursor, uint32_t from, bool no_pages)
{
	uint32_t number = from >> ring.shift;
	uint64_t signals;
	bool done = true;

	if (!fr_try_lock_masked(&fr_gate.turn_lock, &signals))
		return false;
	if (atomic_load(cursor) >> ring.shift == number) {
		uint32_t next = no_pages && !shrink(from) ? 0 : after(number);

		done = next && begin(cursor, next);
	}
	fr_unlock_masked(&fr_gate.turn_lock, signals);
	return done;
}
