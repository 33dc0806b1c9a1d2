/* SPDX-License-Identifier: MIT */
/*
 * test_export.c - events, decode, info and list: the JSON contract, and that no byte of a recording
 * reaches a terminal unescaped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "exporters/exporters.h"
#include "preload/wire/events.h"
#include "tests/lib/command.h"
#include "tests/lib/rich.h"

static char dir[64];
static char path[128];

static int command(int (*run)(struct call *c), struct options opt, char **text, size_t *n)
{
	return command_run(run, path, dir, opt, text, n);
}

/* The line of the first event of that name. */
static json_t *event_named(char *text, const char *name)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		json_t *o = json_loads(line, 0, NULL);

		if (!o)
			fail_msg("not JSON: %s", line);
		if (!strcmp(json_string_value(json_object_get(o, "event")), name))
			return o;
		json_decref(o);
	}
	fail_msg("no %s", name);
	return NULL;
}

static void expect_int(json_t *o, const char *key, json_int_t v)
{
	if (!json_is_integer(json_object_get(o, key)))
		fail_msg("%s is no number", key);
	assert_true(json_integer_value(json_object_get(o, key)) == v);
}

static void expect_str(json_t *o, const char *key, const char *v)
{
	if (!json_is_string(json_object_get(o, key)))
		fail_msg("%s is no text", key);
	assert_string_equal(json_string_value(json_object_get(o, key)), v);
}

static void events_by_the_contract(void **state)
{
	json_t *o, *stack;
	char *text;
	size_t n;

	assert_int_equal(command(fr_cmd_events, (struct options){.json = true}, &text, &n), 0);
	o = event_named(text, "net.recv");
	assert_memory_equal(json_string_value(json_object_get(o, "id")), "E", 1);
	expect_int(o, "t_ns", SYNTH_START_NS + 3);
	expect_int(o, "tid", 100);
	expect_int(o, "fd", 5);
	expect_int(o, "result", -1);
	expect_int(o, "dur_ns", 40);
	expect_int(o, "err", 11);
	stack = json_object_get(o, "stack");
	assert_int_equal(json_array_size(stack), 4);
	expect_str(json_array_get(stack, 0), "mod", "server");
	expect_str(json_array_get(stack, 0), "off", "0xf");
	assert_true(json_is_null(json_object_get(json_array_get(stack, 0), "fn")));
	json_decref(o);
	free(text);

	command(fr_cmd_events, (struct options){.json = true}, &text, &n);
	o = event_named(text, "net.connect");
	expect_str(o, "peer", "[::1]:80");
	json_decref(o);
	free(text);

	command(fr_cmd_events, (struct options){.json = true}, &text, &n);
	o = event_named(text, "thread.name");
	expect_str(o, "name", "n\x1b[31m\xef\xbf\xbd");
	json_decref(o);
	free(text);
}

static void limits_hold(void **state)
{
	size_t n, lines = 0;
	char *text;

	command(fr_cmd_events, (struct options){.limit = 7}, &text, &n);
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 7);
	assert_memory_equal(text, "E1 ", 3);
	free(text);
}

/* Conditions that wake, allocations in between, and two threads. */
static void write_wakes(const char *to)
{
	struct synth *s = synth_new();
	uint32_t a = synth_thread(s, 100, "a"), b = synth_thread(s, 101, "b");

	for (uint64_t t = SYNTH_START_NS, i = 0; i < 300; i++, t += 1000) {
		SYNTH_EVENT(s, a, t, FR_EV_MEM_ALLOC, 0, 0x5000, 16);
		SYNTH_EVENT(s, b, t + 600, FR_EV_COND_SIGNAL, 0, 0xc000, 1);
		if (i % 3)
			SYNTH_EVENT(s, a, t + 700, FR_EV_COND_WAIT, 0, 0xc000, 0xa000, 500);
		else
			SYNTH_EVENT(s, a, t + 700, FR_EV_MUTEX_LOCK, 0, 0xa000);
	}
	synth_write(s, to);
	synth_free(s);
}

