/* SPDX-License-Identifier: MIT */
/*
 * test_analyses.c - the rules about contention: each where it must speak, and beside it nearly the
 * same recording where it must be silent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u
#define ACROSS "lock-held-across-blocking-call"

static void expect_title(const struct finding *f, const char *part)
{
	assert_non_null(f);
	if (!strstr(f->title, part))
		fail_msg("'%s' is not in '%s'", part, f->title);
}

static void expect_line(const struct finding *f, const char *part)
{
	size_t i;

	assert_non_null(f);
	for (i = 0; i < f->n_lines; i++) {
		if (strstr(f->lines[i].text, part))
			return;
	}
	fail_msg("'%s' is in no line of '%s': %s", part, f->title,
		 f->n_lines ? f->lines[0].text : "no lines");
}

/* ---- lock-held-across-blocking-call ---------------------------------------------------------- */

/* Scene 1: a reporter with N locks asks a peer; 14 threads want some of them. */
static struct synth *slow_request(double recv_from, double recv_to, bool with_recv)
{
	struct synth *s = scene_synth(400);
	uint32_t o = synth_thread(s, 100, "reporter"), w[14];
	int i;

	for (i = 0; i < 14; i++)
		w[i] = synth_thread(s, 200 + i, "worker");
	scene_connect(s, o, 5, 9, "127.0.0.1:8091");
	if (with_recv)
		scene_recv(s, o, recv_from, recv_to, 9, scene_stack(s, 1));
	for (i = 0; i < 14; i++)
		scene_release(s, o, 125.01 + i * 0.001, L + 64 * i, scene_stack(s, 2));
	for (i = 0; i < 14; i++)
		scene_wait(s, w[i], 11, 125.05, L + 64 * i, 100, scene_stack(s, 3));
	return s;
}

static void held_across_recv(void **state)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, slow_request(10, 125, true));
	assert_int_equal(scene_count(&sc, ACROSS), 1);
	f = scene_find(&sc, ACROSS);
	assert_ptr_equal(f, sc.a->findings[0]);
	expect_title(f, "T1 reporter held mutex L");
	expect_title(f, "(and 13 others) for 115 ms while blocked in recv() from 127.0.0.1:8091");
	expect_line(f, "14 threads waited for it, 1.59 s of thread time");
	assert_int_equal(f->severity, SEVERITY_CRIT);
	assert_int_equal(f->score, 92);
	assert_int_equal(f->n_threads, 15);
	assert_int_equal(sc.m->threads[f->threads[0]].tid, 100);
	assert_int_equal(scene_count(&sc, "hot-lock"), 0);
	scene_close(&sc);
}

/* The call was over before anybody waited: the lock may have been taken after it. */
static void call_before_the_hold(void **state)
{
	struct scene sc;

	scene_open(&sc, slow_request(6, 10.9, true));
	assert_int_equal(scene_result(&sc, ACROSS), RULE_OK);
	assert_int_equal(scene_result(&sc, "hot-lock"), RULE_FOUND);
	scene_close(&sc);
}

static void long_hold_without_a_call(void **state)
{
	struct scene sc;

	scene_open(&sc, slow_request(0, 0, false));
	assert_int_equal(scene_result(&sc, ACROSS), RULE_OK);
	scene_close(&sc);
}

/* A short call inside a long hold is not why the others waited. */
static void short_call_in_a_long_hold(void **state)
{
	struct scene sc;

	scene_open(&sc, slow_request(20, 25, true));
	assert_int_equal(scene_result(&sc, ACROSS), RULE_OK);
	scene_close(&sc);
}

/* The same place three times is one finding, told by the worst. */
static void repeated_occurrences_are_one_finding(void **state)
{
	struct synth *s = scene_synth(1000);
	uint32_t o = synth_thread(s, 100, "reporter"), w = synth_thread(s, 101, "w");
	const struct finding *f;
	struct scene sc;
	int i;

	scene_connect(s, o, 5, 9, "127.0.0.1:8091");
	for (i = 0; i < 3; i++) {
		double at = 100 * (i + 1);

		scene_recv(s, o, at, at + 40 + 10 * i, 9, scene_stack(s, 1));
		scene_release(s, o, at + 41 + 10 * i, L, scene_stack(s, 2));
		scene_wait(s, w, at + 1, at + 41.1 + 10 * i, L, 100, scene_stack(s, 3));
	}
	scene_open(&sc, s);
	assert_int_equal(scene_count(&sc, ACROSS), 1);
	f = scene_find(&sc, ACROSS);
	expect_title(f, "for 61 ms");
	expect_line(f, "3 times");
	scene_close(&sc);
}

