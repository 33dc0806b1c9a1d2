/* SPDX-License-Identifier: MIT */
/*
 * test_read_order.c - a stamp read too early by the processor does not turn a mutex's order around.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "read/events.h"
#include "tests/lib/synth.h"

#define T0 SYNTH_START_NS
#define MUTEX 0xa000
#define LOCK(th, at, ...) SYNTH_EVENT(s, th, T0 + (at), FR_EV_MUTEX_LOCK, 0, __VA_ARGS__)
#define WAIT(th, at, ...) SYNTH_EVENT(s, th, T0 + (at), FR_EV_COND_WAIT, 0, __VA_ARGS__)
#define UNLOCK(th, at, ...) SYNTH_EVENT(s, th, T0 + (at), FR_EV_MUTEX_UNLOCK, 0, __VA_ARGS__)

static char path[64];

struct seen {
	uint32_t thread; /* index */
	uint64_t at; /* ns after T0 */
	uint16_t kind;
};

/* Writes S, reads it back and compares its stream with the N events of WANT. */
static void expect_order(struct synth *s, const struct seen *want, size_t n)
{
	struct diag d = {0};
	struct recording *rec;
	struct stream *stream;
	struct event e;

	synth_write(s, path);
	synth_free(s);
	rec = fr_recording_open(path, &d);
	assert_non_null(rec);
	stream = fr_stream_open(rec);
	for (size_t i = 0; i < n; i++) {
		assert_true(fr_stream_next(stream, &e));
		assert_int_equal(e.id, i + 1);
		assert_int_equal(e.kind, want[i].kind);
		assert_int_equal(e.thread, want[i].thread);
		assert_int_equal(e.t_ns, T0 + want[i].at);
	}
	assert_false(fr_stream_next(stream, &e));
	fr_stream_close(stream);
	fr_recording_close(rec);
	diag_free(&d);
}

#define EXPECT(...)                                                                                \
	do {                                                                                       \
		const struct seen want[] = {__VA_ARGS__};                                          \
		expect_order(s, want, sizeof(want) / sizeof(want[0]));                             \
	} while (0)

static void acquisition_waits_for_the_release(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	LOCK(b, 200, MUTEX);
	UNLOCK(b, 250, MUTEX);
	UNLOCK(a, 300, MUTEX);
	LOCK(a, 400, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {0, 300, FR_EV_MUTEX_UNLOCK}, {1, 300, FR_EV_MUTEX_LOCK},
	       {1, 300, FR_EV_MUTEX_UNLOCK}, {0, 400, FR_EV_MUTEX_LOCK});
}

/* A recursive mutex is free again after the outer release only. */
static void depth_counts(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	LOCK(a, 110, MUTEX);
	LOCK(b, 120, MUTEX);
	UNLOCK(a, 130, MUTEX);
	UNLOCK(a, 140, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {0, 110, FR_EV_MUTEX_LOCK}, {0, 130, FR_EV_MUTEX_UNLOCK},
	       {0, 140, FR_EV_MUTEX_UNLOCK}, {1, 140, FR_EV_MUTEX_LOCK});
}

/* The end of a wait takes the mutex, once, whether its beginning was recorded or not. */
static void a_wait_takes_it_again(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	UNLOCK(a, 150, MUTEX);
	WAIT(a, 190, MUTEX + 64, MUTEX, 40, 0);
	WAIT(a, 200, MUTEX + 64, MUTEX, 5, ETIMEDOUT);
	LOCK(b, 300, MUTEX);
	UNLOCK(a, 310, MUTEX);
	UNLOCK(b, 400, MUTEX);
	WAIT(a, 500, MUTEX + 64, MUTEX, 50, EPERM);
	LOCK(b, 600, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {0, 150, FR_EV_MUTEX_UNLOCK}, {0, 190, FR_EV_COND_WAIT},
	       {0, 200, FR_EV_COND_WAIT}, {0, 310, FR_EV_MUTEX_UNLOCK}, {1, 310, FR_EV_MUTEX_LOCK},
	       {1, 400, FR_EV_MUTEX_UNLOCK}, {0, 500, FR_EV_COND_WAIT}, {1, 600, FR_EV_MUTEX_LOCK});
}

/* Whoever failed has nothing to wait for, and a release a millisecond later is another one. */
static void others_stay_where_they_are(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	LOCK(b, 200, MUTEX, 0, 0, 16);
	LOCK(b, 300, MUTEX + 8);
	LOCK(b, 400, MUTEX);
	UNLOCK(a, 1000400, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {1, 200, FR_EV_MUTEX_LOCK}, {1, 300, FR_EV_MUTEX_LOCK},
	       {1, 400, FR_EV_MUTEX_LOCK}, {0, 1000400, FR_EV_MUTEX_UNLOCK});
}

/* Each has what the other one wants: damaged or lost events must not stop the stream. */
static void two_that_wait_for_each_other(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	LOCK(b, 110, MUTEX + 8);
	LOCK(a, 120, MUTEX + 8);
	LOCK(b, 130, MUTEX);
	UNLOCK(a, 140, MUTEX);
	UNLOCK(b, 150, MUTEX + 8);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {1, 110, FR_EV_MUTEX_LOCK}, {0, 120, FR_EV_MUTEX_LOCK},
	       {0, 140, FR_EV_MUTEX_UNLOCK}, {1, 140, FR_EV_MUTEX_LOCK},
	       {1, 150, FR_EV_MUTEX_UNLOCK});
}

