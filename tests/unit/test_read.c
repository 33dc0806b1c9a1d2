/* SPDX-License-Identifier: MIT */
/*
 * test_read.c - what was written comes back: events of every kind, order, windows, losses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "read/events.h"
#include "tests/lib/command.h"
#include "tests/lib/synth.h"

#define T0 SYNTH_START_NS

static char path[64];

static struct recording *reopen(struct synth *s, struct diag *d)
{
	struct recording *rec = command_reopen(s, path, d);

	if (!rec)
		fail_msg("not opened: %s", d->n ? d->entries[0].text : "without a reason");
	return rec;
}

static void expect_clean(const struct recording *rec, const struct diag *d)
{
	if (d->n)
		fail_msg("%s", d->entries[0].text);
	assert_false(rec->losses);
	assert_int_equal(rec->n_torn, 0);
}

static void done(struct recording *rec, struct diag *d)
{
	fr_recording_close(rec);
	diag_free(d);
}

static void events_come_back(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main"), t2 = synth_thread(s, 101, "worker");
	uint64_t pcs[] = {0x1010, 0x1020, 0x1030};
	uint32_t st = synth_stack(s, 3, pcs);
	const uint64_t *got;
	struct recording *rec;
	struct stream *stream;
	struct event e;
	struct diag d;

	SYNTH_EVENT(s, t1, T0 + 100, FR_EV_MUTEX_LOCK, st, 0xa000);
	SYNTH_EVENT(s, t2, T0 + 150, FR_EV_NET_RECV, 0, 7, 4096, (uint64_t)-1, 50, 11);
	SYNTH_SLOW(s, t2, T0 + 300, FR_EV_MUTEX_LOCK, st, 0xa000, 140, 100);
	SYNTH_EVENT(s, t1, T0 + 200, FR_EV_MUTEX_UNLOCK, st, 0xa000, 1);
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_int_equal(rec->n_events, 4);
	assert_int_equal(rec->n_threads, 2);
	assert_string_equal(rec->threads[1].name, "worker");
	assert_int_equal(rec->start_ns, T0 + 100);
	assert_int_equal(rec->end_ns, T0 + 300);
	assert_int_equal(fr_recording_stack(rec, st, &got, NULL), 3);
	assert_memory_equal(got, pcs, sizeof(pcs));
	assert_int_equal(fr_recording_real_ns(rec, T0 + 5), SYNTH_REAL_NS + 5);

	stream = fr_stream_open(rec);
	assert_true(fr_stream_next(stream, &e));
	assert_int_equal(e.id, 1);
	assert_int_equal(e.kind, FR_EV_MUTEX_LOCK);
	assert_int_equal(e.t_ns, T0 + 100);
	assert_int_equal(e.stack, st);
	assert_int_equal(e.arg[0], 0xa000);
	assert_true(fr_stream_next(stream, &e));
	assert_int_equal(e.kind, FR_EV_NET_RECV);
	assert_int_equal(e.thread, 1);
	assert_int_equal((int64_t)e.arg[2], -1);
	assert_int_equal(e.arg[3], 50);
	assert_int_equal(e.arg[4], 11);
	assert_true(fr_stream_next(stream, &e));
	assert_int_equal(e.arg[1], 1);
	assert_true(fr_stream_next(stream, &e));
	assert_int_equal(e.id, 4);
	assert_int_equal(e.tier, FR_TIER_RARE);
	assert_int_equal(e.arg[1], 140);
	assert_int_equal(e.arg[2], 100);
	assert_false(fr_stream_next(stream, &e));
	assert_false(fr_stream_next(stream, &e));
	fr_stream_close(stream);
	done(rec, &d);
}

/* Every kind with values of every length, short and long form, over many chunks. */
static uint64_t value(uint64_t n)
{
	uint64_t v = n * 0x9E3779B97F4A7C15ull;

	return v >> (n * 7 % 64);
}

