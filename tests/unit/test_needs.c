/* SPDX-License-Identifier: MIT */
/*
 * test_needs.c - when the report may say that all is fine: nothing that a rule needs was missing,
 * for any thread. Each beside nearly the same recording that says it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyses/needs.h"
#include "model/stands.h"
#include "tests/lib/scene.h"

#define L 0xa000u

/* Why RULE is no verdict; NULL = it is. */
static const char *missing(const struct scene *sc, const char *rule)
{
	for (size_t i = 0; i < fr_n_rules; i++) {
		if (!strcmp(fr_rules[i].name, rule))
			return sc->a->missing[i];
	}
	fail_msg("no rule %s", rule);
	return NULL;
}

static void expect_missing(struct synth *s, const char *rule, const char *part)
{
	struct scene sc;
	const char *why;

	scene_open(&sc, s);
	why = missing(&sc, rule);
	if (!part && why)
		fail_msg("%s is not judged: %s", rule, why);
	if (part && (!why || !strstr(why, part)))
		fail_msg("'%s' is not in '%s'", part, why ? why : "fine");
	scene_close(&sc);
}

/* Ten seconds; T1 has done something just now, T2 waits for a client. */
static struct synth *seen(void)
{
	struct synth *s = scene_synth(10000);

	synth_thread(s, 100, "works");
	synth_thread(s, 101, "serves");
	synth_fd(s, 9, FR_FD_LISTENER, NULL);
	SYNTH_EVENT(s, 2, MS(1), FR_EV_THREAD_START, 0, 2);
	synth_waits(s, 2, "accept", MS(10), 9, 0, 0);
	return s;
}

static struct synth *fine(void)
{
	struct synth *s = seen();

	SYNTH_EVENT(s, 1, MS(9900), FR_EV_THREAD_NAME, 0, 1);
	return s;
}

static const char *const about_locks[] = {"deadlock", "self-deadlock", "hot-lock", "stuck-thread",
					  "lock-held-across-blocking-call"};

static void all_seen_is_fine(void **state)
{
	for (size_t i = 0; i < sizeof(about_locks) / sizeof(*about_locks); i++)
		expect_missing(fine(), about_locks[i], NULL);
	expect_missing(fine(), "crash", NULL);
}

/* Nothing was heard of T1 for long, and it is in no recorded call. */
static void unexplained_thread(void **state)
{
	struct scene sc;
	struct synth *s;

	for (size_t i = 0; i < sizeof(about_locks) / sizeof(*about_locks); i++) {
		s = seen();
		SYNTH_EVENT(s, 1, MS(20), FR_EV_THREAD_NAME, 0, 1);
		expect_missing(s, about_locks[i],
			       "1 of 2 threads computes or waits in calls that are not recorded: "
			       "T1 works");
	}
	s = seen();
	SYNTH_EVENT(s, 1, MS(20), FR_EV_THREAD_NAME, 0, 1);
	scene_open(&sc, s);
	assert_int_equal(fr_thread_stand(sc.m, 0), STAND_UNEXPLAINED);
	assert_int_equal(fr_thread_stand(sc.m, 1), STAND_WORK);
	scene_close(&sc);
	expect_missing(seen(), "crash", NULL);
}

static void unknown_holder(void **state)
{
	struct synth *s = fine();

	synth_thread(s, 102, "waits");
	SYNTH_EVENT(s, 3, MS(5), FR_EV_THREAD_START, 0, 3);
	synth_waits(s, 3, "pthread_mutex_lock", MS(9500), L, 0, 0);
	expect_missing(s, "deadlock", "T3 waits waits for mutex L1 (0xa000), and who has it is");
}

static void class_off(void **state)
{
	struct synth *s = fine();

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_OFF;
	expect_missing(s, "deadlock", "lock was not recorded (FR_EVENTS lock=off)");
	s = fine();
	synth_header(s)->levels[FR_CLASS_NET] = FR_LEVEL_OFF;
	expect_missing(s, "lock-held-across-blocking-call", "net was not recorded");
	s = fine();
	synth_header(s)->levels[FR_CLASS_NET] = FR_LEVEL_OFF;
	expect_missing(s, "hot-lock", NULL);
}

static void class_off_for_a_while(void **state)
{
	struct synth *s = fine();

	SYNTH_EVENT(s, 1, MS(9950), FR_EV_LEVEL, 0, FR_CLASS_LOCK, FR_LEVEL_SLOW, FR_LEVEL_OFF,
		    FR_WHY_ASKED);
	expect_missing(s, "hot-lock", "lock was off for a part of the window");
}

static void own_function(void **state)
{
	struct synth *s = fine();
	struct fr_hook_rec *r = synth_call_rec(s, synth_call(s, "pthread_mutex_lock"));

	r->klass = FR_CLASS_LOCK;
	r->flags = FR_HOOK_SHADOWED;
	expect_missing(s, "deadlock", "calls of pthread_mutex_lock are not seen");
}

static void lost_events(void **state)
{
	struct synth *s = fine();

	synth_drop(s, FR_DROP_NO_CHUNK, 50);
	expect_missing(s, "hot-lock", "events were lost for lack of room");
	s = fine();
	synth_drop(s, FR_DROP_NO_THREAD, 1);
	expect_missing(s, "deadlock", "there was no room for some threads");
}

static void nothing_recorded(void **state)
{
	struct scene sc;

	scene_open(&sc, scene_synth(100));
	assert_string_equal(missing(&sc, "deadlock"), "the recording has no events");
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_NO_DATA);
	scene_close(&sc);
}

/* Whoever queues up behind a thread that waits for work is idle too; behind one that sleeps not. */
static void queue_behind_the_one_that_accepts(void **state)
{
	static const struct {
		const char *call;
		enum stand stand;
	} cases[] = {{"accept", STAND_WORK}, {"nanosleep", STAND_LOCK}};

	for (size_t i = 0; i < 2; i++) {
		struct synth *s = scene_four();
		struct scene sc;

		synth_holds(s, 1, L, MS(10), 0);
		synth_waits(s, 1, cases[i].call, MS(20), 9, 0, 0);
		synth_waits(s, 2, "pthread_mutex_lock", MS(30), L, 101, 0);
		scene_open(&sc, s);
		assert_int_equal(fr_thread_stand(sc.m, 1), cases[i].stand);
		assert_int_equal(fr_thread_is_stuck(sc.m, 1), cases[i].stand == STAND_LOCK);
		assert_int_equal(sc.a->n && sc.a->findings[0]->severity > SEVERITY_INFO,
				 cases[i].stand == STAND_LOCK);
		scene_close(&sc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_seen_is_fine),
		cmocka_unit_test(unexplained_thread),
		cmocka_unit_test(unknown_holder),
		cmocka_unit_test(class_off),
		cmocka_unit_test(class_off_for_a_while),
		cmocka_unit_test(own_function),
		cmocka_unit_test(lost_events),
		cmocka_unit_test(nothing_recorded),
		cmocka_unit_test(queue_behind_the_one_that_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
