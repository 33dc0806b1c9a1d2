/* SPDX-License-Identifier: MIT */
/*
 * test_read_bounds.c - what a recording may say and what it may not: times of nobody, clocks that
 * were looked at once or twice, chunks that overlap in time, lengths and rows that make no sense.
 * Of what is only nearly right the rest stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "read/events.h"
#include "tests/lib/synth.h"

#define T0 SYNTH_START_NS
#define SECOND 1000000000ull

static char path[64];

struct opened {
	struct recording *rec;
	struct stream *stream;
	struct diag d;
};

static void open_path(struct opened *o)
{
	*o = (struct opened){0};
	o->rec = fr_recording_open(path, &o->d);
	assert_non_null(o->rec);
	o->stream = fr_stream_open(o->rec);
}

static void open_synth(struct opened *o, struct synth *s)
{
	synth_write(s, path);
	synth_free(s);
	open_path(o);
}

static void done(struct opened *o)
{
	fr_stream_close(o->stream);
	fr_recording_close(o->rec);
	diag_free(&o->d);
}

static bool said(const struct opened *o, const char *what)
{
	for (size_t i = 0; i < o->d.n; i++) {
		if (strstr(o->d.entries[i].text, what))
			return true;
	}
	return false;
}

static uint64_t next_time(struct opened *o)
{
	struct event e;

	assert_true(fr_stream_next(o->stream, &e));
	return e.t_ns;
}

/* The N-th chunk of the dense tier in BYTES. */
static struct fr_chunk *chunk_in(uint8_t *bytes, size_t n)
{
	const struct fr_header *h = (const struct fr_header *)bytes;

	for (uint32_t i = 0; i < h->section_count; i++) {
		if (h->sections[i].id == FR_SEC_CHUNKS_DENSE)
			return (struct fr_chunk *)(bytes + h->sections[i].offset +
						   n * FR_CHUNK_DENSE);
	}
	fail_msg("no chunks");
	return NULL;
}

/* Writes S, whose N-th dense chunk CHANGE has changed, and reads it. */
static void open_changed(struct opened *o, struct synth *s, size_t n,
			 void (*change)(struct fr_chunk *c))
{
	size_t size;
	uint8_t *bytes = synth_bytes(s, &size);
	FILE *f = fopen(path, "w");

	change(chunk_in(bytes, n));
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	free(bytes);
	synth_free(s);
	open_path(o);
}

/* ---- times ----------------------------------------------------------------------------------- */

/* One flipped bit must not put an event, and with it the end of all waits, years later. */
static void events_after_the_end_of_time(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	SYNTH_EVENT(s, t1, T0 + 100, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t1, T0 + 3 * 86400 * SECOND, FR_EV_MUTEX_LOCK, 0, 0xa000);
	open_synth(&o, s);
	assert_true(said(&o, "bytes that are no events"));
	assert_int_equal(o.rec->n_events, 1);
	assert_int_equal(o.rec->end_ns, T0 + 100);
	done(&o);
}

static void first_event_later(struct fr_chunk *c)
{
	uint8_t *time = (uint8_t *)(c + 1) + 1;

	assert_int_equal(*time, 1); /* 0 ticks after the chunk's base */
	c->base -= 50;
	*time = 50 << 1 | 1;
}

