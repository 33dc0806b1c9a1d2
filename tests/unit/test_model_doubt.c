/* SPDX-License-Identifier: MIT */
/*
 * test_model_doubt.c - what the model must not say: holds that reach over another thread's, owners
 * of which it cannot be sure, states that were half written. Beside them what it must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u
#define EOWNERDEAD_ 130u
#define EINPROGRESS_ 115u

static const struct lock *lock_at(const struct scene *sc, uint64_t addr)
{
	return &sc->m->locks[scene_lock(sc, addr)];
}

static const struct hold *hold_at(const struct scene *sc, uint64_t addr, uint32_t i)
{
	const struct lock *l = lock_at(sc, addr);

	assert_true(i < l->n_holds);
	return &sc->m->holds[l->first_hold + i];
}

/* ---- what took, and what did not ------------------------------------------------------------- */

/* EOWNERDEAD gives the mutex: it is held from there on, and the wait did not fail. */
static void a_dead_owners_mutex_is_taken(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_FULL;
	SYNTH_EVENT(s, 1, MS(50), FR_EV_MUTEX_LOCK, scene_stack(s, 1), L, NS(10), 0, EOWNERDEAD_);
	SYNTH_EVENT(s, 1, MS(80), FR_EV_MUTEX_UNLOCK, scene_stack(s, 2), L, 1);
	scene_open(&sc, s);
	assert_false(sc.m->spans[0].flags & SPAN_FAILED);
	assert_int_equal(lock_at(&sc, L)->holds, 1);
	assert_int_equal(lock_at(&sc, L)->max_hold_ns, NS(30));
	assert_int_equal(hold_at(&sc, L, 0)->quality, HOLD_EXACT);
	scene_close(&sc);
}

/* So is a connect that goes on; one that is refused has failed. */
static void a_connect_that_goes_on_has_not_failed(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	SYNTH_SLOW(s, 1, MS(10), FR_EV_NET_CONNECT, 0, 7, 0, NS(1), EINPROGRESS_);
	SYNTH_SLOW(s, 1, MS(20), FR_EV_NET_CONNECT, 0, 8, 0, NS(1), 111 /* ECONNREFUSED */);
	scene_open(&sc, s);
	assert_int_equal(sc.m->n_spans, 2);
	assert_false(sc.m->spans[0].flags & SPAN_FAILED);
	assert_true(sc.m->spans[1].flags & SPAN_FAILED);
	scene_close(&sc);
}

/* A condition wait divides a hold in two: neither is as long as both with the wait. */
static void a_condition_wait_divides_a_hold(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_FULL;
	SYNTH_EVENT(s, 1, MS(1), FR_EV_MUTEX_LOCK, 0, L);
	SYNTH_EVENT(s, 1, MS(40), FR_EV_COND_WAIT, 0, 0xc000, L, NS(35));
	SYNTH_EVENT(s, 1, MS(43), FR_EV_MUTEX_UNLOCK, 0, L);
	scene_open(&sc, s);
	assert_int_equal(lock_at(&sc, L)->max_hold_ns, NS(4));
	scene_close(&sc);
}

/* ---- holds ----------------------------------------------------------------------------------- */

/* Another one's wait was over in the middle: it had the lock then, whoever gave it back. */
static void a_hold_does_not_reach_over_anothers(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	scene_wait(s, 2, 20, 100.01, L, 0, scene_stack(s, 2));
	scene_wait(s, 3, 30, 50, L, 0, scene_stack(s, 2));
	scene_release(s, 1, 100, L, scene_stack(s, 1));
	scene_open(&sc, s);
	assert_int_equal(hold_at(&sc, L, 0)->quality, HOLD_UNKNOWN);
	assert_int_equal(hold_at(&sc, L, 0)->inflicted_ns, 0);
	scene_close(&sc);
}

/* A waiter that came in the middle saw another owner. */
static void a_hold_does_not_reach_over_another_owner(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	scene_wait(s, 2, 20, 100.01, L, 0, scene_stack(s, 2));
	scene_wait(s, 3, 60, 101, L, synth_thread_rec(s, 4)->tid, scene_stack(s, 2));
	scene_release(s, 1, 100, L, scene_stack(s, 1));
	scene_open(&sc, s);
	assert_int_equal(hold_at(&sc, L, 0)->quality, HOLD_UNKNOWN);
	scene_close(&sc);
}

