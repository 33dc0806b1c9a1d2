/* SPDX-License-Identifier: MIT */
/*
 * test_model_levels.c - what is known of holds where the level of locks was changed meanwhile, by
 * fr ctl or by FR_BUDGET: at level slow a lock can be given back and taken again unseen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u

struct cast {
	struct synth *s;
	uint32_t owner, waiter, z;
};

/* At the end the level of locks is NOW. */
static struct cast cast(uint8_t now)
{
	struct cast c = {.s = scene_synth(10000)};

	c.owner = synth_thread(c.s, 100, "owner");
	c.waiter = synth_thread(c.s, 101, "waiter");
	c.z = synth_thread(c.s, 102, "z");
	synth_header(c.s)->levels[FR_CLASS_LOCK] = now;
	return c;
}

static void level(struct cast *c, double at, uint32_t now, uint32_t before)
{
	SYNTH_EVENT(c->s, c->z, MS(at), FR_EV_LEVEL, 0, FR_CLASS_LOCK, now, before);
}

static void raised(struct cast *c, double at)
{
	level(c, at, FR_LEVEL_FULL, FR_LEVEL_SLOW);
}

static void lowered(struct cast *c, double at)
{
	level(c, at, FR_LEVEL_SLOW, FR_LEVEL_FULL);
}

/* Somebody waited for the owner from A to B, when it gave the lock back. */
static void contended(struct cast *c, double a, double b)
{
	scene_release(c->s, c->owner, b, L, scene_stack(c->s, 1));
	scene_wait(c->s, c->waiter, a, b + .01, L, 100, scene_stack(c->s, 2));
}

static void take(struct cast *c, double at)
{
	SYNTH_EVENT(c->s, c->owner, MS(at), FR_EV_MUTEX_LOCK, scene_stack(c->s, 3), L);
}

static void give(struct cast *c, double at)
{
	SYNTH_EVENT(c->s, c->owner, MS(at), FR_EV_MUTEX_UNLOCK, scene_stack(c->s, 3), L);
}

static const struct hold *hold_until(const struct scene *sc, double end)
{
	for (size_t i = 0; i < sc->m->n_holds; i++) {
		if (sc->m->holds[i].end_ns == MS(end))
			return &sc->m->holds[i];
	}
	fail_msg("no hold ends at %f ms", end);
	return NULL;
}

static void expect_hold(const struct scene *sc, double end, unsigned int quality, double start)
{
	const struct hold *h = hold_until(sc, end);

	assert_int_equal(h->quality, quality);
	assert_int_equal(h->start_ns, MS(start));
}

/* The owner had to wait for it once, at level slow: since then it may have been free unseen. */
static void taken_before_the_level_was_raised(void **state)
{
	struct cast c = cast(FR_LEVEL_FULL);
	struct scene sc;

	scene_release(c.s, c.z, 2, L, 0);
	scene_wait(c.s, c.owner, 1, 2.01, L, 102, scene_stack(c.s, 2));
	raised(&c, 5000);
	contended(&c, 8999, 9000);
	scene_open(&sc, c.s);
	expect_hold(&sc, 9000, HOLD_AT_LEAST, 8999);
	assert_true(sc.m->locks[0].max_hold_ns <= NS(1));
	scene_close(&sc);
}

/* What comes after the change is exact, and what was open before is no outer lock of a recursion.
 */
static void taken_after_the_level_was_raised(void **state)
{
	struct cast c = cast(FR_LEVEL_FULL);
	struct scene sc;

	scene_release(c.s, c.z, 2, L, 0);
	scene_wait(c.s, c.owner, 1, 2.01, L, 102, scene_stack(c.s, 2));
	raised(&c, 5000);
	scene_hold(c.s, c.owner, 5100, 5101, L, 0);
	take(&c, 8000);
	contended(&c, 8999, 9000);
	scene_open(&sc, c.s);
	expect_hold(&sc, 9000, HOLD_EXACT, 8000);
	assert_int_equal(sc.m->locks[0].holds, 3);
	scene_close(&sc);
}

/* Two locks at level slow are no recursion: the release between them was not worth an event. */
static void slow_at_first(void **state)
{
	struct cast c = cast(FR_LEVEL_FULL);
	struct scene sc;

	scene_release(c.s, c.z, 2, L, 0);
	scene_wait(c.s, c.owner, 1, 2.01, L, 102, scene_stack(c.s, 2));
	scene_release(c.s, c.z, 12, L, 0);
	scene_wait(c.s, c.owner, 11, 12.01, L, 102, scene_stack(c.s, 2));
	contended(&c, 20, 21);
	raised(&c, 5000);
	scene_open(&sc, c.s);
	expect_hold(&sc, 21, HOLD_AT_LEAST, 20);
	scene_close(&sc);
}

/* A hook that had seen the old level may still be on its way when the event is written. */
static void the_change_takes_its_time(void **state)
{
	struct cast c = cast(FR_LEVEL_FULL);
	struct scene sc;

	SYNTH_EVENT(c.s, c.z, MS(5000), FR_EV_LEVEL, 0, FR_CLASS_LOCK, FR_LEVEL_FULL, FR_LEVEL_SLOW,
		    2, NS(10));
	take(&c, 5009);
	contended(&c, 8999, 9000);
	scene_open(&sc, c.s);
	expect_hold(&sc, 9000, HOLD_AT_LEAST, 8999);
	scene_close(&sc);
}

/* Exact as long as everything was recorded, and no longer. */
static void lowered_meanwhile(void **state)
{
	struct cast c = cast(FR_LEVEL_SLOW);
	struct scene sc;

	take(&c, 1);
	contended(&c, 15, 20);
	take(&c, 30);
	lowered(&c, 100);
	contended(&c, 8999, 9000);
	scene_open(&sc, c.s);
	expect_hold(&sc, 20, HOLD_EXACT, 1);
	expect_hold(&sc, 9000, HOLD_AT_LEAST, 8999);
	scene_close(&sc);
}

/* The inner unlock of a recursion was not recorded: the outer one is a release all the same. */
static void lowered_in_a_recursion(void **state)
{
	struct cast c = cast(FR_LEVEL_SLOW);
	struct scene sc;

	take(&c, 1);
	take(&c, 2);
	lowered(&c, 100);
	contended(&c, 199, 200);
	scene_open(&sc, c.s);
	expect_hold(&sc, 200, HOLD_AT_LEAST, 199);
	scene_close(&sc);
}

/* Lowered and tried again: both ends are at level full, what is between is not. */
static void lowered_and_raised(void **state)
{
	struct cast c = cast(FR_LEVEL_FULL);
	struct scene sc;

	take(&c, 1);
	lowered(&c, 100);
	raised(&c, 5000);
	contended(&c, 8999, 9000);
	take(&c, 9100);
	contended(&c, 9150, 9200);
	take(&c, 9300);
	give(&c, 9301);
	scene_open(&sc, c.s);
	expect_hold(&sc, 9000, HOLD_AT_LEAST, 8999);
	expect_hold(&sc, 9200, HOLD_EXACT, 9100);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_before_the_level_was_raised),
		cmocka_unit_test(taken_after_the_level_was_raised),
		cmocka_unit_test(slow_at_first),
		cmocka_unit_test(the_change_takes_its_time),
		cmocka_unit_test(lowered_meanwhile),
		cmocka_unit_test(lowered_in_a_recursion),
		cmocka_unit_test(lowered_and_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