/* A chunk is taken a little before its first event is written. */
static void window_begins_with_an_event(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	SYNTH_EVENT(s, t1, T0 + 1000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	open_changed(&o, s, 0, first_event_later);
	assert_int_equal(o.rec->start_ns, T0 + 1000);
	assert_int_equal(next_time(&o), T0 + 1000);
	done(&o);
}

static void begins_too_early(struct fr_chunk *c)
{
	c->base -= 500;
}

/* The counter of another processor lags behind: times of a thread never fall. */
static void times_never_fall(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	SYNTH_EVENT(s, t1, T0 + 1000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	synth_chunk_end(s, t1, FR_TIER_DENSE);
	SYNTH_EVENT(s, t1, T0 + 1200, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t1, T0 + 1900, FR_EV_MUTEX_LOCK, 0, 0xa000);
	open_changed(&o, s, 1, begins_too_early);
	assert_int_equal(next_time(&o), T0 + 1000);
	assert_int_equal(next_time(&o), T0 + 1000);
	assert_int_equal(next_time(&o), T0 + 1400);
	done(&o);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static struct synth *with_tsc(void)
{
	struct synth *s = synth_new();

	synth_header(s)->clock_kind = FR_CLOCK_TSC;
	synth_clock(s, 3000000000, T0, SYNTH_REAL_NS);
	return s;
}

/* It ran for five milliseconds: the pairs are near each other, but there are no others. */
static void two_pairs_close_together(void **state)
{
	struct synth *s = with_tsc();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	synth_clock(s, 3000000000 + 15000000, T0 + 5000000, SYNTH_REAL_NS + 5000000);
	SYNTH_EVENT(s, t1, 3000000000 + 3000000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	open_synth(&o, s);
	assert_int_equal(o.d.n, 0);
	assert_in_range(next_time(&o), T0 + 999990, T0 + 1000010);
	done(&o);
}

/* A pair whose clock ran 30 000 times as fast as the others is no pair. */
static void a_rate_that_cannot_be(void **state)
{
	struct synth *s = with_tsc();
	struct opened o;

	(void)state;
	synth_thread(s, 100, "main");
	synth_clock(s, 6000000000, T0 + SECOND, SYNTH_REAL_NS + SECOND);
	synth_clock(s, 6000001000, T0 + 100 * SECOND, SYNTH_REAL_NS + 100 * SECOND);
	open_synth(&o, s);
	assert_true(said(&o, "1 of 3 clock pairs contradict"));
	done(&o);
}

/* Died within its first second, by a trigger that knows both clocks. */
static void one_pair_and_a_trigger(void **state)
{
	struct synth *s = with_tsc();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	SYNTH_EVENT(s, t1, 3000000000 + 300000000, FR_EV_MUTEX_LOCK, 0, 0xa000);
	synth_trigger(s, FR_TRIGGER_SIGNAL, 3000000000 + 600000000)->real_ns =
		SYNTH_REAL_NS + 200000000;
	open_synth(&o, s);
	assert_int_equal(o.d.n, 0);
	assert_in_range(next_time(&o), T0 + 99999990, T0 + 100000010);
	done(&o);
}

/* ---- lengths and rows ------------------------------------------------------------------------ */

static void longer_than_itself(struct fr_chunk *c)
{
	c->x_committed = FR_CHUNK_DENSE;
}

/* Its bytes would go on in the next one: nothing of such a chunk is believed. */
static void a_chunk_longer_than_itself(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main"), t2 = synth_thread(s, 101, "other");
	struct opened o;

	(void)state;
	SYNTH_EVENT(s, t1, T0 + 100, FR_EV_MUTEX_LOCK, 0, 0xa000);
	SYNTH_EVENT(s, t2, T0 + 200, FR_EV_MUTEX_LOCK, 0, 0xa000);
	open_changed(&o, s, 0, longer_than_itself);
	assert_true(said(&o, "1 chunks hold bytes that are no events"));
	assert_int_equal(o.rec->n_events, 1);
	done(&o);
}

/* So long that its end, as a sum, lies two bytes before its beginning. */
static void a_text_that_ends_before_it_begins(struct fr_chunk *c)
{
	uint8_t *len = (uint8_t *)(c + 1) + 4;
	const uint64_t back = (uint64_t)-2;

	assert_int_equal(*len, 20 << 1 | 1);
	*len++ = 0; /* eight raw bytes follow */
	memcpy(len, &back, sizeof(back));
}

static void a_text_longer_than_memory(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct opened o;

	(void)state;
	synth_tier(s, FR_TIER_DENSE);
	synth_event(s, t1, T0, FR_EV_LOG, 0, (uint64_t[]){42}, 1, "twenty bytes of text", 20);
	open_changed(&o, s, 0, a_text_that_ends_before_it_begins);
	assert_true(said(&o, "1 chunks hold bytes that are no events"));
	assert_int_equal(o.rec->n_events, 0);
	done(&o);
}

/* An event has room for one text. */
static void a_row_with_two_texts(void **state)
{
	struct fr_event_rec row = {.id = 126,
				   .n_args = 2,
				   .n_short = 2,
				   .name = "future.thing",
				   .type = {FR_ARG_STR, FR_ARG_STR},
				   .arg = {"one", "two"}};
	struct synth *s = synth_new();
	struct opened o;

	(void)state;
	synth_thread(s, 100, "main");
	synth_schema(s, &row);
	open_synth(&o, s);
	assert_true(said(&o, "1 rows of the table of events make no sense"));
	assert_null(fr_event_schema(o.rec, 126));
	done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_after_the_end_of_time),
		cmocka_unit_test(window_begins_with_an_event),
		cmocka_unit_test(times_never_fall),
		cmocka_unit_test(two_pairs_close_together),
		cmocka_unit_test(a_rate_that_cannot_be),
		cmocka_unit_test(one_pair_and_a_trigger),
		cmocka_unit_test(a_chunk_longer_than_itself),
		cmocka_unit_test(a_text_longer_than_memory),
		cmocka_unit_test(a_row_with_two_texts),
	};
	int rc;

	snprintf(path, sizeof(path), "/tmp/fr-test-bounds-%d.frd", (int)getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
