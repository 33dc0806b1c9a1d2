/* SPDX-License-Identifier: MIT */
/*
 * test_model_futex.c - futexes: who woke whom, and of those that are known as locks who has them.
 *
 * Each claim stands beside nearly the same recording where it must not be made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xb000u
#define K 0xb100u

/* From A to B milliseconds; LIMIT in ms, 0 = none. */
static void waited(struct synth *s, uint32_t t, double a, double b, uint64_t addr, double limit,
		   uint32_t stack)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_FUTEX_WAIT, stack, addr, NS(b - a), 128, NS(limit));
}

/* Whoever was woken goes on at A; the call is over at B. */
static void woke(struct synth *s, uint32_t t, double a, double b, uint64_t addr, uint64_t woken,
		 uint32_t stack)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_FUTEX_WAKE, stack, addr, NS(b - a), 1, woken, 129);
}

static void waits(struct synth *s, uint32_t t, double since, uint64_t addr, uint32_t stack)
{
	synth_waits(s, t, "syscall", MS(since), addr, 0, stack);
	synth_call_rec(s, synth_call(s, "syscall"))->flags =
		FR_HOOK_TOLD | FR_WAIT_FUTEX << FR_HOOK_WAIT_SHIFT;
}

/* The model in which L and K are locks of KIND. */
static void open_knowing(struct scene *sc, struct synth *s, enum futex_kind kind)
{
	struct futex_known locks[] = {{L, (uint8_t)kind, 1}, {K, (uint8_t)kind, 1}};
	struct futexes known = {.locks = locks, .n_locks = 2};

	scene_open(sc, s);
	fr_analysis_free(sc->a);
	fr_names_close(sc->names);
	fr_model_free(sc->m);
	sc->m = fr_model_build_knowing(sc->rec, &known, &sc->diag);
	sc->names = fr_names_open(sc->m, sc->sy);
	sc->a = fr_analysis_run(sc->m, sc->names);
}

/* RULE found nothing, and says that this is no verdict. */
static bool is_not_judged(const struct scene *sc, const char *rule)
{
	for (size_t i = 0; i < fr_n_rules; i++) {
		if (!strcmp(fr_rules[i].name, rule))
			return sc->a->results[i] != RULE_FOUND && sc->a->missing[i];
	}
	return false;
}

static uint32_t owner_of(const struct scene *sc, uint64_t addr)
{
	return sc->m->locks[scene_lock(sc, addr)].owner;
}

/* The waker comes back after whom it woke; who woke nobody woke nobody. */
static void wakes(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	(void)state;
	waited(s, 1, 10, 20, L, 0, scene_stack(s, 1));
	woke(s, 2, 19.9, 20.1, L, 1, scene_stack(s, 2));
	waited(s, 3, 30, 40, L, 0, scene_stack(s, 1));
	woke(s, 4, 39.9, 40.1, L, 0, scene_stack(s, 2));
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 2);
	scene_woken(&sc, 3, 40, 0);
	assert_int_equal(sc.m->spans[0].kind, SPAN_FUTEX);
	scene_close(&sc);
}

/* Waiters of one futex that are moved to another are woken there. */
static void moved(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	(void)state;
	SYNTH_SLOW(s, 1, MS(20), FR_EV_FUTEX_WAKE, scene_stack(s, 1), L, 0, 0, 0, 132, K);
	woke(s, 2, 29.9, 29.95, K, 1, scene_stack(s, 2));
	waited(s, 3, 10, 30, L, 0, scene_stack(s, 3));
	scene_open(&sc, s);
	scene_woken(&sc, 3, 30, 2);
	scene_close(&sc);
}

/* T1 waits for L, gets it from T2, and waits for K now: it has L. */
static struct synth *taken(double limit)
{
	struct synth *s = scene_four();

	woke(s, 2, 19.9, 19.95, L, 1, scene_stack(s, 2));
	waited(s, 1, 10, 20, L, limit, scene_stack(s, 1));
	waits(s, 1, 30, K, scene_stack(s, 5));
	waits(s, 3, 40, L, scene_stack(s, 6));
	return s;
}

static void nobody_has_it(struct synth *s, enum futex_kind kind)
{
	struct scene sc;

	open_knowing(&sc, s, kind);
	assert_int_equal(owner_of(&sc, L), MODEL_NONE);
	scene_close(&sc);
}

static void who_waited_and_went_on_has_it(void **state)
{
	struct scene sc;

	(void)state;
	open_knowing(&sc, taken(0), FUTEX_EXCLUSIVE);
	assert_int_equal(owner_of(&sc, L), 0);
	assert_int_equal(owner_of(&sc, K), MODEL_NONE);
	scene_close(&sc);
	/* readers share; one with a limit may have given up; nobody said that it is a lock */
	nobody_has_it(taken(0), FUTEX_SHARED);
	nobody_has_it(taken(15), FUTEX_EXCLUSIVE);
}