/* A lock kept while waiting for work may be meant to park the others: told, but no alarm. */
static void lock_kept_in_an_event_loop(void **state)
{
	struct synth *s = scene_synth(1000);
	uint32_t o = synth_thread(s, 100, "main"), w = synth_thread(s, 101, "io");
	uint32_t via = synth_call(s, "epoll_wait");
	struct scene sc;

	SYNTH_SLOW(s, o, MS(900), FR_EV_NET_POLL, scene_stack(s, 1), 5, 0, (uint64_t)-1, 1,
		   800000000, 0, via);
	scene_release(s, o, 901, L, scene_stack(s, 2));
	scene_wait(s, w, 150, 901.1, L, 100, scene_stack(s, 3));
	scene_open(&sc, s);
	expect_title(scene_find(&sc, ACROSS), "while blocked in epoll_wait() on fd 5");
	assert_int_equal(scene_find(&sc, ACROSS)->severity, SEVERITY_INFO);
	scene_close(&sc);
}

/* A condition wait gives back its own mutex: that is no call across the lock. */
static void condition_wait_on_its_own_mutex(void **state)
{
	struct synth *s = scene_synth(300);
	uint32_t o = synth_thread(s, 100, "o"), w = synth_thread(s, 101, "w");
	struct scene sc;

	SYNTH_EVENT(s, o, MS(100), FR_EV_COND_WAIT, scene_stack(s, 1), 0xc000, L, 90000000);
	scene_release(s, o, 100.5, L, scene_stack(s, 2));
	scene_wait(s, w, 5, 10.1, L, 100, scene_stack(s, 3));
	scene_wait(s, w, 20, 100.6, L, 100, scene_stack(s, 3));
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, ACROSS), RULE_OK);
	scene_close(&sc);
}

static void nothing_to_judge_by(void **state)
{
	struct synth *s = slow_request(10, 125, true);
	struct scene sc;

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_OFF;
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, ACROSS), RULE_NO_DATA);
	assert_int_equal(scene_result(&sc, "hot-lock"), RULE_NO_DATA);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_NO_DATA);
	assert_int_equal(scene_result(&sc, "self-deadlock"), RULE_NO_DATA);
	scene_close(&sc);
}

/* ---- hot-lock -------------------------------------------------------------------------------- */

static struct synth *contention(double hold_ms, double every_ms)
{
	struct synth *s = scene_synth(1000);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	double at;

	for (at = 1; at < 990; at += every_ms) {
		scene_release(s, a, at + hold_ms, L, scene_stack(s, 1));
		scene_wait(s, b, at, at + hold_ms + 0.005, L, 100, scene_stack(s, 2));
	}
	return s;
}

static void hot_lock_speaks(void **state)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, contention(2, 5));
	f = scene_find(&sc, "hot-lock");
	expect_title(f, "threads waited");
	expect_line(f, "T1 a held it 198 times (longest at least 2 ms): 100 %");
	assert_int_equal(f->severity, SEVERITY_WARN);
	assert_true(f->impact_ns > 390000000 && f->impact_ns < 400000000);
	scene_close(&sc);
}

static void cool_lock_is_silent(void **state)
{
	struct scene sc;

	scene_open(&sc, contention(0.1, 5));
	assert_int_equal(scene_result(&sc, "hot-lock"), RULE_OK);
	scene_close(&sc);
}

/* Given back at once, but the woken thread ran late: nobody's hold. */
static void hand_off_is_charged_to_nobody(void **state)
{
	struct synth *s = scene_synth(1000);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	const struct finding *f;
	struct scene sc;
	int i;

	for (i = 0; i < 50; i++) {
		scene_release(s, a, 10 * i + 1.1, L, scene_stack(s, 1));
		scene_wait(s, b, 10 * i + 1, 10 * i + 9, L, 100, scene_stack(s, 2));
	}
	scene_open(&sc, s);
	f = scene_find(&sc, "hot-lock");
	expect_line(f, "99 % of the waiting is hand-off");
	expect_line(f, "T1 a held it 50 times (longest at least 100 us): 1 %");
	assert_int_equal(f->severity, SEVERITY_INFO);
	scene_close(&sc);
}

