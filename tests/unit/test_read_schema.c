/* SPDX-License-Identifier: MIT */
/*
 * test_read_schema.c - the order of an event's arguments is the recording's own: every reader finds
 * them by name, and what one side does not know leads nobody astray.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "exporters/exporters.h"
#include "model/model.h"
#include "read/events.h"
#include "tests/lib/command.h"
#include "tests/lib/rich.h"

#define T0 SYNTH_START_NS
#define L 0xa000u

static char path[64];

static struct recording *reopen(struct synth *s, struct diag *d)
{
	struct recording *rec = command_reopen(s, path, d);

	assert_non_null(rec);
	assert_int_equal(d->n, 0);
	return rec;
}

static void done(struct recording *rec, struct diag *d)
{
	fr_recording_close(rec);
	diag_free(d);
}

/* What RUN prints of the recording at `path`. */
static char *printed(int (*run)(struct call *c), struct options opt)
{
	char *text;
	size_t n;

	command_run(run, path, path, opt, &text, &n);
	return text;
}

static void first_event(struct recording *rec, struct event *e)
{
	struct stream *stream = fr_stream_open(rec);

	assert_true(fr_stream_next(stream, e));
	fr_stream_close(stream);
}

static void row_arg(struct fr_event_rec *row, uint8_t type, const char *name)
{
	row->type[row->n_args] = type;
	strncpy(row->arg[row->n_args++], name, sizeof(row->arg[0]) - 1);
}

static struct fr_event_rec row_new(uint32_t id, const char *name)
{
	struct fr_event_rec row = {.id = id};

	strncpy(row.name, name, sizeof(row.name) - 1);
	return row;
}

/* mutex.lock as a recorder would have it whose events.def says: lock, owner, dur, err, via. */
static struct fr_event_rec swapped(void)
{
	struct fr_event_rec row = row_new(FR_EV_MUTEX_LOCK, "mutex.lock");

	row.n_short = 1;
	row.klass = FR_CLASS_LOCK;
	row_arg(&row, FR_ARG_OBJ, "lock");
	row_arg(&row, FR_ARG_TID, "owner");
	row_arg(&row, FR_ARG_NS, "dur");
	row_arg(&row, FR_ARG_ERR, "err");
	row_arg(&row, FR_ARG_VIA, "via");
	return row;
}

static void duration_and_owner_swapped(void **state)
{
	struct fr_event_rec row = swapped();
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "owner"), t2 = synth_thread(s, 101, "waiter");
	const struct fr_event_rec *got;
	struct recording *rec;
	struct model *m;
	struct event e;
	struct diag d;

	synth_schema(s, &row);
	SYNTH_SLOW(s, t2, T0 + 5000000, FR_EV_MUTEX_LOCK, 0, L, 100, 3000000, 0, 0);
	SYNTH_EVENT(s, t1, T0 + 5000100, FR_EV_MUTEX_UNLOCK, 0, L, 1);
	rec = reopen(s, &d);
	first_event(rec, &e);
	assert_int_equal(e.arg[FR_A(MUTEX_LOCK, lock)], L);
	assert_int_equal(e.arg[FR_A(MUTEX_LOCK, dur)], 3000000);
	assert_int_equal(e.arg[FR_A(MUTEX_LOCK, owner)], 100);
	got = fr_event_schema(rec, FR_EV_MUTEX_LOCK);
	assert_string_equal(got->arg[FR_A(MUTEX_LOCK, dur)], "dur");
	assert_int_equal(got->type[FR_A(MUTEX_LOCK, dur)], FR_ARG_NS);
	assert_int_equal(got->type[FR_A(MUTEX_LOCK, owner)], FR_ARG_TID);
	m = fr_model_build(rec, &d);
	assert_int_equal(m->n_spans, 1);
	assert_int_equal(fr_span_ns(&m->spans[0]), 3000000);
	assert_int_equal(m->spans[0].owner, 0);
	fr_model_free(m);
	done(rec, &d);
}

