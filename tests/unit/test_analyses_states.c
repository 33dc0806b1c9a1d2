/* SPDX-License-Identifier: MIT */
/*
 * test_analyses_states.c - the rules about the last moment and about the recording itself: stuck
 * threads, the crash, what is missing. Each beside nearly the same recording that is fine.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define L 0xa000u

static void expect_title(const struct finding *f, const char *part)
{
	assert_non_null(f);
	if (!strstr(f->title, part))
		fail_msg("'%s' is not in '%s'", part, f->title);
}

static bool has_line(const struct finding *f, const char *part)
{
	size_t i;

	for (i = 0; f && i < f->n_lines; i++) {
		if (strstr(f->lines[i].text, part))
			return true;
	}
	return false;
}

/* ---- stuck-thread ---------------------------------------------------------------------------- */

static struct synth *waiting_for_peer(double since, bool connected, const char *call)
{
	struct synth *s = scene_synth(10000);
	uint32_t t = synth_thread(s, 100, "client");

	if (connected)
		scene_connect(s, t, 1, 9, "10.0.0.5:80");
	else
		scene_recv(s, t, 1, 2, 9, 0);
	synth_waits(s, t, call, MS(since), 9, 0, scene_stack(s, 1));
	return s;
}

static void peer_does_not_answer(void **state)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, waiting_for_peer(1000, true, "recv"));
	f = scene_find(&sc, "stuck-thread");
	expect_title(f, "T1 client has been waiting for 9 s in recv() from 10.0.0.5:80");
	assert_int_equal(f->impact_ns, 9000000000ull);
	scene_close(&sc);
}

static void a_short_wait_is_not_stuck(void **state)
{
	struct scene sc;

	scene_open(&sc, waiting_for_peer(9000, true, "recv"));
	assert_int_equal(scene_result(&sc, "stuck-thread"), RULE_OK);
	scene_close(&sc);
}

/* Who waits for work is idle: a client's next request, a connection, an event. */
static void idle_threads_are_not_stuck(void **state)
{
	static const char *const calls[] = {"accept4", "epoll_wait", "poll"};
	struct scene sc;
	size_t i;

	scene_open(&sc, waiting_for_peer(1, false, "recv"));
	assert_int_equal(scene_result(&sc, "stuck-thread"), RULE_OK);
	scene_close(&sc);
	for (i = 0; i < 3; i++) {
		scene_open(&sc, waiting_for_peer(1, true, calls[i]));
		assert_int_equal(scene_result(&sc, "stuck-thread"), RULE_OK);
		scene_close(&sc);
	}
}

/* Who has just received something waits for news; who has sent something, for the answer. */
static void news_are_not_owed(void **state)
{
	struct scene sc;

	for (int asked = 0; asked < 2; asked++) {
		struct synth *s = waiting_for_peer(1000, true, "recv");

		scene_send(s, 1, 2, 2.1, 9);
		scene_recv(s, 1, 3, 4, 9, 0);
		if (asked)
			scene_send(s, 1, 5, 5.1, 9);
		scene_open(&sc, s);
		assert_int_equal(scene_count(&sc, "stuck-thread"), asked);
		scene_close(&sc);
	}
}

/* How long a place waited before says whether that is a fault. */
static void longer_than_usual(void **state)
{
	struct scene sc;

	for (int usual = 0; usual < 2; usual++) {
		struct synth *s = waiting_for_peer(4900, true, "recv");

		for (int i = 0; i < 3; i++)
			scene_recv(s, 1, 10 + 1600 * i, 10 + 1600 * i + (usual ? 1500 : 2), 9,
				   scene_stack(s, 1));
		scene_send(s, 1, 4800, 4800.1, 9);
		scene_open(&sc, s);
		assert_int_equal(scene_find(&sc, "stuck-thread")->severity,
				 usual ? SEVERITY_INFO : SEVERITY_WARN);
		scene_close(&sc);
	}
}

/* 3 threads on one lock are one finding; its holder is named, or said to be unknown. */
static struct synth *waiting_for_lock(bool known, bool lately)
{
	struct synth *s = scene_synth(10000);
	uint32_t o = synth_thread(s, 100, "owner"), i;

	if (known)
		synth_holds(s, o, L, 0, scene_stack(s, 1));
	if (lately)
		SYNTH_EVENT(s, o, MS(9990), FR_EV_THREAD_NAME, 0, 1);
	for (i = 0; i < 3; i++)
		synth_waits(s, synth_thread(s, 101 + i, "w"), "pthread_mutex_lock", MS(5000 + i), L,
			    known ? 100 : 0, scene_stack(s, 2));
	return s;
}

