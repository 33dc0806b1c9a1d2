/* SPDX-License-Identifier: MIT */
/*
 * test_arguments.c - what people type: numbers with units, options and settings by tables; and the
 * search in an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arguments.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/search.h"

typedef bool (*parser)(const char *text, uint64_t *v);

static void numbers_with_units(void **state)
{
	static const struct {
		parser parse;
		const char *text;
		uint64_t v;
	} good[] = {
		{fr_parse_number, "0", 0},
		{fr_parse_number, "18446744073709551615", UINT64_MAX},
		{fr_parse_duration, "0", 0},
		{fr_parse_duration, "7ns", 7},
		{fr_parse_duration, "250us", 250000},
		{fr_parse_duration, "1.5s", 1500000000},
		{fr_parse_duration, ".25ms", 250000},
		{fr_parse_duration, "2m", 120000000000ull},
		{fr_parse_duration, "106751d", 106751ull * 86400000000000ull},
		{fr_parse_bytes, "4097", 4097},
		{fr_parse_bytes, "64k", 65536},
		{fr_parse_bytes, "64K", 65536},
		{fr_parse_bytes, "1.5G", 3ull << 29},
		{fr_parse_bytes, "16MiB", 16 << 20},
		{fr_parse_bytes, "16777215t", 16777215ull << 40},
		{fr_parse_percent, "5%", 5},
		{fr_parse_percent, "5", 5},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t v = 77;

		if (!good[i].parse(good[i].text, &v) || v != good[i].v)
			fail_msg("%s gives %lu", good[i].text, (unsigned long)v);
	}
	(void)state;
}

static void no_numbers(void **state)
{
	static const struct {
		parser parse;
		const char *text;
	} bad[] = {
		{fr_parse_number, ""},         {fr_parse_number, "1k"},
		{fr_parse_number, " 1"},       {fr_parse_number, "+1"},
		{fr_parse_number, "-1"},       {fr_parse_number, "0x10"},
		{fr_parse_number, "1.5"},      {fr_parse_number, "18446744073709551616"},
		{fr_parse_duration, "5"},      {fr_parse_duration, "1.5"},
		{fr_parse_duration, ".s"},     {fr_parse_duration, "s"},
		{fr_parse_duration, "1 s"},    {fr_parse_duration, "1e3s"},
		{fr_parse_duration, "1sec"},   {fr_parse_duration, "106752d"},
		{fr_parse_duration, "1.5ns"},  {fr_parse_duration, "nan"},
		{fr_parse_bytes, "1.5"},       {fr_parse_bytes, "1kB"},
		{fr_parse_bytes, "16777216t"}, {fr_parse_bytes, "1M1"},
		{fr_parse_percent, "0.5%"},    {fr_parse_percent, "5%%"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t v = 77;

		if (bad[i].parse(bad[i].text, &v) || v != 77)
			fail_msg("'%s' is taken as %lu", bad[i].text, (unsigned long)v);
	}
	(void)state;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct argument rows[] = {
	{"thread", "THREAD", "which", 1, 't'},
	{"thr", "X", "beginning of another", 1, 0},
	{"all", NULL, "all", 1, 'a'},
	{"hidden", NULL, "of another command", 2, 'x'},
	{"all", "N", "another row of that name", 2, 0},
};

/* "0:T7 2" */
struct seen {
	char text[64];
};

static bool note(void *into, size_t i, const char *value)
{
	struct seen *s = into;
	char one[32];

	snprintf(one, sizeof(one), "%zu%s%s ", i, value ? ":" : "", value ? value : "");
	strcat(s->text, one);
	return !value || strcmp(value, "bad") != 0;
}

static bool parse(struct arguments a, const char *line, char *operands, struct seen *s,
		  struct diag *d)
{
	char copy[128], *argv[16] = {NULL}, *save = NULL;
	int argc = 0;
	bool ok;

	memset(s, 0, sizeof(*s));
	snprintf(copy, sizeof(copy), "command %s", line);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	a.rows = rows;
	a.n = sizeof(rows) / sizeof(rows[0]);
	a.command = "test";
	a.groups = 1;
	a.set = note;
	a.into = s;
	ok = fr_arguments_parse(&a, &argc, argv, d);
	*operands = 0;
	for (int i = 1; ok && i < argc; i++)
		strcat(strcat(operands, argv[i]), " ");
	return ok;
}

static void options_by_table(void **state)
{
	static const struct {
		bool words, operand_ends;
		const char *line, *seen, *operands;
	} good[] = {
		{false, false, "-t T7 x", "0:T7 ", "x "},
		{false, false, "-tT7 x -a y", "0:T7 2 ", "x y "},
		{false, false, "--thread=T7 --thr 5", "0:T7 1:5 ", ""},
		{false, false, "--thread= -t -5", "0: 0:-5 ", ""},
		{false, false, "-1.5s - -- -a", "", "-1.5s - -a "},
		{false, true, "-a prog -a -t", "2 ", "prog -a -t "},
		{false, true, "-a -- -prog -a", "2 ", "-prog -a "},
		{true, false, "thread=T7 all thr=", "0:T7 2 1: ", ""},
	};
	char operands[64];
	struct seen s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct arguments a = {.words = good[i].words, .operand_ends = good[i].operand_ends};
		struct diag d = {0};

		if (!parse(a, good[i].line, operands, &s, &d))
			fail_msg("%s: %s", good[i].line, d.entries[0].text);
		assert_string_equal(s.text, good[i].seen);
		assert_string_equal(operands, good[i].operands);
		diag_free(&d);
	}
	(void)state;
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		bool words;
		const char *line, *said;
	} bad[] = {
		{false, "-x", "fr test has no option -x"},
		{false, "--threads 5", "no option --threads"},
		{false, "x --all=5", "--all=5 takes no value; --all: all"},
		{false, "-t", "-t needs a value; --thread THREAD: which"},
		{false, "-t bad", "bad is not understood; --thread THREAD: which"},
		{true, "moon=full", "fr test has no setting moon=full"},
		{true, "thread", "thread needs a value; thread=THREAD: which"},
		{true, "all=1", "all=1 takes no value; all: all"},
		{true, "thread=bad", "thread=bad is not understood"},
	};
	char operands[64];
	struct seen s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct arguments a = {.words = bad[i].words};
		struct diag d = {0};

		assert_false(parse(a, bad[i].line, operands, &s, &d));
		assert_int_equal(d.n, 1);
		if (!strstr(d.entries[0].text, bad[i].said))
			fail_msg("%s: %s", bad[i].line, d.entries[0].text);
		diag_free(&d);
	}
	(void)state;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static bool is_less(const void *element, const void *key)
{
	return *(const int *)element < *(const int *)key;
}

static void places_in_arrays(void **state)
{
	static const int v[] = {1, 3, 3, 3, 8};

	for (size_t n = 0; n <= 5; n++)
		for (int key = 0; key < 10; key++) {
			size_t want = 0;

			while (want < n && v[want] < key)
				want++;
			assert_int_equal(fr_search(v, n, sizeof(v[0]), is_less, &key), want);
		}
	(void)state;
}

static void base_names(void **state)
{
	assert_string_equal(fr_path_base("/usr/lib/libc.so.6"), "libc.so.6");
	assert_string_equal(fr_path_base("[vdso]"), "[vdso]");
	assert_string_equal(fr_path_base("dir/"), "");
	assert_string_equal(fr_path_base(""), "");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_with_units), cmocka_unit_test(no_numbers),
		cmocka_unit_test(options_by_table),   cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(places_in_arrays),   cmocka_unit_test(base_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
