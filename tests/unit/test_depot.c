/* SPDX-License-Identifier: MIT */
/*
 * test_depot.c - which stacks are one (preload/record/depot.c), which of them a replay may take for
 * another, and which of them go when there is no more room (depot_turn.c). The kernel and the rest
 * of the recorder are stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "preload/core/check.h"
#include "preload/core/gate.h"
#include "preload/core/sys.h"
#include "preload/record/blocks.h"
#include "preload/record/depot.h"
#include "preload/record/depot_turn.h"
#include "preload/record/thread.h"

enum fr_sys_filter fr_sys_filter;
struct fr_region fr_region;
struct fr_gate fr_gate;
static uint64_t drops[FR_DROP_MAX];
static struct fr_header header;
static struct fr_crash crash;
static struct fr_thread_rec waiter;
static bool quiescent; /* what the depot is told of other threads */
static uint32_t epochs;

bool fr_blocks_quiescent_since(uint32_t turn)
{
	(void)turn;
	return quiescent;
}

void fr_stack_next_epoch(void)
{
	epochs++;
}

struct fr_thread_rec *fr_thread_at(uint32_t i)
{
	return i == 0 ? &waiter : NULL;
}

bool fr_sys_let_through(long nr)
{
	(void)nr;
	return true;
}

bool fr_span_grow(struct fr_span *s, size_t end)
{
	if (end > s->size)
		return false;
	atomic_store(&s->ready, end);
	return true;
}

void fr_span_raise(struct fr_span *s, size_t end)
{
	atomic_store(&s->used, end);
}

#ifdef FR_DEBUG
void fr_where_check(unsigned int allowed, uintptr_t frame, const char *function)
{
	(void)allowed;
	(void)frame;
	(void)function;
}
#endif

static int begin(void **state)
{
	struct fr_span *s = &fr_region.depot;

	(void)state;
	free(s->base);
	*s = (struct fr_span){.base = calloc(1, 1 << 16), .size = 1 << 16};
	memset(drops, 0, sizeof(drops));
	memset(&waiter, 0, sizeof(waiter));
	memset(&fr_gate, 0, sizeof(fr_gate));
	fr_region.hdr = &header;
	fr_region.crash = &crash;
	quiescent = false;
	epochs = 0;
	fr_region.drops = drops;
	assert_true(fr_depot_init());
	return 0;
}

/* Six frames, so that the PCs that a replay compares have a rest; two saved frame pointers. */
static struct fr_walk walk(void)
{
	struct fr_walk w = {.n = 6, .n_fp = 2, .replayable = true};

	for (unsigned int i = 0; i < 6; i++) {
		w.pc[i] = 0x1000 * (i + 1);
		w.ra[i] = (uint16_t)(10 * i);
	}
	for (uint16_t i = 0; i < 2; i++) {
		w.fp[i].at = (uint16_t)(20 + i);
		w.fp[i].value = (uint16_t)(30 + i);
	}
	return w;
}

static bool same(const struct fr_walk *w, uint32_t id)
{
	bool same_slots;

	assert_int_equal(fr_depot_put(w, &same_slots), id);
	return same_slots;
}

static void equal_stacks_are_stored_once(void **state)
{
	struct fr_walk w = walk();
	bool slots;
	uint32_t id = fr_depot_put(&w, &slots);
	size_t used = atomic_load(&fr_region.depot.used);

	assert_true(id && slots);
	assert_true(same(&w, id));
	assert_int_equal(atomic_load(&fr_region.depot.used), used);
	assert_int_equal(fr_depot_get(id)->n_frames, 6);
	assert_memory_equal(fr_depot_get(id)->pc, w.pc, 6 * 8);
	(void)state;
}

static void other_stacks_have_other_numbers(void **state)
{
	struct fr_walk w = walk();
	bool slots;
	uint32_t id = fr_depot_put(&w, &slots);

	w.pc[5]++;
	assert_int_not_equal(fr_depot_put(&w, &slots), id);
	w = walk();
	w.n = 5;
	assert_int_not_equal(fr_depot_put(&w, &slots), id);
	w = walk();
	w.flags = FR_STACK_CUT;
	assert_int_not_equal(fr_depot_put(&w, &slots), id);
	(void)state;
}

/* A replay looks where the stored stack had its words: it may only be tried if W has them there. */
static void other_places_are_not_replayed(void **state)
{
	struct fr_walk w = walk();
	bool slots;
	uint32_t id = fr_depot_put(&w, &slots);

	w.ra[4]++;
	assert_false(same(&w, id));
	w = walk();
	w.fp[1].at++;
	assert_false(same(&w, id));
	w = walk();
	w.fp[1].value++;
	assert_false(same(&w, id));
	w = walk();
	w.n_fp = 1;
	assert_false(same(&w, id));
	w = walk();
	w.replayable = false;
	assert_false(same(&w, id));
	w = walk();
	assert_true(same(&w, id));
	(void)state;
}

static void what_cannot_be_replayed_never_is(void **state)
{
	struct fr_walk w = walk();
	bool slots;
	uint32_t id;

	w.replayable = false;
	id = fr_depot_put(&w, &slots);
	assert_false(slots);
	assert_false(same(&w, id));
	w.replayable = true;
	assert_false(same(&w, id));
	(void)state;
}