static void lock_is_not_given_back(void **state)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, waiting_for_lock(true, true));
	assert_int_equal(scene_count(&sc, "stuck-thread"), 1);
	f = scene_find(&sc, "stuck-thread");
	expect_title(f,
		     "T2 w (and 2 others) has been waiting for 5 s in pthread_mutex_lock() on L1");
	assert_true(has_line(f, "held by T1 owner, which is running or runnable"));
	assert_int_equal(scene_result(&sc, "deadlock"), RULE_OK);
	scene_close(&sc);
	scene_open(&sc, waiting_for_lock(true, false));
	assert_true(has_line(scene_find(&sc, "stuck-thread"), "in a call that is not recorded"));
	scene_close(&sc);
	scene_open(&sc, waiting_for_lock(false, true));
	assert_true(has_line(scene_find(&sc, "stuck-thread"), "who holds the lock is not known"));
	scene_close(&sc);
}

/* ---- crash ----------------------------------------------------------------------------------- */

static struct synth *crashed(uint32_t signo, int32_t code, uint64_t addr)
{
	struct synth *s = scene_synth(100);
	uint32_t t = synth_thread(s, 100, "victim"), w = synth_thread(s, 101, "w");
	struct fr_crash *c;

	synth_stack(s, 2, (uint64_t[]){0x1010, 0x9000});
	synth_holds(s, t, L, 0, scene_stack(s, 3));
	synth_waits(s, w, "pthread_mutex_lock", MS(10), L, 100, scene_stack(s, 2));
	SYNTH_EVENT(s, t, MS(99), FR_EV_MEM_FREE, scene_stack(s, 4), 0x5000);
	c = synth_crash(s, signo, 100, MS(100));
	c->code = code;
	c->fault_addr = addr;
	c->pc = 0x1010;
	c->stack = scene_stack(s, 1);
	return s;
}

static void expect_crash(uint32_t signo, int32_t code, uint64_t addr, const char *part)
{
	const struct finding *f;
	struct scene sc;

	scene_open(&sc, crashed(signo, code, addr));
	f = scene_find(&sc, "crash");
	expect_title(f, part);
	assert_ptr_equal(f, sc.a->findings[0]);
	assert_int_equal(sc.m->threads[0].state, THREAD_CRASHED);
	assert_true(has_line(f, "it held mutex L1"));
	assert_true(has_line(f, "; 1 thread waited for it"));
	assert_true(has_line(f, "mem.free"));
	scene_close(&sc);
}

static void crashes(void **state)
{
	expect_crash(SIGSEGV, SEGV_MAPERR, 0x18, "at address 0x18 (near null");
	expect_crash(SIGSEGV, SEGV_MAPERR, 0x1010, "a call through a bad pointer");
	expect_crash(SIGSEGV, SI_KERNEL, 0, "a damaged pointer");
	expect_crash(SIGSEGV, SEGV_MAPERR, 0x7f0000001000,
		     "T1 victim died of SIGSEGV at address 0x7f0000001000");
	expect_crash(SIGFPE, FPE_INTDIV, 0x1010, "integer division by zero");
	expect_crash(SIGABRT, SI_TKILL, 0, "abort() was called");
}

static void no_crash(void **state)
{
	struct scene sc;

	scene_open(&sc, scene_synth(100));
	assert_int_equal(scene_result(&sc, "crash"), RULE_OK);
	scene_close(&sc);
}

/* ---- recorder -------------------------------------------------------------------------------- */

static void complete_recording(void **state)
{
	struct synth *s = scene_synth(100);
	struct scene sc;

	synth_note(s, "FR_EVENTS=lock=slow");
	SYNTH_EVENT(s, synth_thread(s, 100, "t"), MS(1), FR_EV_THREAD_START, 0, 1);
	scene_open(&sc, s);
	assert_int_equal(scene_result(&sc, "recorder"), RULE_OK);
	scene_close(&sc);
}

static void losses_are_told(void **state)
{
	struct synth *s = scene_synth(100);
	const struct finding *f;
	struct scene sc;

	synth_note(s, "FR_EVENTS=lock=slow");
	synth_note(s, "refused: FR_SLOW=abc is not understood; using 100us");
	synth_drop(s, FR_DROP_NO_CHUNK, 12044);
	synth_header(s)->unwind_kind = FR_UNWIND_FP;
	scene_open(&sc, s);
	f = scene_find(&sc, "recorder");
	assert_non_null(f);
	assert_int_equal(f->severity, SEVERITY_WARN);
	assert_true(has_line(f, "12 044 no_chunk"));
	assert_true(has_line(f, "refused: FR_SLOW=abc"));
	assert_true(has_line(f, "frame pointers only"));
	assert_false(has_line(f, "lock=slow"));
	scene_close(&sc);
}

/* A few stacks out of many events are worth a note, no warning. */
static void small_losses_are_no_warning(void **state)
{
	struct synth *s = scene_synth(100);
	uint32_t t = synth_thread(s, 100, "t");
	struct scene sc;
	int i;

	for (i = 0; i < 1000; i++)
		SYNTH_EVENT(s, t, MS(1) + i, FR_EV_MEM_FREE, 0, 0x5000);
	synth_drop(s, FR_DROP_STACK_BUSY, 3);
	scene_open(&sc, s);
	assert_non_null(scene_find(&sc, "recorder"));
	assert_int_equal(scene_find(&sc, "recorder")->severity, SEVERITY_INFO);
	scene_close(&sc);
}

