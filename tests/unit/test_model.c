/* SPDX-License-Identifier: MIT */
/*
 * test_model.c - waits, holds and blame: what is known of a lock at level slow and at level full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u

static const struct hold *hold_at(const struct scene *sc, uint64_t lock, uint32_t i)
{
	const struct lock *l = &sc->m->locks[scene_lock(sc, lock)];

	assert_true(i < l->n_holds);
	return &sc->m->holds[l->first_hold + i];
}

/* The first waiter saw the owner; until the release there was no gap: at least so long. */
static void hold_reaches_back_to_the_first_waiter(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w1"),
		 x = synth_thread(s, 102, "w2");
	const struct hold *h;
	struct scene sc;

	scene_release(s, o, 100, L, scene_stack(s, 1));
	scene_wait(s, w, 20, 100.01, L, 100, scene_stack(s, 2));
	scene_release(s, w, 101, L, scene_stack(s, 3));
	scene_wait(s, x, 60, 101.01, L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	h = hold_at(&sc, L, 0);
	assert_int_equal(h->quality, HOLD_AT_LEAST);
	assert_int_equal(h->start_ns, MS(20));
	assert_int_equal(h->end_ns, MS(100));
	assert_int_equal(h->inflicted_ns, NS(80 + 40));
	h = hold_at(&sc, L, 1);
	assert_int_equal(h->quality, HOLD_EXACT);
	assert_int_equal(h->start_ns, MS(100.01));
	assert_int_equal(h->inflicted_ns, NS(0.99));
	assert_int_equal(sc.m->locks[0].wait_ns, NS(80.01 + 41.01));
	assert_int_equal(sc.m->locks[0].handoff_ns, NS(0.01 * 3));
	assert_int_equal(sc.m->locks[0].max_wait_ns, NS(80.01));
	scene_close(&sc);
}

/* A thread that was blocked in recv cannot have taken the lock meanwhile: it had it before. */
static void hold_began_before_the_blocking_call(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w1");
	const struct hold *h;
	struct scene sc;

	scene_recv(s, o, 10, 99, 5, scene_stack(s, 4));
	scene_release(s, o, 100, L, scene_stack(s, 1));
	scene_wait(s, w, 20, 100.01, L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	h = hold_at(&sc, L, 0);
	assert_int_equal(h->start_ns, MS(10));
	assert_int_equal(h->inflicted_ns, NS(80));
	scene_close(&sc);
}

/* An acquisition long ago proves nothing at level slow: the lock may have been free in between. */
static void old_acquisition_is_no_start(void **state)
{
	struct synth *s = scene_synth(10000);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w"),
		 z = synth_thread(s, 102, "z");
	const struct hold *h;
	struct scene sc;

	scene_release(s, z, 2, L, scene_stack(s, 1));
	scene_wait(s, o, 1, 2.01, L, 102, scene_stack(s, 2));
	scene_release(s, o, 9000, L, scene_stack(s, 1));
	scene_wait(s, w, 8999, 9000.01, L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	h = hold_at(&sc, L, 1);
	assert_int_equal(h->quality, HOLD_AT_LEAST);
	assert_int_equal(h->start_ns, MS(8999));
	assert_int_equal(sc.m->locks[0].max_hold_ns, NS(1));
	scene_close(&sc);
}

/* After a release with a waiter still waiting: the same thread took it back, another is unknown. */
static void barging(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w"),
		 b = synth_thread(s, 102, "barger");
	struct scene sc;

	scene_release(s, o, 10, L, scene_stack(s, 1));
	scene_release(s, o, 20, L, scene_stack(s, 1));
	scene_release(s, b, 25, L, scene_stack(s, 1));
	scene_wait(s, w, 5, 25.01, L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(hold_at(&sc, L, 0)->quality, HOLD_AT_LEAST);
	assert_int_equal(hold_at(&sc, L, 1)->quality, HOLD_ABOUT);
	assert_int_equal(hold_at(&sc, L, 1)->start_ns, MS(10));
	assert_int_equal(hold_at(&sc, L, 2)->quality, HOLD_UNKNOWN);
	assert_int_equal(hold_at(&sc, L, 2)->inflicted_ns, 0);
	scene_close(&sc);
}

/* Level full: every call is there, holds are exact and counted. */
static void full_is_exact(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w");
	const struct hold *h;
	struct scene sc;

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_FULL;
	scene_hold(s, o, 1, 3, L, scene_stack(s, 1));
	scene_hold(s, o, 4, 5, L, scene_stack(s, 1));
	SYNTH_EVENT(s, o, MS(6), FR_EV_MUTEX_LOCK, scene_stack(s, 7), L);
	SYNTH_EVENT(s, o, MS(50), FR_EV_MUTEX_UNLOCK, scene_stack(s, 8), L, 1);
	SYNTH_EVENT(s, w, MS(50.01), FR_EV_MUTEX_LOCK, scene_stack(s, 2), L, NS(10.01), 100);
	SYNTH_EVENT(s, w, MS(51), FR_EV_MUTEX_UNLOCK, scene_stack(s, 2), L);
	scene_open(&sc, s);
	h = hold_at(&sc, L, 0);
	assert_int_equal(h->quality, HOLD_EXACT);
	assert_int_equal(h->start_ns, MS(6));
	assert_int_not_equal(h->acq_stack, 0);
	assert_int_equal(h->inflicted_ns, NS(10));
	assert_int_equal(sc.m->locks[0].holds, 4);
	assert_int_equal(sc.m->locks[0].max_hold_ns, NS(44));
	assert_int_equal(sc.m->spans[0].waker, 0);
	scene_close(&sc);
}

/* A recursive mutex is held from the first lock to the last unlock. */
static void recursion(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner");
	struct scene sc;

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_FULL;
	SYNTH_EVENT(s, o, MS(1), FR_EV_MUTEX_LOCK, 0, L);
	scene_hold(s, o, 2, 3, L, 0);
	SYNTH_EVENT(s, o, MS(9), FR_EV_MUTEX_UNLOCK, 0, L);
	scene_open(&sc, s);
	assert_int_equal(sc.m->locks[0].holds, 1);
	assert_int_equal(sc.m->locks[0].max_hold_ns, NS(8));
	scene_close(&sc);
}

/* An acquire stamped a little before the release it waited for. */
static void clock_slack(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w");
	const struct hold *h;
	struct scene sc;

	SYNTH_SLOW(s, w, MS(50) - 200, FR_EV_MUTEX_LOCK, 0, L, NS(10), 100);
	scene_release(s, o, 50, L, 0);
	scene_open(&sc, s);
	h = hold_at(&sc, L, 0);
	assert_int_equal(h->quality, HOLD_AT_LEAST);
	assert_int_equal(h->inflicted_ns, NS(10));
	assert_int_equal(sc.m->spans[0].waker, 0);
	scene_close(&sc);
}

/* A condition wait gives the mutex back when it begins, and names who woke it. */
static void condition_waits(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t c = synth_thread(s, 100, "consumer"), p = synth_thread(s, 101, "producer");
	const struct span *wait;
	struct scene sc;

	SYNTH_SLOW(s, p, MS(20), FR_EV_MUTEX_LOCK, 0, L, NS(5), 100);
	SYNTH_EVENT(s, p, MS(30), FR_EV_COND_SIGNAL, 0, 0xc000, 1);
	SYNTH_EVENT(s, c, MS(31), FR_EV_COND_WAIT, 0, 0xc000, L, NS(11));
	scene_open(&sc, s);
	wait = &sc.m->spans[1];
	assert_int_equal(wait->kind, SPAN_COND);
	assert_int_equal(wait->waker, 1);
	assert_int_equal(wait->object2, scene_lock(&sc, L));
	assert_true(sc.m->locks[scene_lock(&sc, 0xc000)].is_cond);
	assert_int_equal(hold_at(&sc, L, 0)->thread, 0);
	assert_int_equal(hold_at(&sc, L, 0)->end_ns, MS(20));
	assert_int_equal(hold_at(&sc, L, 0)->inflicted_ns, NS(5));
	scene_close(&sc);
}

/* The number 7 is two sockets, one after the other. */
static void descriptors_have_lives(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t t = synth_thread(s, 100, "t");
	struct scene sc;
	const char *peer;

	scene_connect(s, t, 1, 7, "127.0.0.1:8091");
	scene_recv(s, t, 2, 12, 7, 0);
	SYNTH_SLOW(s, t, MS(13), FR_EV_NET_CLOSE, 0, 7);
	scene_connect(s, t, 14, 7, "127.0.0.1:8092");
	scene_recv(s, t, 15, 17, 7, 0);
	scene_recv(s, t, 18, 19, 9, 0);
	synth_fd(s, 9, FR_FD_SOCKET, "[::1]:443");
	scene_open(&sc, s);
	assert_int_equal(sc.m->n_socks, 3);
	peer = fr_name_wait(sc.names, &sc.m->spans[1]);
	assert_string_equal(peer, "recv() from 127.0.0.1:8091");
	peer = fr_name_wait(sc.names, &sc.m->spans[3]);
	assert_string_equal(peer, "recv() from 127.0.0.1:8092");
	peer = fr_name_wait(sc.names, &sc.m->spans[4]);
	assert_string_equal(peer, "recv() from [::1]:443");
	assert_int_equal(sc.m->socks[0].end_ns, MS(13));
	assert_int_equal(sc.m->socks[0].role, SOCK_CONNECTED);
	scene_close(&sc);
}

/* What threads wait for at the end comes from their states. */
static void states_become_open_waits(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w");
	const struct span *wait;
	struct scene sc;

	synth_holds(s, o, L, MS(50), scene_stack(s, 1));
	synth_waits(s, o, "recv", MS(60), 5, 0, scene_stack(s, 2));
	synth_waits(s, w, "pthread_mutex_lock", MS(100), L, 100, scene_stack(s, 3));
	scene_open(&sc, s);
	assert_int_equal(sc.m->threads[1].state, THREAD_BLOCKED);
	wait = &sc.m->spans[sc.m->threads[1].open];
	assert_int_equal(wait->kind, SPAN_LOCK);
	assert_int_equal(fr_span_ns(wait), NS(100));
	assert_int_equal(wait->owner, 0);
	assert_int_equal(sc.m->locks[wait->object].owner, 0);
	assert_int_equal(sc.m->threads[0].held[0].since_ns, MS(50));
	assert_true(hold_at(&sc, L, 0)->open);
	assert_int_equal(hold_at(&sc, L, 0)->thread, 0);
	assert_int_equal(hold_at(&sc, L, 0)->inflicted_ns, NS(100));
	scene_close(&sc);
}

/* The release was overwritten; but the owner was blocked in recv when the waiter saw it. */
static void waiter_is_a_witness(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w1"),
		 x = synth_thread(s, 102, "w2");
	const struct hold *h;
	struct scene sc;

	scene_recv(s, o, 10, 100, 5, scene_stack(s, 4));
	scene_wait(s, w, 20, 101, L, 100, scene_stack(s, 2));
	scene_wait(s, x, 30, 102, L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(sc.m->locks[0].n_holds, 1);
	h = hold_at(&sc, L, 0);
	assert_true(h->witnessed);
	assert_int_equal(h->start_ns, MS(10));
	assert_int_equal(h->end_ns, MS(100));
	assert_int_equal(h->inflicted_ns, NS(80 + 70));
	scene_close(&sc);
}

/* Holds known from releases and from waiters together, on many locks. */
static void witnesses_beside_releases(void **state)
{
	struct synth *s = scene_synth(100000);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w");
	struct scene sc;
	uint32_t i;

	for (i = 0; i < 300; i++) {
		double at = 100 * i + 1;

		scene_recv(s, o, at, at + 50, 5, scene_stack(s, 4));
		if (i % 3)
			scene_release(s, o, at + 51, L + 64 * (i % 7), 0);
		scene_wait(s, w, at + 10, at + 51.1, L + 64 * (i % 7), 100, scene_stack(s, 2));
	}
	scene_open(&sc, s);
	assert_int_equal(sc.m->n_holds, 300);
	for (i = 0; i < 300; i++) {
		const struct hold *h = &sc.m->holds[i];

		assert_int_equal(h->quality, HOLD_AT_LEAST);
		assert_true(h->inflicted_ns >= NS(40));
		assert_true(!i || h[-1].lock != h->lock || h[-1].end_ns <= h->start_ns);
	}
	scene_close(&sc);
}

/* Where events were overwritten, a release may be missing: no stretch can be proven. */
static void overwritten_releases_prove_nothing(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w1");
	const struct hold *h;
	struct scene sc;

	synth_lost(s, o, FR_TIER_DENSE, 1000);
	SYNTH_EVENT(s, o, MS(90), FR_EV_MEM_FREE, 0, 0x5000);
	SYNTH_EVENT(s, o, MS(100), FR_EV_MUTEX_UNLOCK, scene_stack(s, 1), L, 1);
	scene_wait(s, w, 20, 100.01, L, 0, scene_stack(s, 2));
	scene_open(&sc, s);
	h = hold_at(&sc, L, 0);
	assert_int_equal(h->quality, HOLD_AT_LEAST);
	assert_int_equal(sc.m->sure_ns, MS(90));
	assert_int_equal(h->start_ns, MS(90));
	scene_close(&sc);
}

/* Handles by total wait, exact percentiles. */
static void order_and_percentiles(void **state)
{
	struct synth *s = scene_synth(20000);
	uint32_t w = synth_thread(s, 101, "w");
	struct scene sc;
	int i;

	for (i = 0; i < 200; i++)
		scene_wait(s, w, i * 50, i * 50 + 0.1 * (i + 1), 0xb000, 0, 0);
	scene_wait(s, w, 11000, 14000, L, 0, 0);
	scene_open(&sc, s);
	assert_int_equal(sc.m->locks[0].addr, L);
	assert_int_equal(sc.m->locks[0].handle, 1);
	assert_int_equal(sc.m->locks[1].waits, 200);
	assert_int_equal(sc.m->locks[1].max_wait_ns, NS(20));
	assert_int_equal((sc.m->locks[1].p99_wait_ns + 500) / 1000, 19800);
	scene_close(&sc);
}

/* Bogus times of a damaged recording stay within bounds. */
static void durations_longer_than_time(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t w = synth_thread(s, 101, "w");
	struct scene sc;

	SYNTH_SLOW(s, w, MS(1), FR_EV_MUTEX_LOCK, 0, L, 1ull << 50, 4242);
	SYNTH_SLOW(s, w, MS(2), FR_EV_NET_RECV, 0, (uint64_t)-1, 1, 1, 1ull << 50);
	SYNTH_SLOW(s, w, MS(3), FR_EV_NET_RECV, 0, 1ull << 40, 1, 1, 20000);
	SYNTH_SLOW(s, w, MS(4), FR_EV_MUTEX_LOCK, 0, 0, 5000, 4242);
	scene_open(&sc, s);
	assert_int_equal(sc.m->spans[0].start_ns, 0);
	assert_int_equal(sc.m->spans[1].object, MODEL_NONE);
	assert_int_equal(sc.m->spans[2].object, MODEL_NONE);
	assert_int_equal(sc.m->spans[3].object, MODEL_NONE);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hold_reaches_back_to_the_first_waiter),
		cmocka_unit_test(hold_began_before_the_blocking_call),
		cmocka_unit_test(old_acquisition_is_no_start),
		cmocka_unit_test(barging),
		cmocka_unit_test(full_is_exact),
		cmocka_unit_test(recursion),
		cmocka_unit_test(clock_slack),
		cmocka_unit_test(condition_waits),
		cmocka_unit_test(descriptors_have_lives),
		cmocka_unit_test(states_become_open_waits),
		cmocka_unit_test(waiter_is_a_witness),
		cmocka_unit_test(witnesses_beside_releases),
		cmocka_unit_test(overwritten_releases_prove_nothing),
		cmocka_unit_test(order_and_percentiles),
		cmocka_unit_test(durations_longer_than_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