static void every_command_reads_any_order(void **state)
{
	static const struct {
		int (*run)(struct call *c);
		struct options opt;
	} commands[] = {
		{fr_cmd_events, {0}},
		{fr_cmd_events, {.json = true}},
		{fr_cmd_events, {.min_dur_ns = 40}},
		{fr_cmd_events, {.lock = "L1"}},
		{fr_cmd_decode, {0}},
		{fr_cmd_locks, {.all = true}},
		{fr_cmd_locks, {.json = true}},
		{fr_cmd_threads, {.all = true}},
		{fr_cmd_threads, {.json = true}},
		{fr_cmd_report, {.all = true}},
		{fr_cmd_report, {.json = true}},
	};
	enum { N = sizeof(commands) / sizeof(commands[0]) };
	char *straight[N];

	for (int turned = 0; turned < 2; turned++) {
		struct synth *s;

		synth_shuffle(turned);
		s = rich_new();
		synth_write(s, path);
		synth_free(s);
		for (int i = 0; i < N; i++) {
			char *text = printed(commands[i].run, commands[i].opt);

			if (turned) {
				assert_string_equal(text, straight[i]);
				free(straight[i]);
			}
			straight[i] = text;
		}
	}
	for (int i = 0; i < N; i++)
		free(straight[i]);
	synth_shuffle(false);
}

/* Arguments of a later recorder stand behind; those of an older one are not there. */
static void more_and_fewer_arguments(void **state)
{
	struct fr_event_rec row = row_new(FR_EV_IO_SYNC, "io.sync");
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	const struct fr_event_rec *got;
	struct recording *rec;
	struct event e;
	struct diag d;
	char *text;

	row_arg(&row, FR_ARG_UINT, "later"); /* fd and err are missing */
	row_arg(&row, FR_ARG_STR, "why");
	row_arg(&row, FR_ARG_NS, "dur");
	row_arg(&row, FR_ARG_VIA, "via");
	row.n_short = 1;
	synth_schema(s, &row);
	synth_event(s, t1, T0, FR_EV_IO_SYNC, 0, (uint64_t[]){7, 0, 20, 3}, 4, "because", 7);
	rec = reopen(s, &d);
	first_event(rec, &e);
	got = fr_event_schema(rec, FR_EV_IO_SYNC);
	assert_int_equal(e.n_args, FR_A(IO_SYNC, via) + 3);
	assert_int_equal(got->n_args, e.n_args);
	assert_int_equal(got->type[FR_A(IO_SYNC, fd)], FR_ARG_NONE);
	assert_int_equal(e.arg[FR_A(IO_SYNC, fd)], 0);
	assert_int_equal(e.arg[FR_A(IO_SYNC, err)], 0);
	assert_int_equal(e.arg[FR_A(IO_SYNC, dur)], 20);
	assert_int_equal(e.arg[FR_A(IO_SYNC, via)], 3);
	assert_int_equal(e.arg[FR_A(IO_SYNC, via) + 1], 7);
	assert_string_equal(got->arg[FR_A(IO_SYNC, via) + 1], "later");
	assert_int_equal(e.arg[FR_A(IO_SYNC, via) + 2], 7);
	assert_memory_equal(e.blob, "because", 7);
	done(rec, &d);
	text = printed(fr_cmd_events, (struct options){.json = true});
	assert_non_null(strstr(text, "\"dur_ns\":20"));
	assert_non_null(strstr(text, "\"later\":7,\"why\":\"because\""));
	assert_null(strstr(text, "\"fd\""));
	assert_null(strstr(text, "\"\":"));
	free(text);
	text = printed(fr_cmd_events, (struct options){0});
	assert_non_null(strstr(text, "later=7 why=\"because\""));
	assert_null(strstr(text, " =0"));
	assert_null(strstr(text, "fd="));
	free(text);
}