static uint64_t expected(uint8_t type, uint64_t n)
{
	switch (type) {
	case FR_ARG_OBJ:
	case FR_ARG_PTR:
		return value(n) >> 8; /* 56 bits */
	case FR_ARG_NS:
		return value(n) >> 8;
	case FR_ARG_STR:
	case FR_ARG_SOCK:
	case FR_ARG_PAIR:
		return n % 40;
	case FR_ARG_VIA:
		return value(n) & 0x1ff;
	default:
		return value(n);
	}
}

/* What the event of number N has as its argument I: each third is short, and has its function. */
static uint64_t given(const struct fr_event_rec *row, unsigned int i, uint64_t n)
{
	if (i >= row->n_args || (n % 3 == 0 && i >= row->n_short && row->type[i] != FR_ARG_VIA))
		return 0;
	return expected(row->type[i], n + i);
}

static const unsigned int all_kinds[] = {
#define EVENT(id, ...) id,
#include "preload/wire/events.def"
#undef EVENT
};
#define N_KINDS (sizeof(all_kinds) / sizeof(all_kinds[0]))
#define N_MANY 20000u
#define STEP_NS 20000 /* so far apart no stamp counts as read too early */

static void put_many(struct synth *s, const struct fr_event_rec *row, uint32_t serial, uint64_t n)
{
	uint64_t args[FR_ARGS_MAX];
	uint8_t blob[40];
	size_t len = 0;

	memset(blob, (int)n, sizeof(blob));
	for (unsigned int i = 0; i < row->n_args; i++) {
		args[i] = given(row, i, n);
		if (row->type[i] == FR_ARG_STR || row->type[i] == FR_ARG_SOCK ||
		    row->type[i] == FR_ARG_PAIR)
			len = args[i];
	}
	synth_event(s, serial, T0 + n * STEP_NS, row->id, (uint32_t)(n % 200), args, row->n_args,
		    blob, len);
}

static void check_many(const struct fr_event_rec *row, const struct event *e)
{
	uint64_t n = e->id;

	assert_int_equal(e->kind, row->id);
	assert_int_equal(e->t_ns, T0 + n * STEP_NS);
	assert_int_equal(e->stack, n % 200);
	assert_int_equal(e->thread, n % 5);
	assert_int_equal(e->n_args, row->n_args);
	for (unsigned int i = 0; i < FR_ARGS_MAX; i++) {
		assert_int_equal(e->arg[i], given(row, i, n));
		if ((row->type[i] == FR_ARG_STR || row->type[i] == FR_ARG_SOCK ||
		     row->type[i] == FR_ARG_PAIR) &&
		    e->arg[i])
			assert_true(e->blob[0] == (uint8_t)n &&
				    e->blob[e->arg[i] - 1] == (uint8_t)n);
	}
}

static void every_kind_and_length(void **state)
{
	struct synth *s = synth_new(), *rows = synth_new();
	struct recording *rec, *schema;
	struct stream *stream;
	struct diag d, d2;
	struct event e;

	schema = reopen(rows, &d2);
	for (unsigned int i = 0; i < 5; i++)
		synth_thread(s, 100 + i, "t");
	for (uint64_t n = 1; n <= N_MANY; n++)
		put_many(s, fr_event_schema(schema, all_kinds[n * 7 / 3 % N_KINDS]),
			 1 + (uint32_t)(n % 5), n);
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_int_equal(rec->n_events, N_MANY);
	stream = fr_stream_open(rec);
	for (uint64_t n = 1; n <= N_MANY; n++) {
		assert_true(fr_stream_next(stream, &e));
		assert_int_equal(e.id, n);
		check_many(fr_event_schema(schema, all_kinds[n * 7 / 3 % N_KINDS]), &e);
	}
	assert_false(fr_stream_next(stream, &e));
	fr_stream_close(stream);
	done(rec, &d);
	done(schema, &d2);
}