/* A call that runs the program's own callbacks may take the lock in the middle of itself. */
static void a_handshake_may_lock(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	SYNTH_SLOW(s, 1, MS(100), FR_EV_TLS_HANDSHAKE, scene_stack(s, 4), 7, 0, 0, 1, NS(90));
	scene_wait(s, 2, 20, 99, L, synth_thread_rec(s, 1)->tid, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(sc.m->spans[1].kind, SPAN_TLS);
	assert_int_equal(lock_at(&sc, L)->n_holds, 0);
	scene_close(&sc);
}

/* Each waiter was let go by the last release before its end. */
static void the_last_release_woke(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	scene_wait(s, 3, 10, 30.01, L, 0, 0);
	scene_wait(s, 4, 10, 60.01, L, 0, 0);
	scene_release(s, 1, 30, L, 0);
	scene_release(s, 2, 60, L, 0);
	scene_open(&sc, s);
	scene_woken(&sc, 3, 30.01, 1);
	scene_woken(&sc, 4, 60.01, 2);
	scene_close(&sc);
}

/* By what was waited, not by address, number of holds or what came before the window. */
static void the_costliest_is_the_first(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	for (int i = 0; i < 5; i++) {
		scene_wait(s, 2, 100 * i, 100 * i + 1.01, L, 0, 0);
		scene_release(s, 1, 100 * i + 1, L, 0);
	}
	scene_wait(s, 3, 1000, 2000, 0xb000, 0, 0);
	synth_lock(s, L)->x_wait_ticks = NS(50000);
	scene_open(&sc, s);
	assert_int_equal(sc.m->locks[0].addr, 0xb000);
	assert_int_equal(sc.m->locks[0].handle, 1);
	assert_int_equal(sc.m->locks[1].addr, L);
	scene_close(&sc);
}

/* ---- owners ---------------------------------------------------------------------------------- */

static struct synth *waits_and_saw(uint32_t owner)
{
	struct synth *s = scene_four();

	synth_waits(s, 2, "pthread_mutex_lock", MS(100), L, synth_thread_rec(s, owner)->tid,
		    scene_stack(s, 1));
	return s;
}

/* The waiter saw it have the lock; its own list, which is complete, has it no more. */
static void who_does_not_list_a_lock_does_not_have_it(void **state)
{
	struct synth *s = waits_and_saw(1);
	struct scene sc;

	synth_waits(s, 1, "recv", MS(50), 7, 0, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(lock_at(&sc, L)->owner, MODEL_NONE);
	scene_close(&sc);
}

static struct synth *with_a_long_list(void)
{
	struct synth *s = waits_and_saw(1);

	for (uint32_t i = 0; i < FR_HELD_MAX; i++)
		synth_holds(s, 1, 0xf000 + 64 * i, 0, 0);
	synth_thread_rec(s, 1)->held_more = 1;
	return s;
}

/* A list that overflowed denies nothing: the waiter's word stands, if no release can be missing. */
static void a_list_that_overflowed_denies_nothing(void **state)
{
	struct synth *s = with_a_long_list();
	struct scene sc;

	scene_open(&sc, s);
	assert_int_equal(lock_at(&sc, L)->owner, 0);
	scene_close(&sc);
	s = waits_and_saw(1);
	synth_thread_rec(s, 1)->held_more = 1; /* those in the list have been given back */
	scene_open(&sc, s);
	assert_int_equal(lock_at(&sc, L)->owner, 0);
	scene_close(&sc);
	s = with_a_long_list();
	synth_lost(s, 3, FR_TIER_DENSE, 1000); /* a release since then would be among these */
	SYNTH_EVENT(s, 3, MS(300), FR_EV_MEM_FREE, 0, 0x5000);
	scene_open(&sc, s);
	assert_int_equal(sc.m->sure_ns, MS(300));
	assert_int_equal(lock_at(&sc, L)->owner, MODEL_NONE);
	scene_close(&sc);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* An odd number: the thread was killed while it wrote what it waits for. */
static void half_a_state_is_none(void **state)
{
	struct synth *s = waits_and_saw(1);
	struct scene sc;

	synth_thread_rec(s, 2)->st_seq |= 1;
	scene_open(&sc, s);
	assert_int_equal(sc.m->threads[1].open, MODEL_NONE);
	assert_int_not_equal(sc.m->threads[1].state, THREAD_BLOCKED);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_owners_mutex_is_taken),
		cmocka_unit_test(a_connect_that_goes_on_has_not_failed),
		cmocka_unit_test(a_condition_wait_divides_a_hold),
		cmocka_unit_test(a_hold_does_not_reach_over_anothers),
		cmocka_unit_test(a_hold_does_not_reach_over_another_owner),
		cmocka_unit_test(a_handshake_may_lock),
		cmocka_unit_test(the_last_release_woke),
		cmocka_unit_test(the_costliest_is_the_first),
		cmocka_unit_test(who_does_not_list_a_lock_does_not_have_it),
		cmocka_unit_test(a_list_that_overflowed_denies_nothing),
		cmocka_unit_test(half_a_state_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
