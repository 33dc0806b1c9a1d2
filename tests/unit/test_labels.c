/* SPDX-License-Identifier: MIT */
/*
 * test_labels.c - labels of threads over a stream: set, changed, taken away, taken over, unknown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/labels.h"
#include "tests/lib/synth.h"

#define LABEL(s, serial, t, pair)                                                                  \
	synth_event(s, serial, t, FR_EV_LABEL, 0, (uint64_t[]){0, 0}, 2, pair, sizeof(pair) - 1)

/* The labels of THREAD after all of S, as "key=value;"; TEXT has room for 200 bytes. */
static void text_of(struct synth *s, uint32_t thread, char *text)
{
	char path[] = "/tmp/fr-labels-XXXXXX";
	const struct label *all;
	struct diag d = {0};
	struct recording *rec;
	struct stream *stream;
	struct labels *l;
	struct event e;
	size_t n;

	close(mkstemp(path));
	synth_write(s, path);
	rec = fr_recording_open(path, &d);
	assert_non_null(rec);
	l = fr_labels_open(rec);
	stream = fr_stream_open(rec);
	while (fr_stream_next(stream, &e))
		fr_labels_feed(l, &e);
	n = fr_labels_of(l, thread, &all);
	*text = 0;
	for (size_t i = 0; i < n; i++)
		sprintf(text + strlen(text), "%.*s=%.*s;", (int)all[i].n_key, all[i].key,
			(int)all[i].n_value, all[i].value);
	assert_int_equal(fr_labels_of(l, 12345, &all), 0);
	fr_stream_close(stream);
	fr_labels_close(l);
	fr_recording_close(rec);
	diag_free(&d);
	unlink(path);
}

static void check(struct synth *s, uint32_t thread, const char *want)
{
	char text[200];

	text_of(s, thread, text);
	assert_string_equal(text, want);
}

static void set_change_and_take_away(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	uint64_t t = SYNTH_START_NS;

	LABEL(s, a, t + 10, "request\0r-1");
	LABEL(s, a, t + 20, "user\0bob");
	LABEL(s, b, t + 25, "request\0r-9");
	check(s, 0, "request=r-1;user=bob;");
	LABEL(s, a, t + 30, "request\0r-2");
	check(s, 0, "request=r-2;user=bob;");
	LABEL(s, a, t + 40, "request\0");
	check(s, 0, "user=bob;");
	LABEL(s, a, t + 50, "nobody\0");
	check(s, 0, "user=bob;");
	check(s, 1, "request=r-9;");
	synth_free(s);
}

/* A label without key: what follows was taken over from another thread. */
static void taken_over(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a");
	uint64_t t = SYNTH_START_NS;

	LABEL(s, a, t + 10, "own\0yes");
	LABEL(s, a, t + 20, "\0");
	check(s, 0, "");
	LABEL(s, a, t + 20, "request\0r-3");
	check(s, 0, "request=r-3;");
	synth_free(s);
}

/* While class user is off labels change unseen: rather none than an old one. */
static void unknown_after_off(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");
	uint64_t t = SYNTH_START_NS;

	LABEL(s, a, t + 10, "request\0r-1");
	SYNTH_EVENT(s, b, t + 20, FR_EV_LEVEL, 0, FR_CLASS_LOCK, FR_LEVEL_OFF, FR_LEVEL_FULL);
	check(s, 0, "request=r-1;");
	SYNTH_EVENT(s, b, t + 30, FR_EV_LEVEL, 0, FR_CLASS_USER, FR_LEVEL_OFF, FR_LEVEL_FULL);
	check(s, 0, "");
	LABEL(s, a, t + 40, "request\0r-2");
	check(s, 0, "request=r-2;");
	synth_free(s);
}

/* More labels than any recorder keeps; bytes that are no pair. */
static void hostile(void **state)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a");
	uint64_t t = SYNTH_START_NS;
	char pair[] = "k00\0v";

	for (int i = 0; i < 100; i++) {
		pair[1] = (char)('0' + i / 10);
		pair[2] = (char)('0' + i % 10);
		LABEL(s, a, t + 10 + (uint64_t)i, pair);
	}
	check(s, 0,
	      "k00=v;k01=v;k02=v;k03=v;k04=v;k05=v;k06=v;k07=v;k08=v;k09=v;k10=v;k11=v;k12=v;"
	      "k13=v;k14=v;k15=v;");
	LABEL(s, a, t + 200, "k15");
	LABEL(s, a, t + 210, "");
	check(s, 0, "");
	synth_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_change_and_take_away),
		cmocka_unit_test(taken_over),
		cmocka_unit_test(unknown_after_off),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