static void level(struct synth *s, uint32_t t, double at, uint32_t now, uint32_t before,
		  enum fr_level_why why)
{
	SYNTH_EVENT(s, t, MS(at), FR_EV_LEVEL, 0, FR_CLASS_MEM, now, before, why);
}

/* What was lowered, when, why, and what to do; not what somebody has asked for. */
static void lowered_by_the_budget(void **state)
{
	struct synth *s = scene_synth(10000);
	uint32_t t = synth_thread(s, 100, "t");
	const struct finding *f;
	struct scene sc;

	synth_control(s)->in_force.budget = 7;
	level(s, t, 1000, FR_LEVEL_SAMPLED, FR_LEVEL_FULL, FR_WHY_BUDGET);
	level(s, t, 2000, FR_LEVEL_FULL, FR_LEVEL_SAMPLED, FR_WHY_AGAIN);
	level(s, t, 4000, FR_LEVEL_SAMPLED, FR_LEVEL_FULL, FR_WHY_BUDGET);
	SYNTH_EVENT(s, t, MS(5000), FR_EV_LEVEL, 0, FR_CLASS_NET, FR_LEVEL_SLOW, FR_LEVEL_FULL);
	scene_open(&sc, s);
	f = scene_find(&sc, "recorder");
	assert_true(has_line(f, "mem was lowered from full to sampled 6 s before the end (E3), "
				"the last of 2 times"));
	assert_true(has_line(f, "FR_BUDGET, 7 % of the CPU time"));
	assert_true(has_line(f, "FR_EVENTS=mem=sampled"));
	assert_int_equal(f->n_lines, 2);
	assert_int_equal(f->events[0], 3);
	assert_int_equal(f->severity, SEVERITY_INFO);
	scene_close(&sc);
}

static void lowered_and_tried_again(void **state)
{
	struct synth *s = scene_synth(10000);
	uint32_t t = synth_thread(s, 100, "t");
	struct scene sc;

	level(s, t, 1000, FR_LEVEL_SAMPLED, FR_LEVEL_FULL, FR_WHY_BUDGET);
	level(s, t, 2000, FR_LEVEL_FULL, FR_LEVEL_SAMPLED, FR_WHY_AGAIN);
	level(s, t, 3000, FR_LEVEL_OFF, FR_LEVEL_FULL, FR_WHY_ASKED);
	scene_open(&sc, s);
	assert_true(has_line(scene_find(&sc, "recorder"), "(E1) until E2"));
	scene_close(&sc);
}

/* The event is no longer there. A file from before there was a budget has no `asked`. */
static void lowered_before_the_window(void **state)
{
	for (int old = 0; old < 2; old++) {
		struct synth *s = scene_synth(10000);
		struct fr_control *c = synth_control(s);
		struct scene sc;

		memset(c->in_force.levels, FR_LEVEL_SLOW, FR_CLASSES);
		memset(c->asked, old ? 0 : FR_LEVEL_SLOW, FR_CLASSES);
		c->in_force.budget = 7;
		if (!old)
			c->asked[FR_CLASS_NET] = FR_LEVEL_FULL;
		scene_open(&sc, s);
		assert_int_equal(has_line(scene_find(&sc, "recorder"),
					  "net was lowered from full to slow before the window"),
				 !old);
		assert_false(has_line(scene_find(&sc, "recorder"), "lock"));
		scene_close(&sc);
	}
}

/* Names from a recording reach nobody's terminal unescaped. */
static void names_are_escaped(void **state)
{
	struct synth *s = scene_synth(10000);
	const char *call = "pthread_mutex_lock\n";
	struct scene sc;

	synth_call_rec(s, synth_call(s, call))->flags =
		FR_HOOK_TOLD | FR_WAIT_LOCK << FR_HOOK_WAIT_SHIFT;
	synth_waits(s, synth_thread(s, 100, "\033[2Jevil"), call, MS(1), L, 0, 0);
	scene_open(&sc, s);
	expect_title(scene_find(&sc, "stuck-thread"), "T1 \\x1b[2Jevil");
	assert_null(strchr(scene_find(&sc, "stuck-thread")->title, '\n'));
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_does_not_answer),
		cmocka_unit_test(a_short_wait_is_not_stuck),
		cmocka_unit_test(idle_threads_are_not_stuck),
		cmocka_unit_test(news_are_not_owed),
		cmocka_unit_test(longer_than_usual),
		cmocka_unit_test(lock_is_not_given_back),
		cmocka_unit_test(crashes),
		cmocka_unit_test(no_crash),
		cmocka_unit_test(complete_recording),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(small_losses_are_no_warning),
		cmocka_unit_test(lowered_by_the_budget),
		cmocka_unit_test(lowered_and_tried_again),
		cmocka_unit_test(lowered_before_the_window),
		cmocka_unit_test(names_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