/* The lines of ALL that contain PART. */
static char *lines_with(const char *all, const char *part)
{
	char *copy = strdup(all), *out = calloc(1, strlen(all) + 1), *save, *line;

	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, part))
			strcat(strcat(out, line), "\n");
	free(copy);
	return out;
}

/* A line is the same whatever else is asked for: its waker too, which only a model knows. */
static void filters_leave_lines_as_they_are(void **state)
{
	static const char *const names[] = {"mem.alloc", "cond.signal", "cond.wait", "mutex.lock"};
	char kept[sizeof(path)], *all, *some, *want;
	size_t n;

	strcpy(kept, path);
	snprintf(path, sizeof(path), "%s/b.frd", dir);
	write_wakes(path);
	for (int json = 0; json < 2; json++) {
		command(fr_cmd_events, (struct options){.json = json}, &all, &n);
		assert_non_null(
			strstr(all, json ? "\"woken_by\":{\"tid\":101" : "woken by T2 (E5)"));
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			struct options opt = {.json = json, .event = names[i]};

			command(fr_cmd_events, opt, &some, &n);
			want = lines_with(all, names[i]);
			assert_true(*want);
			assert_string_equal(some, want);
			free(some);
			free(want);
		}
		free(all);
	}
	unlink(path);
	strcpy(path, kept);
	(void)state;
}

static void nothing_raw_reaches_a_terminal(void **state)
{
	static int (*const commands[])(struct call * c) = {fr_cmd_events, fr_cmd_decode,
							   fr_cmd_info, fr_cmd_list};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char *text;
		size_t n;

		assert_int_equal(command(commands[i], (struct options){.all = true}, &text, &n), 0);
		assert_true(n > 0);
		for (size_t k = 0; k < n; k++)
			assert_true((text[k] >= 0x20 && text[k] < 0x7f) || text[k] == '\n');
		free(text);
	}
}

static void info_says_all(void **state)
{
	json_t *o, *header;
	char *text;
	size_t n;

	command(fr_cmd_info, (struct options){.json = true}, &text, &n);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	expect_int(o, "fr", 1);
	expect_int(o, "events", 147);
	header = json_object_get(o, "header");
	expect_int(header, "pid", 4711);
	expect_str(header, "comm", "ser\x1bver");
	assert_int_equal(json_array_size(json_object_get(header, "cmdline")), 2);
	expect_int(json_object_get(o, "drops"), "nested", 3);
	expect_int(json_object_get(o, "crash"), "signal", 11);
	expect_str(json_object_get(o, "trigger"), "kind", "signal");
	assert_int_equal(json_array_size(json_object_get(o, "threads")), 3);
	expect_int(json_array_get(json_object_get(o, "threads"), 2), "overwritten", 100);
	expect_str(json_array_get(json_object_get(o, "modules"), 0), "build_id",
		   "abababababababababababababababababababab");
	json_decref(o);
	free(text);
}

static void list_finds_it(void **state)
{
	json_t *a;
	char *text;
	size_t n;

	command(fr_cmd_list, (struct options){.json = true}, &text, &n);
	a = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(a), 1);
	expect_str(json_array_get(a, 0), "kind", "snapshot");
	expect_str(json_array_get(a, 0), "trigger", "signal");
	expect_int(json_array_get(a, 0), "pid", 4711);
	json_decref(a);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_by_the_contract),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(filters_leave_lines_as_they_are),
		cmocka_unit_test(nothing_raw_reaches_a_terminal),
		cmocka_unit_test(info_says_all),
		cmocka_unit_test(list_finds_it),
	};
	struct synth *s = rich_new();
	int rc;

	snprintf(dir, sizeof(dir), "/tmp/fr-test-export-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/a.frd", dir);
	strcpy(synth_header(s)->comm, "ser\x1bver");
	synth_write(s, path);
	synth_free(s);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return rc;
}