/* Nine names have no room in an event of eight: what this decoder knows has it. */
static void no_room_for_a_stranger(void **state)
{
	struct fr_event_rec row = row_new(FR_EV_NET_POLL, "net.poll");
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct recording *rec;
	struct event e;
	struct diag d;

	row_arg(&row, FR_ARG_SIZE, "stranger");
	row_arg(&row, FR_ARG_INT, "result");
	row_arg(&row, FR_ARG_NS, "dur");
	row_arg(&row, FR_ARG_FD, "fd");
	row_arg(&row, FR_ARG_FD, "fd"); /* a name that is taken */
	row_arg(&row, FR_ARG_VIA, "elsewhere");
	row_arg(&row, FR_ARG_STR, "ready");
	row.n_short = 3;
	synth_schema(s, &row);
	synth_event(s, t1, T0, FR_EV_NET_POLL, 0, (uint64_t[]){99, 1, 20, 5, 6, 9, 0}, 7, "5r", 2);
	SYNTH_EVENT(s, t1, T0 + 9, FR_EV_MUTEX_LOCK, 0, L);
	rec = reopen(s, &d);
	assert_int_equal(rec->n_events, 2);
	first_event(rec, &e);
	assert_int_equal(e.arg[FR_A(NET_POLL, fd)], 5);
	assert_int_equal(e.arg[FR_A(NET_POLL, nfds)], 0);
	assert_int_equal(e.arg[FR_A(NET_POLL, result)], 1);
	assert_int_equal(e.arg[FR_A(NET_POLL, dur)], 20);
	assert_int_equal(e.arg[FR_A(NET_POLL, ready)], 2);
	assert_memory_equal(e.blob, "5r", 2);
	done(rec, &d);
}

/* A path that is a number is no length of the bytes that stand under another name. */
static void number_is_no_length(void **state)
{
	struct fr_event_rec row = row_new(FR_EV_FD_OPEN, "fd.open");
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct recording *rec;
	struct model *m;
	struct diag d;

	row_arg(&row, FR_ARG_FD, "fd");
	row_arg(&row, FR_ARG_UINT, "path");
	row_arg(&row, FR_ARG_STR, "flags");
	row.n_short = 3;
	synth_schema(s, &row);
	synth_event(s, t1, T0, FR_EV_FD_OPEN, 0, (uint64_t[]){5, 1u << 30, 0}, 3, "x", 1);
	rec = reopen(s, &d);
	m = fr_model_build(rec, &d);
	assert_int_equal(m->socks[0].path_len, 0);
	fr_model_free(m);
	done(rec, &d);
}

/* How an argument is stored, the recording says. */
static void stored_as_the_recording_says(void **state)
{
	struct fr_event_rec row = row_new(FR_EV_MUTEX_LOCK, "mutex.lock");
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	struct recording *rec;
	struct event e;
	struct diag d;

	row_arg(&row, FR_ARG_INT, "owner");
	row_arg(&row, FR_ARG_ADDR, "lock");
	synth_schema(s, &row);
	SYNTH_EVENT(s, t1, T0, FR_EV_MUTEX_LOCK, 0, (uint64_t)-7, L);
	rec = reopen(s, &d);
	first_event(rec, &e);
	assert_int_equal((int64_t)e.arg[FR_A(MUTEX_LOCK, owner)], -7);
	assert_int_equal(e.arg[FR_A(MUTEX_LOCK, lock)], L);
	done(rec, &d);
}

/* A nap that was asked to be long and was cut short did not take long. */
static void duration_is_what_is_called_so(void **state)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	char *text;

	SYNTH_EVENT(s, t1, T0 + 9, FR_EV_IO_SLEEP, 0, 5000000000, 1000);
	SYNTH_EVENT(s, t1, T0 + 5000000, FR_EV_IO_SLEEP, 0, 1000, 4000000);
	synth_write(s, path);
	synth_free(s);
	text = printed(fr_cmd_events, (struct options){.min_dur_ns = 2000000});
	assert_null(strstr(text, "asked=5"));
	assert_non_null(strstr(text, "asked=1"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration_and_owner_swapped),
		cmocka_unit_test(every_command_reads_any_order),
		cmocka_unit_test(more_and_fewer_arguments),
		cmocka_unit_test(no_room_for_a_stranger),
		cmocka_unit_test(number_is_no_length),
		cmocka_unit_test(stored_as_the_recording_says),
		cmocka_unit_test(duration_is_what_is_called_so),
	};
	int fd, rc;

	snprintf(path, sizeof(path), "/tmp/fr-test-schema-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