static void unknown_kinds_are_shown(void **state)
{
	struct fr_event_rec row = {.id = 126,
				   .n_args = 2,
				   .n_short = 2,
				   .name = "future.thing",
				   .type = {FR_ARG_UINT, FR_ARG_STR},
				   .arg = {"count", "text"}};
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct recording *rec;
	struct stream *stream;
	struct event e;
	struct diag d;

	synth_schema(s, &row);
	synth_event(s, t1, T0, 126, 0, (uint64_t[]){42}, 1, "hello", 5);
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_string_equal(fr_event_schema(rec, 126)->name, "future.thing");
	assert_null(fr_event_schema(rec, 125));
	assert_null(fr_event_schema(rec, 100000));
	stream = fr_stream_open(rec);
	assert_true(fr_stream_next(stream, &e));
	assert_int_equal(e.arg[0], 42);
	assert_int_equal(e.arg[1], 5);
	assert_memory_equal(e.blob, "hello", 5);
	fr_stream_close(stream);
	done(rec, &d);
}

static void overwritten_history_is_stated(void **state)
{
	struct synth *s = synth_new();
	uint32_t whole = synth_thread(s, 100, "whole"), cut = synth_thread(s, 101, "cut");
	uint32_t dead = synth_thread(s, 102, "dead");
	struct recording *rec;
	struct diag d;

	SYNTH_EVENT(s, whole, T0 + 10, FR_EV_MUTEX_LOCK, 0, 0xa000);
	synth_lost(s, cut, FR_TIER_DENSE, 500);
	SYNTH_EVENT(s, cut, T0 + 2000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	synth_lost(s, cut, FR_TIER_DENSE, 7); /* a chunk in the middle was torn */
	SYNTH_EVENT(s, cut, T0 + 3000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	synth_thread_rec(s, dead)->x_life = FR_THREAD_DEAD;
	synth_thread_rec(s, dead)->events = 33;
	SYNTH_EVENT(s, 77, T0 + 4000, FR_EV_MUTEX_LOCK, 0, 0xb000); /* not in the table */
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_int_equal(rec->n_threads, 4);
	assert_int_equal(rec->threads[0].overwritten, 0);
	assert_int_equal(rec->threads[0].kept, 1);
	assert_int_equal(rec->threads[1].overwritten, 507);
	assert_int_equal(rec->threads[1].first_ns, T0 + 2000);
	assert_int_equal(rec->threads[1].last_ns, T0 + 3000);
	assert_int_equal(rec->threads[2].overwritten, 33);
	assert_int_equal(rec->threads[3].r.serial, 77);
	assert_false(rec->threads[3].in_table);
	assert_int_equal(rec->common_start_ns, T0 + 3000);
	assert_int_equal(fr_recording_thread(rec, 77), 3);
	assert_int_equal(fr_recording_thread(rec, 78), -1);
	assert_int_equal(fr_recording_thread_by_tid(rec, 101, T0 + 5000), 1);
	assert_int_equal(fr_recording_thread_by_tid(rec, 0, T0), -1);
	done(rec, &d);
}

static void tsc_ticks_are_interpolated(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct recording *rec;
	struct stream *stream;
	struct event e;
	struct diag d;

	synth_header(s)->clock_kind = FR_CLOCK_TSC;
	synth_header(s)->tick_shift = 4;
	/* 3 GHz in the first second, then 3.2 GHz; one pair contradicts the others. */
	synth_clock(s, 160000000000, T0, SYNTH_REAL_NS);
	synth_clock(s, 163000000000, T0 + 1000000000, SYNTH_REAL_NS + 1000000000);
	synth_clock(s, 5, T0 + 1500000000, SYNTH_REAL_NS);
	synth_clock(s, 166200000000, T0 + 2000000000, SYNTH_REAL_NS + 3000000000);
	SYNTH_EVENT(s, t1, 158500000000 >> 4, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t1, 161500000000 >> 4, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t1, 164600000000 >> 4, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t1, 169400000000 >> 4, FR_EV_MUTEX_LOCK, 0, 0xa000, 310000000 >> 4);
	rec = reopen(s, &d);
	assert_true(rec->losses);
	assert_int_equal(d.n, 1);
	stream = fr_stream_open(rec);
	for (int i = 0; i < 4; i++) {
		assert_true(fr_stream_next(stream, &e));
		assert_in_range(
			e.t_ns,
			T0 + (uint64_t)i * 1000000000 - 500000003 + (i == 3 ? 500000000 : 0),
			T0 + (uint64_t)i * 1000000000 - 499999997 + (i == 3 ? 500000000 : 0));
	}
	assert_in_range(e.arg[1], 99999990, 100000010); /* mean rate: 3.1 GHz */
	assert_int_equal(fr_recording_real_ns(rec, T0 + 1999999999), SYNTH_REAL_NS + 1999999999);
	assert_int_equal(fr_recording_real_ns(rec, T0 + 2000000000), SYNTH_REAL_NS + 3000000000);
	fr_stream_close(stream);
	done(rec, &d);
}

/* Two threads wrote a pair each at the same time: the numbers are not in the order of the times. */
static void clock_pairs_of_two_threads(void **state)
{
	struct synth *s = synth_new();
	struct recording *rec;
	struct diag d;

	synth_header(s)->clock_kind = FR_CLOCK_TSC;
	synth_clock(s, 160000000000, T0, SYNTH_REAL_NS);
	synth_clock(s, 163000003000, T0 + 1000001000, SYNTH_REAL_NS + 1000001000);
	synth_clock(s, 163000000000, T0 + 1000000000, SYNTH_REAL_NS + 1000000000);
	synth_clock(s, 166000000000, T0 + 2000000000, SYNTH_REAL_NS + 2000000000);
	synth_thread(s, 100, "main");
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	done(rec, &d);
}

static void modules_by_time(void **state)
{
	struct synth *s = synth_new();
	struct fr_module_rec *m;
	struct recording *rec;
	struct diag d;

	synth_module(s, "/big", 0x1000, 0x9000);
	m = synth_module(s, "/old.so", 0x20000, 0x30000);
	m->loaded = T0 + 10;
	m->unloaded = T0 + 20;
	m = synth_module(s, "/new.so", 0x20000, 0x28000);
	m->loaded = T0 + 30;
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_string_equal(fr_recording_module(rec, 0x1000, 0)->path, "/big");
	assert_null(fr_recording_module(rec, 0x9000, 0));
	assert_null(fr_recording_module(rec, 0xfff, 0));
	assert_string_equal(fr_recording_module(rec, 0x21000, T0 + 15)->path, "/old.so");
	assert_string_equal(fr_recording_module(rec, 0x21000, T0 + 35)->path, "/new.so");
	assert_string_equal(fr_recording_module(rec, 0x21000, 0)->path, "/new.so");
	assert_string_equal(fr_recording_module(rec, 0x29000, 0)->path, "/old.so");
	done(rec, &d);
}

static void states_and_names(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "abcdefghijklmnopqrst");
	struct recording *rec;
	struct diag d;

	synth_waits(s, t1, "recv", T0 + 900, 7, 0, 0);
	synth_drop(s, FR_DROP_NESTED, 12);
	synth_trigger(s, FR_TRIGGER_SIGNAL, T0 + 1000)->signo = 10;
	rec = reopen(s, &d);
	expect_clean(rec, &d);
	assert_string_equal(fr_recording_call(rec, rec->threads[0].r.st_call), "recv");
	assert_string_equal(fr_recording_call(rec, 4000000000u), "?");
	assert_int_equal(strlen(rec->threads[0].name), 15);
	assert_int_equal(rec->drops[FR_DROP_NESTED], 12);
	assert_int_equal(rec->trigger.signo, 10);
	assert_int_equal(rec->end_ns, T0 + 1000);
	assert_int_equal(rec->source, RECORDING_FILE);
	done(rec, &d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_come_back),
		cmocka_unit_test(every_kind_and_length),
		cmocka_unit_test(unknown_kinds_are_shown),
		cmocka_unit_test(overwritten_history_is_stated),
		cmocka_unit_test(tsc_ticks_are_interpolated),
		cmocka_unit_test(clock_pairs_of_two_threads),
		cmocka_unit_test(modules_by_time),
		cmocka_unit_test(states_and_names),
	};
	int rc;

	snprintf(path, sizeof(path), "/tmp/fr-test-read-%d.frd", (int)getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
