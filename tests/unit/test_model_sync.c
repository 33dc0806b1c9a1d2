/* SPDX-License-Identifier: MIT */
/*
 * test_model_sync.c - waits for semaphores, barriers, spin locks and once; cancelled waits; who
 * ended them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define S 0xb000u
#define T 0xb100u

/* The wait of THREAD (serial) that ended, or is cut, at END. */
static const struct span *span_of(const struct scene *sc, uint32_t thread, double end)
{
	size_t i;

	for (i = 0; i < sc->m->n_spans; i++) {
		const struct span *s = &sc->m->spans[i];

		if (s->thread + 1 == thread && s->end_ns == MS(end))
			return s;
	}
	fail_msg("no wait of T%u ends at %f", thread, end);
	return NULL;
}

static void waker_is(const struct scene *sc, uint32_t thread, double end, uint32_t waker)
{
	assert_int_equal(span_of(sc, thread, end)->waker, waker ? waker - 1 : MODEL_NONE);
}

/* A wait that began after the post was ended by another one, which the recording does not have. */
static void posts_wake(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t p = synth_thread(s, 100, "poster"), w = synth_thread(s, 101, "waiter");
	struct scene sc;

	SYNTH_SLOW(s, p, MS(50), FR_EV_SEM_POST, scene_stack(s, 1), S, 1);
	SYNTH_SLOW(s, w, MS(50.01), FR_EV_SEM_WAIT, scene_stack(s, 2), S, NS(30));
	SYNTH_SLOW(s, w, MS(90), FR_EV_SEM_WAIT, scene_stack(s, 2), S, NS(20));
	scene_open(&sc, s);
	waker_is(&sc, w, 50.01, p);
	waker_is(&sc, w, 90, 0);
	assert_int_equal(span_of(&sc, w, 90)->kind, SPAN_SEM);
	assert_true(sc.m->locks[span_of(&sc, w, 90)->object].is_cond);
	assert_int_equal(sc.m->threads[w - 1].wait_ns[SPAN_SEM], NS(50));
	scene_close(&sc);
}

/* The last to come wakes all, whether their events stand before or after its own. */
static void barrier_wakes(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b"),
		 c = synth_thread(s, 102, "c");
	struct scene sc;

	SYNTH_SLOW(s, a, MS(50.001), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(40));
	SYNTH_SLOW(s, c, MS(50.005), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(0.005), 1);
	SYNTH_SLOW(s, b, MS(50.009), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(30));
	SYNTH_SLOW(s, c, MS(80), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(20));
	SYNTH_SLOW(s, a, MS(80.001), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(0.002), 1);
	scene_open(&sc, s);
	waker_is(&sc, a, 50.001, c);
	waker_is(&sc, b, 50.009, c);
	waker_is(&sc, c, 50.005, 0);
	waker_is(&sc, c, 80, a);
	scene_close(&sc);
}

/* Who came again before the last comer's event was written waits for the next round. */
static void the_next_round_is_another(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t a = synth_thread(s, 100, "a"), c = synth_thread(s, 101, "c");
	struct scene sc;

	SYNTH_SLOW(s, c, MS(60), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(10), 1);
	SYNTH_SLOW(s, a, MS(80), FR_EV_BARRIER_WAIT, scene_stack(s, 1), S, NS(25));
	scene_open(&sc, s);
	waker_is(&sc, a, 80, 0);
	scene_close(&sc);
}

/* Whoever ran the function woke those who waited for that, wherever its event stands. */
static void once_wakes(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b"),
		 r = synth_thread(s, 102, "runner");
	struct scene sc;

	SYNTH_SLOW(s, a, MS(50.001), FR_EV_ONCE, scene_stack(s, 1), S, NS(10), 1);
	SYNTH_SLOW(s, r, MS(50.005), FR_EV_ONCE, scene_stack(s, 1), S, NS(30), 0);
	SYNTH_SLOW(s, b, MS(50.009), FR_EV_ONCE, scene_stack(s, 1), S, NS(5), 1);
	scene_open(&sc, s);
	waker_is(&sc, a, 50.001, r);
	waker_is(&sc, b, 50.009, r);
	assert_int_equal(sc.m->threads[r - 1].wait_ns[SPAN_ONCE], 0); /* it ran, and did not wait */
	assert_int_equal(sc.m->n_spans, 2);
	scene_close(&sc);
}

/* Who gave up was woken by nobody, whatever was posted meanwhile. */
static void gave_up(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t p = synth_thread(s, 100, "poster"), w = synth_thread(s, 101, "waiter");
	struct scene sc;

	SYNTH_SLOW(s, p, MS(50), FR_EV_SEM_POST, scene_stack(s, 1), S, 1);
	SYNTH_SLOW(s, w, MS(51), FR_EV_SEM_WAIT, scene_stack(s, 2), S, NS(30), 110);
	scene_open(&sc, s);
	waker_is(&sc, w, 51, 0);
	scene_close(&sc);
}