/* At one time the lower thread comes first, and of one thread what was slow. */
static void equal_times_have_an_order(void **state)
{
	struct synth *s = synth_new();
	uint32_t th[5];

	for (int i = 0; i < 5; i++)
		th[i] = synth_thread(s, 100 + (uint32_t)i, "t");
	for (int i = 5; i-- > 0;)
		LOCK(th[i], 100, MUTEX + 64 * (uint32_t)i);
	SYNTH_SLOW(s, th[3], T0 + 100, FR_EV_SEM_POST, 0, MUTEX);
	UNLOCK(th[4], 200, MUTEX + 64 * 4);
	UNLOCK(th[0], 200, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {1, 100, FR_EV_MUTEX_LOCK}, {2, 100, FR_EV_MUTEX_LOCK},
	       {3, 100, FR_EV_SEM_POST}, {3, 100, FR_EV_MUTEX_LOCK}, {4, 100, FR_EV_MUTEX_LOCK},
	       {0, 200, FR_EV_MUTEX_UNLOCK}, {4, 200, FR_EV_MUTEX_UNLOCK});
}

/* An acquisition is put behind another thread's release, never behind what its own thread did. */
static void nobody_waits_for_himself(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	LOCK(a, 100, MUTEX);
	LOCK(b, 200, MUTEX);
	SYNTH_SLOW(s, b, T0 + 250, FR_EV_SEM_POST, 0, 0xb000);
	UNLOCK(a, 300, MUTEX);
	EXPECT({0, 100, FR_EV_MUTEX_LOCK}, {1, 200, FR_EV_MUTEX_LOCK}, {1, 250, FR_EV_SEM_POST},
	       {0, 300, FR_EV_MUTEX_UNLOCK});
}

/* Four threads with small steps of time, so that many stamps are equal, many mutexes too early. */
static void storm(struct synth *s, uint32_t *th)
{
	uint64_t t[4] = {0}, r = 88172645463325252ull;

	for (int i = 0; i < 20000; i++) {
		uint32_t k, lock;

		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		k = r % 4;
		lock = (uint32_t)(r >> 8 & 3) * 64;
		t[k] += r >> 16 & 7;
		if (r >> 24 & 1)
			SYNTH_EVENT(s, th[k], T0 + t[k], FR_EV_MEM_ALLOC, 0, 0x1000 + (r & 0xff0),
				    8);
		else if (r >> 25 & 1)
			LOCK(th[k], t[k], MUTEX + lock);
		else
			UNLOCK(th[k], t[k], MUTEX + lock);
	}
}

/* Whether two events are the same, their bytes beyond the arguments too. */
static void assert_same(const struct event *a, const struct event *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->t_ns, b->t_ns);
	assert_int_equal(a->thread, b->thread);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->stack, b->stack);
	assert_memory_equal(a->arg, b->arg, sizeof(a->arg));
}

/* How many are asked for at a time has no influence on the stream. */
static void batches_of_any_size_are_the_same(void **state)
{
	static const size_t rooms[] = {2, 3, 7, 64, 1000, 30000};
	struct synth *s = synth_new();
	struct diag d = {0};
	struct recording *rec;
	struct event *batch = calloc(30000, sizeof(*batch)), e;
	uint32_t th[4];

	for (int i = 0; i < 4; i++)
		th[i] = synth_thread(s, 100 + i, "t");
	storm(s, th);
	synth_write(s, path);
	synth_free(s);
	rec = fr_recording_open(path, &d);
	assert_non_null(rec);
	for (size_t k = 0; k < sizeof(rooms) / sizeof(rooms[0]); k++) {
		struct stream *one = fr_stream_open(rec), *many = fr_stream_open(rec);
		size_t n, total = 0;

		while ((n = fr_stream_fill(many, batch, rooms[k]))) {
			for (size_t i = 0; i < n; i++) {
				assert_true(fr_stream_next(one, &e));
				assert_same(&batch[i], &e);
			}
			total += n;
			assert_true(n == rooms[k] || total == 20000);
		}
		assert_false(fr_stream_next(one, &e));
		assert_int_equal(total, 20000);
		fr_stream_close(one);
		fr_stream_close(many);
	}
	free(batch);
	fr_recording_close(rec);
	diag_free(&d);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acquisition_waits_for_the_release),
		cmocka_unit_test(depth_counts),
		cmocka_unit_test(a_wait_takes_it_again),
		cmocka_unit_test(others_stay_where_they_are),
		cmocka_unit_test(two_that_wait_for_each_other),
		cmocka_unit_test(equal_times_have_an_order),
		cmocka_unit_test(nobody_waits_for_himself),
		cmocka_unit_test(batches_of_any_size_are_the_same),
	};
	int rc;

	snprintf(path, sizeof(path), "/tmp/fr-test-order-%d.frd", getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