/* The loop over the PCs takes four at a time: the rest is the last one again. */
static void the_rest_is_filled(void **state)
{
	struct fr_walk w = walk();
	bool slots;
	uint32_t id = fr_depot_put(&w, &slots), n = fr_depot_replayed(w.n);
	const struct fr_stack_rec *r = fr_depot_get(id);
	const struct fr_slots *s = fr_depot_slots(r, n);

	assert_int_equal(n, 8);
	for (uint32_t i = 6; i <= n; i++) {
		assert_int_equal(r->pc[i], w.pc[5]);
		assert_int_equal(s->at[i - 1], w.ra[4]);
	}
	(void)state;
}

/* Puts stacks that nobody has seen, until LAPS of the depot are full or one is refused. */
static uint32_t fill(struct fr_walk *w, uint32_t laps)
{
	bool slots;
	uint32_t id, n = 0;

	while ((id = fr_depot_put(w, &slots)) && id / header.depot_words < laps) {
		w->pc[0]++;
		n++;
	}
	return n;
}

/* Somebody may be reading the oldest: then no stack takes their place. */
static void a_full_depot_is_counted(void **state)
{
	struct fr_walk w = walk();
	bool slots;

	assert_in_range(fill(&w, 2), 200, 65536 / 8);
	assert_int_equal(drops[FR_DROP_STACK_FULL], 1);
	assert_int_equal(header.x_depot_turns, FR_DEPOT_SEGMENTS - 1);
	w.pc[0]--; /* the last one that had room */
	assert_int_not_equal(fr_depot_put(&w, &slots), 0);
	quiescent = true;
	w.pc[0]++;
	assert_int_equal(fr_depot_put(&w, &slots) / header.depot_words, 1);
	(void)state;
}

static void new_ones_take_the_place_of_old_ones(void **state)
{
	struct fr_walk w = walk();
	uint32_t before = 0;
	bool slots;

	quiescent = true;
	for (uint32_t i = 0; i < 20000; i++, w.pc[0]++) {
		uint32_t id = fr_depot_put(&w, &slots);

		assert_true(id > before && slots);
		assert_memory_equal(fr_depot_get(id)->pc, w.pc, 6 * 8);
		before = id;
	}
	assert_int_equal(drops[FR_DROP_STACK_FULL], 0);
	assert_int_equal(epochs, 1 + header.x_depot_turns); /* memos are told each time */
	assert_in_range(header.x_depot_turns, 5 * FR_DEPOT_SEGMENTS, UINT32_MAX);
	(void)state;
}

/* What is taken again and again is stored anew, before its old place is needed. */
static void what_is_in_use_moves_on(void **state)
{
	struct fr_walk w = walk(), always = walk();
	bool slots;

	quiescent = true;
	always.pc[5] = 0x77777;
	for (uint32_t i = 0; i < 20000; i++, w.pc[0]++) {
		uint32_t id = fr_depot_put(&always, &slots), fresh = fr_depot_put(&w, &slots);

		assert_true(fresh - id < header.depot_words / 2 + header.depot_words / 8);
		assert_memory_equal(fr_depot_get(id)->pc, always.pc, 6 * 8);
	}
	(void)state;
}

/* A thread waits there since ever: its stack stays, and no other one has a word of it. */
static void what_a_record_points_at_stays(void **state)
{
	struct fr_walk w = walk(), where = walk();
	uint32_t size, at;
	bool slots;

	quiescent = true;
	where.pc[5] = 0x88888;
	fill(&w, 1);
	waiter.st_stack = fr_depot_put(&where, &slots);
	size = fr_depot_get(waiter.st_stack)->total_size / 8;
	at = waiter.st_stack & fr_depot_mask;
	for (uint32_t i = 0; i < 20000; i++, w.pc[0]++) {
		uint32_t id = fr_depot_put(&w, &slots) & fr_depot_mask;

		assert_true(id >= at + size || id + fr_depot_get(id)->total_size / 8 <= at);
		assert_memory_equal(fr_depot_get(waiter.st_stack)->pc, where.pc, 6 * 8);
	}
	(void)state;
}

/* No pages for more than three segments: these are the ring then. */
static void where_memory_ends_the_ring_is_smaller(void **state)
{
	struct fr_walk w = walk();
	size_t all = fr_region.depot.size;
	bool slots;

	quiescent = true;
	fr_region.depot.size = all / FR_DEPOT_SEGMENTS * 3 + 512;
	for (uint32_t i = 0; i < 20000; i++, w.pc[0]++) {
		uint32_t id = fr_depot_put(&w, &slots);

		assert_int_not_equal(id, 0);
		assert_true((id & fr_depot_mask) * 8ull < fr_region.depot.size);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(equal_stacks_are_stored_once, begin),
		cmocka_unit_test_setup(other_stacks_have_other_numbers, begin),
		cmocka_unit_test_setup(other_places_are_not_replayed, begin),
		cmocka_unit_test_setup(what_cannot_be_replayed_never_is, begin),
		cmocka_unit_test_setup(the_rest_is_filled, begin),
		cmocka_unit_test_setup(a_full_depot_is_counted, begin),
		cmocka_unit_test_setup(new_ones_take_the_place_of_old_ones, begin),
		cmocka_unit_test_setup(what_is_in_use_moves_on, begin),
		cmocka_unit_test_setup(what_a_record_points_at_stays, begin),
		cmocka_unit_test_setup(where_memory_ends_the_ring_is_smaller, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