/* Holds of 8 ms, and woken threads that need 3 ms to run: holders had to wait for a CPU too. */
static void busy_machine(void **state)
{
	for (int busy = 0; busy < 2; busy++) {
		struct synth *s = scene_synth(1000);
		uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
		struct scene sc;

		for (int i = 0; i < 50; i++) {
			scene_release(s, a, 12 * i + 9, L, scene_stack(s, 1));
			scene_wait(s, b, 12 * i + 1, 12 * i + (busy ? 12 : 9.01), L, 100,
				   scene_stack(s, 2));
		}
		scene_open(&sc, s);
		assert_int_equal(scene_find(&sc, "hot-lock")->severity,
				 busy ? SEVERITY_INFO : SEVERITY_WARN);
		scene_close(&sc);
	}
}

/* ---- deadlock -------------------------------------------------------------------------------- */

/* T1 has L1 and wants L2; T2 has L2 and wants L1. */
static struct synth *two_locks(double since, const char *call, bool t2_holds)
{
	struct synth *s = scene_synth(500);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b"),
		 c = synth_thread(s, 102, "c");

	synth_holds(s, a, 0xa000, 0, scene_stack(s, 1));
	synth_waits(s, a, call, MS(since), 0xb000, 101, scene_stack(s, 2));
	if (t2_holds)
		synth_holds(s, b, 0xb000, 0, scene_stack(s, 3));
	synth_waits(s, b, "pthread_mutex_lock", MS(since), 0xa000, 100, scene_stack(s, 4));
	synth_waits(s, c, "pthread_mutex_lock", MS(since + 1), 0xa000, 100, scene_stack(s, 4));
	return s;
}

static void deadlock_speaks(void **state)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, two_locks(100, "pthread_mutex_lock", true));
	assert_int_equal(scene_count(&sc, "deadlock"), 1);
	f = scene_find(&sc, "deadlock");
	assert_ptr_equal(f, sc.a->findings[0]);
	expect_title(f, "deadlock: T1 a (tid 100) and T2 b (tid 101) wait for each other's locks");
	expect_line(f, "T1 a waits for mutex L");
	expect_line(f, "held by T2 b, for 400 ms");
	expect_line(f, "1 more thread waits behind them");
	assert_int_equal(f->n_stacks, 4);
	assert_int_equal(f->n_threads, 3);
	assert_true(f->show_stacks);
	assert_int_equal(scene_count(&sc, "stuck-thread"), 0);
	assert_int_equal(scene_count(&sc, "hot-lock"), 0);
	scene_close(&sc);
}

