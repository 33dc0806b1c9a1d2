/* SPDX-License-Identifier: MIT */
/*
 * test_analyses_last.c - verdicts of the last moment that hang on one word: who waits for itself,
 * who was told already, who sent the signal; and which frames are a place of the user's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u

static void expect(struct synth *s, const char *rule, enum rule_result result)
{
	struct scene sc;

	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, rule), result);
	scene_close(&sc);
}

static struct synth *waits_for(const char *call, double since, uint32_t owner)
{
	struct synth *s = scene_four();

	synth_waits(s, 1, call, MS(since), L, owner ? synth_thread_rec(s, owner)->tid : 0,
		    scene_stack(s, 1));
	return s;
}

/* It saw itself as the owner, but has given the lock back since by its own list: stale. */
static void one_witness_is_no_self_deadlock(void **state)
{
	struct synth *s = waits_for("pthread_mutex_lock", 100, 1);

	expect(s, "self-deadlock", RULE_OK);
	s = waits_for("pthread_mutex_lock", 100, 1);
	synth_holds(s, 1, L, 0, 0);
	expect(s, "self-deadlock", RULE_FOUND);
}

/*
 * A thread that saw itself as the owner and yet got the lock was let go by another one: such a lock
 * has no owner, and whoever waits for it waits for news.
 */
static void given_back_by_another_thread(void **state)
{
	struct scene sc;

	for (int passed = 0; passed < 2; passed++) {
		struct synth *s = scene_four();

		if (passed)
			scene_wait(s, 1, 50, 60, L, 101, 0);
		synth_waits(s, 1, "pthread_mutex_lock", MS(100), L, 101, scene_stack(s, 1));
		synth_holds(s, 1, L, 0, 0);
		scene_open(&sc, s);
		assert_int_equal(scene_count(&sc, "self-deadlock"), !passed);
		assert_int_equal(scene_count(&sc, "stuck-thread"), 0);
		assert_int_equal(sc.m->locks[scene_lock(&sc, L)].is_passed, passed);
		scene_close(&sc);
	}
}

/* The holder is blocked in a call: that is told, and not the waiter once more. */
static void one_cause_is_one_finding(void **state)
{
	struct synth *s = waits_for("pthread_mutex_lock", 3000, 2);
	struct scene sc;

	synth_holds(s, 2, L, MS(1000), 0);
	synth_waits(s, 2, "nanosleep", MS(1500), 0, 0, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_int_equal(scene_count(&sc, "lock-held-across-blocking-call"), 1);
	assert_int_equal(scene_count(&sc, "stuck-thread"), 0);
	assert_int_equal(scene_count(&sc, "hot-lock"), 0);
	scene_close(&sc);
}

static struct synth *reader_that_calls(const char *call)
{
	struct synth *s = waits_for(call, 100, 0);

	synth_holds(s, 1, L, 0, 0);
	synth_thread_rec(s, 1)->held[0].kind = FR_HELD_RDLOCK;
	return s;
}

/* A reader that reads again waits for a writer in between; one that writes waits for itself. */
static void readers_may_read_again(void **state)
{
	expect(reader_that_calls("pthread_rwlock_rdlock"), "self-deadlock", RULE_OK);
	expect(reader_that_calls("pthread_rwlock_wrlock"), "self-deadlock", RULE_FOUND);
}

/* Whoever hangs in a deadlock is not told of a second time, however long it lasts. */
static void told_once(void **state)
{
	struct synth *s = waits_for("pthread_mutex_lock", 100, 2);
	struct scene sc;

	synth_holds(s, 1, 0xb000, 0, 0);
	synth_holds(s, 2, L, 0, 0);
	synth_waits(s, 2, "pthread_mutex_lock", MS(100), 0xb000, synth_thread_rec(s, 1)->tid, 0);
	scene_open(&sc, s);
	assert_int_equal(scene_count(&sc, "deadlock"), 1);
	assert_int_equal(scene_count(&sc, "stuck-thread"), 0);
	scene_close(&sc);
}

static void a_short_wait_for_a_lock_is_not_stuck(void **state)
{
	expect(waits_for("pthread_mutex_lock", 9500, 2), "stuck-thread", RULE_OK);
	expect(waits_for("pthread_mutex_lock", 8500, 2), "stuck-thread", RULE_FOUND);
}

static void expect_crash(uint32_t signo, int32_t code, uint32_t sender, const char *title)
{
	struct synth *s = scene_four();
	struct fr_crash *c = synth_crash(s, signo, synth_thread_rec(s, 1)->tid, MS(10000));
	const struct finding *f;
	struct scene sc;

	c->code = code;
	c->sender_pid = sender;
	c->pc = 0x1010;
	scene_open(&sc, s);
	f = scene_find(&sc, "crash");
	assert_non_null(f);
	if (!strstr(f->title, title))
		fail_msg("'%s' is not in '%s'", title, f->title);
	scene_close(&sc);
}

/* A signal that somebody sent says nothing of an address. */
static void who_sent_the_signal(void **state)
{
	expect_crash(SIGSEGV, SI_USER, 777, "died of SIGSEGV sent by process 777");
	expect_crash(SIGBUS, SI_USER, 777, "died of SIGBUS sent by process 777");
	expect_crash(SIGSEGV, SEGV_MAPERR, 0, "at address 0x0 (");
}

/* Code that everybody has is never the place to look at. */
static void plumbing_is_no_place(void **state)
{
	static const char *const theirs[] = {"libc.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2",
					     "libfr.so", "[vdso]"};
	static const char *const own[] = {"another", "libcrypto.so.3", "libc++.so.1"};
	struct scene sc;

	scene_open(&sc, scene_four());
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		assert_false(fr_frame_is_own(sc.names, &(struct frame){.mod = theirs[i]}));
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_true(fr_frame_is_own(sc.names, &(struct frame){.mod = own[i]}));
	assert_false(fr_frame_is_own(sc.names, &(struct frame){.off = 1}));
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_witness_is_no_self_deadlock),
		cmocka_unit_test(given_back_by_another_thread),
		cmocka_unit_test(one_cause_is_one_finding),
		cmocka_unit_test(readers_may_read_again),
		cmocka_unit_test(told_once),
		cmocka_unit_test(a_short_wait_for_a_lock_is_not_stuck),
		cmocka_unit_test(who_sent_the_signal),
		cmocka_unit_test(plumbing_is_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