static void who_gave_it_back_has_it_no_more(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	(void)state;
	woke(s, 2, 19.9, 19.95, L, 1, scene_stack(s, 2));
	waited(s, 1, 10, 20, L, 0, scene_stack(s, 1));
	woke(s, 1, 25, 25.1, L, 0, scene_stack(s, 4));
	waits(s, 1, 30, K, scene_stack(s, 5));
	waits(s, 3, 40, L, scene_stack(s, 6));
	open_knowing(&sc, s, FUTEX_EXCLUSIVE);
	assert_int_equal(owner_of(&sc, L), MODEL_NONE);
	assert_int_equal(fr_model_last_release(sc.m, scene_lock(&sc, L))->thread, 0);
	scene_close(&sc);
}

static void what_was_overwritten_may_have_been_a_release(void **state)
{
	struct synth *s = taken(0);

	(void)state;
	synth_lost(s, 1, FR_TIER_DENSE, 1000);
	SYNTH_EVENT(s, 1, MS(26), FR_EV_SEM_POST, scene_stack(s, 1), 0xc000);
	nobody_has_it(s, FUTEX_EXCLUSIVE);
}

/* Woken, and somebody else was quicker: the wait begins again where it stood. */
static void waits_again(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	(void)state;
	woke(s, 2, 19.9, 19.95, L, 1, scene_stack(s, 2));
	waited(s, 1, 10, 20, L, 0, scene_stack(s, 1));
	waits(s, 1, 20.1, L, scene_stack(s, 1));
	waits(s, 3, 40, L, scene_stack(s, 6));
	open_knowing(&sc, s, FUTEX_EXCLUSIVE);
	assert_int_equal(owner_of(&sc, L), MODEL_NONE);
	assert_true(sc.m->spans[0].flags & SPAN_FAILED);
	assert_null(scene_find(&sc, "self-deadlock"));
	assert_true(is_not_judged(&sc, "deadlock"));
	scene_close(&sc);
}

/* T1 has L and wants K, T3 has K and wants L. Where one of them only might have it: no deadlock. */
static void cycles(void **state)
{
	for (int gave_back = 0; gave_back < 2; gave_back++) {
		struct synth *s = scene_four();
		struct scene sc;

		(void)state;
		woke(s, 2, 19.9, 19.95, L, 1, scene_stack(s, 2));
		waited(s, 1, 10, 20, L, 0, scene_stack(s, 1));
		woke(s, 2, 20.9, 20.95, K, 1, scene_stack(s, 2));
		waited(s, 3, 11, 21, K, 0, scene_stack(s, 3));
		if (gave_back)
			woke(s, 3, 25, 25.1, K, 0, scene_stack(s, 4));
		waits(s, 1, 30, K, scene_stack(s, 5));
		waits(s, 3, 40, L, scene_stack(s, 6));
		open_knowing(&sc, s, FUTEX_EXCLUSIVE);
		assert_int_equal(scene_count(&sc, "deadlock"), !gave_back);
		assert_int_equal(is_not_judged(&sc, "deadlock"), gave_back);
		scene_close(&sc);
	}
}

/* T1 held it from T2's release to its own: T3 waited all that time. */
static void holds_are_as_of_any_lock(void **state)
{
	struct synth *s = scene_four();
	const struct hold *h;
	struct scene sc;

	(void)state;
	woke(s, 2, 19.9, 19.95, L, 1, scene_stack(s, 2));
	waited(s, 1, 10, 20, L, 0, scene_stack(s, 1));
	woke(s, 1, 69.9, 69.95, L, 1, scene_stack(s, 4));
	waited(s, 3, 15, 70, L, 0, scene_stack(s, 3));
	open_knowing(&sc, s, FUTEX_EXCLUSIVE);
	h = fr_model_last_release(sc.m, scene_lock(&sc, L));
	assert_int_equal(h->thread, 0);
	assert_int_equal(h->quality, HOLD_EXACT);
	assert_true(h->end_ns - h->start_ns > NS(49) && h->end_ns - h->start_ns < NS(51));
	scene_woken(&sc, 3, 70, 1);
	assert_int_equal(sc.m->locks[scene_lock(&sc, L)].waits, 2);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes),
		cmocka_unit_test(moved),
		cmocka_unit_test(who_waited_and_went_on_has_it),
		cmocka_unit_test(who_gave_it_back_has_it_no_more),
		cmocka_unit_test(what_was_overwritten_may_have_been_a_release),
		cmocka_unit_test(waits_again),
		cmocka_unit_test(cycles),
		cmocka_unit_test(holds_are_as_of_any_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