static void young_waits_are_no_deadlock(void **state)
{
	struct scene sc;

	scene_open(&sc, two_locks(490, "pthread_mutex_lock", true));
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

static void timed_waits_are_no_deadlock(void **state)
{
	struct scene sc;

	scene_open(&sc, two_locks(100, "pthread_mutex_timedlock", true));
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

/* T2 gave L2 back while T1 waited: what T1 saw at the beginning is no longer true. */
static void released_locks_make_no_cycle(void **state)
{
	struct synth *s = two_locks(100, "pthread_mutex_lock", false);
	struct scene sc;

	scene_release(s, 2, 120, 0xb000, scene_stack(s, 5));
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

/* T1 is in a condition wait with L1: it has given L1 back. */
static void condition_waits_hold_nothing(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	struct fr_thread_rec *r;
	struct scene sc;

	synth_holds(s, a, 0xa000, 0, 0);
	synth_waits(s, a, "pthread_cond_wait", MS(100), 0xc000, 0, scene_stack(s, 1));
	r = synth_thread_rec(s, a);
	r->st_object2 = 0xa000;
	synth_waits(s, b, "pthread_mutex_lock", MS(100), 0xa000, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(sc.m->locks[scene_lock(&sc, 0xa000)].owner, MODEL_NONE);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

/* A mutex that another thread gave back stays in the list of the one that took it. */
static void stale_lists_make_no_cycle(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b"),
		 c = synth_thread(s, 102, "c");
	struct scene sc;

	synth_holds(s, a, 0xa000, 0, 0);
	synth_waits(s, a, "pthread_mutex_lock", MS(100), 0xb000, 101, scene_stack(s, 1));
	synth_holds(s, b, 0xb000, 0, 0);
	synth_waits(s, b, "pthread_mutex_lock", MS(100), 0xa000, 102, scene_stack(s, 2));
	synth_waits(s, c, "recv", MS(50), 7, 0, scene_stack(s, 3));
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

/* Many threads on many locks, always in one order, snapshot in the middle of it. */
static void healthy_contended_server(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t t[16];
	struct scene sc;
	int i;

	for (i = 0; i < 16; i++)
		t[i] = synth_thread(s, 100 + i, "worker");
	for (i = 0; i < 15; i++) {
		synth_holds(s, t[i], 0xa000 + 64 * i, MS(150), 0);
		synth_waits(s, t[i], "pthread_mutex_lock", MS(200), 0xa000 + 64 * (i + 1), 101 + i,
			    scene_stack(s, 1));
	}
	synth_holds(s, t[15], 0xa000 + 64 * 15, MS(150), 0);
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	assert_int_equal(scene_result(&sc, "self-deadlock"), RULE_OK);
	scene_close(&sc);
}

/* A writer waits for two readers, one of which waits for a mutex of the writer. */
static void deadlock_through_a_reader(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t w = synth_thread(s, 100, "writer"), r1 = synth_thread(s, 101, "r1"),
		 r2 = synth_thread(s, 102, "r2");
	struct scene sc;

	synth_holds(s, w, 0xb000, 0, 0);
	synth_waits(s, w, "pthread_rwlock_wrlock", MS(100), 0xa000, 0, scene_stack(s, 1));
	synth_holds(s, r1, 0xa000, 0, 0);
	synth_thread_rec(s, r1)->held[0].kind = FR_HELD_RDLOCK;
	synth_waits(s, r1, "pthread_mutex_lock", MS(100), 0xb000, 100, scene_stack(s, 2));
	synth_holds(s, r2, 0xa000, 0, 0);
	synth_thread_rec(s, r2)->held[0].kind = FR_HELD_RDLOCK;
	scene_open(&sc, s);
	expect_title(scene_find(&sc, "deadlock"), "T1 writer (tid 100) and T2 r1 (tid 101)");
	scene_close(&sc);
}

/* Nothing moves in the region of a dead process: no age is needed there. */
static void deadlock_in_a_left_region(void **state)
{
	struct synth *s = two_locks(499, "pthread_mutex_lock", true);
	struct scene sc;

	synth_header(s)->x_state = FR_STATE_ALIVE;
	synth_header(s)->pid = 0x7ffffffe;
	scene_open(&sc, s);
	assert_int_equal(sc.rec->source, RECORDING_LEFT);
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_FOUND);
	scene_close(&sc);
}

/* ---- self-deadlock --------------------------------------------------------------------------- */

static void self_deadlock_speaks(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t a = synth_thread(s, 100, "a");
	struct scene sc;

	synth_holds(s, a, L, 0, scene_stack(s, 1));
	synth_waits(s, a, "pthread_mutex_lock", MS(100), L, 100, scene_stack(s, 2));
	scene_open(&sc, s);
	expect_title(scene_find(&sc, "self-deadlock"), "T1 a (tid 100) waits for mutex L1");
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
}

/* The list is stale: the waiter saw another owner. */
static void self_deadlock_needs_both_witnesses(void **state)
{
	struct synth *s = scene_synth(500);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	struct scene sc;

	synth_holds(s, a, L, 0, scene_stack(s, 1));
	synth_waits(s, a, "pthread_mutex_lock", MS(100), L, 101, scene_stack(s, 2));
	synth_waits(s, b, "recv", MS(50), 7, 0, scene_stack(s, 3));
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, "self-deadlock"), RULE_OK);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_across_recv),
		cmocka_unit_test(call_before_the_hold),
		cmocka_unit_test(long_hold_without_a_call),
		cmocka_unit_test(short_call_in_a_long_hold),
		cmocka_unit_test(repeated_occurrences_are_one_finding),
		cmocka_unit_test(lock_kept_in_an_event_loop),
		cmocka_unit_test(condition_wait_on_its_own_mutex),
		cmocka_unit_test(nothing_to_judge_by),
		cmocka_unit_test(hot_lock_speaks),
		cmocka_unit_test(cool_lock_is_silent),
		cmocka_unit_test(hand_off_is_charged_to_nobody),
		cmocka_unit_test(busy_machine),
		cmocka_unit_test(deadlock_speaks),
		cmocka_unit_test(young_waits_are_no_deadlock),
		cmocka_unit_test(timed_waits_are_no_deadlock),
		cmocka_unit_test(released_locks_make_no_cycle),
		cmocka_unit_test(condition_waits_hold_nothing),
		cmocka_unit_test(stale_lists_make_no_cycle),
		cmocka_unit_test(healthy_contended_server),
		cmocka_unit_test(deadlock_through_a_reader),
		cmocka_unit_test(deadlock_in_a_left_region),
		cmocka_unit_test(self_deadlock_speaks),
		cmocka_unit_test(self_deadlock_needs_both_witnesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