/* The kind and the object are those of the call that was left. */
static void cancelled_waits(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	const struct span *w;
	struct scene sc;

	SYNTH_SLOW(s, a, MS(50), FR_EV_THREAD_CANCELLED, scene_stack(s, 1), S, NS(40), 0,
		   synth_call(s, "sem_timedwait"));
	SYNTH_SLOW(s, b, MS(60), FR_EV_THREAD_CANCELLED, scene_stack(s, 2), 7, NS(10), 0,
		   synth_call(s, "recvmsg"));
	scene_open(&sc, s);
	w = span_of(&sc, a, 50);
	assert_int_equal(w->kind, SPAN_SEM);
	assert_true(w->flags & SPAN_FAILED);
	assert_int_equal(w->start_ns, MS(10));
	assert_int_equal(sc.m->locks[w->object].addr, S);
	w = span_of(&sc, b, 60);
	assert_int_equal(w->kind, SPAN_RECV);
	assert_int_equal(sc.m->socks[w->object].fd, 7);
	assert_string_equal(fr_span_call(sc.m, w), "recvmsg");
	scene_close(&sc);
}

/* A release of a spin lock that others wait for is a hold, as with a mutex. */
static void spin_locks_are_locks(void **state)
{
	struct synth *s = scene_synth(200);
	uint32_t o = synth_thread(s, 100, "owner"), w = synth_thread(s, 101, "w");
	const struct lock *l;
	struct scene sc;

	SYNTH_SLOW(s, o, MS(100), FR_EV_SPIN_UNLOCK, scene_stack(s, 1), S, 1);
	SYNTH_SLOW(s, w, MS(100.01), FR_EV_SPIN_LOCK, scene_stack(s, 2), S, NS(80));
	scene_open(&sc, s);
	l = &sc.m->locks[scene_lock(&sc, S)];
	assert_int_equal(l->kind, FR_HELD_SPIN);
	assert_int_equal(l->waits, 1);
	assert_int_equal(l->wait_ns, NS(80));
	assert_int_equal(sc.m->holds[l->first_hold].thread, o - 1);
	waker_is(&sc, w, 100.01, o);
	scene_close(&sc);
}

static void holds_spin(struct synth *s, uint32_t t, uint64_t lock, unsigned int stack)
{
	synth_holds(s, t, lock, MS(1), scene_stack(s, stack));
	synth_thread_rec(s, t)->held[synth_thread_rec(s, t)->n_held - 1].kind = FR_HELD_SPIN;
}

/* Nobody reads an owner from a spin lock: the lists of held locks close the cycle. */
static void spin_deadlock(void **state)
{
	struct synth *s = scene_synth(20000);
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	const struct finding *f;
	struct scene sc;

	holds_spin(s, a, S, 1);
	holds_spin(s, b, T, 2);
	synth_waits(s, a, "pthread_spin_lock", MS(10), T, 0, scene_stack(s, 3));
	synth_waits(s, b, "pthread_spin_lock", MS(11), S, 0, scene_stack(s, 4));
	scene_open(&sc, s);
	f = scene_find(&sc, "deadlock");
	assert_non_null(f);
	assert_int_equal(f->n_threads, 2);
	scene_close(&sc);
}

/* Threads that wait for a post, a barrier or a once are blocked there, and accused of nothing. */
static void states_at_the_end(void **state)
{
	static const struct {
		const char *call;
		enum span_kind kind;
	} calls[] = {{"sem_wait", SPAN_SEM},
		     {"sem_clockwait", SPAN_SEM},
		     {"call_once", SPAN_ONCE},
		     {"pthread_once", SPAN_ONCE},
		     {"pthread_barrier_wait", SPAN_BARRIER},
		     {"mtx_lock", SPAN_LOCK},
		     {"cnd_wait", SPAN_COND},
		     {"pthread_spin_lock", SPAN_SPIN},
		     {"thrd_join", SPAN_JOIN},
		     {"flock", SPAN_FILELOCK},
		     {"fcntl64", SPAN_FILELOCK}};
	struct synth *s = scene_synth(20000);
	struct scene sc;
	uint32_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint32_t t = synth_thread(s, 100 + i, "t");

		synth_waits(s, t, calls[i].call, MS(10), S + 0x100 * i, 0, scene_stack(s, i));
	}
	scene_open(&sc, s);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct thread *t = &sc.m->threads[i];

		assert_int_equal(t->state, THREAD_BLOCKED);
		assert_int_equal(sc.m->spans[t->open].kind, calls[i].kind);
	}
	assert_null(scene_find(&sc, "deadlock"));
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_wake),
		cmocka_unit_test(barrier_wakes),
		cmocka_unit_test(the_next_round_is_another),
		cmocka_unit_test(once_wakes),
		cmocka_unit_test(gave_up),
		cmocka_unit_test(cancelled_waits),
		cmocka_unit_test(spin_locks_are_locks),
		cmocka_unit_test(spin_deadlock),
		cmocka_unit_test(states_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
