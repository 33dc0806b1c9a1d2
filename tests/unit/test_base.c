/* SPDX-License-Identifier: MIT */
/*
 * test_base.c - the small things everything rests on: cursor, escaping, units, peers, tables,
 * ranks, shared work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cpus.h"
#include "base/cursor.h"
#include "base/diag.h"
#include "base/sbuf.h"
#include "base/select.h"
#include "base/sockaddr.h"
#include "base/table.h"
#include "base/units.h"
#include "tests/lib/synth.h"

static void varints_of_every_length(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
	} known[] = {{0, 1},
		     {1, 1},
		     {127, 1},
		     {128, 2},
		     {16383, 2},
		     {16384, 3},
		     {(1ull << 49) - 1, 7},
		     {1ull << 49, 8},
		     {(1ull << 56) - 1, 8},
		     {1ull << 56, 9},
		     {UINT64_MAX, 9}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t bytes[32] = {0};
		const uint8_t *p = bytes;
		struct cursor c;

		assert_int_equal(fr_varint_put(bytes, known[i].v), known[i].len);
		assert_int_equal(fr_varint_len(bytes[0]), known[i].len);
		assert_true(fr_varint_get(&p) == known[i].v);
		assert_ptr_equal(p, bytes + known[i].len);
		for (size_t n = 0; n <= known[i].len; n++) {
			fr_cursor_init(&c, bytes, n);
			assert_true(fr_cursor_varint(&c) == (n < known[i].len ? 0 : known[i].v));
			assert_int_equal(c.failed, n < known[i].len);
		}
	}
}

static void cursor_is_sticky(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct cursor c;

	fr_cursor_init(&c, bytes, sizeof(bytes));
	assert_int_equal(fr_cursor_u16(&c), 0x0201);
	assert_int_equal(fr_cursor_u32(&c), 0);
	assert_true(c.failed);
	assert_int_equal(c.fail_off, 2);
	assert_int_equal(fr_cursor_u8(&c), 0);
	assert_int_equal(c.fail_off, 2);
	assert_null(fr_cursor_bytes(&c, 0));
	assert_int_equal(fr_zigzag(1), -1);
	assert_true(fr_zigzag(UINT64_MAX) == INT64_MIN);
}

static void expect_text(const char *in, size_t n, const char *want)
{
	struct sbuf b = {0};

	fr_sbuf_text(&b, in, n);
	assert_string_equal(fr_sbuf_cstr(&b), want);
	fr_sbuf_free(&b);
}
#define EXPECT_TEXT(in, want) expect_text(in, sizeof(in) - 1, want)

static void terminals_are_safe(void **state)
{
	EXPECT_TEXT("plain \"text\"", "plain \"text\"");
	EXPECT_TEXT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9b",
		    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9b");
	EXPECT_TEXT("\x1b[31m\x07", "\\x1b[31m\\x07");
	EXPECT_TEXT("a\nb\tc\\d\x7f", "a\\nb\\tc\\\\d\\x7f");
	EXPECT_TEXT("\xc2\x9b"
		    "31m",
		    "\\xc2\\x9b31m"); /* C1: CSI in one character */
	EXPECT_TEXT("\xe2\x80\xae"
		    "evil",
		    "\\xe2\\x80\\xaeevil");
	EXPECT_TEXT("\xff\xc3", "\\xff\\xc3");
	EXPECT_TEXT("\xc0\xaf", "\\xc0\\xaf"); /* overlong */
	EXPECT_TEXT("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	EXPECT_TEXT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	EXPECT_TEXT("a\0b", "a\\x00b");
}

static void json_is_valid(void **state)
{
	struct sbuf b = {0};

	fr_sbuf_json(&b, "a\"\\\n\x1b\xff\xc3\xbc", 8);
	assert_string_equal(fr_sbuf_cstr(&b), "\"a\\\"\\\\\\u000a\\u001b\xef\xbf\xbd\xc3\xbc\"");
	fr_sbuf_reset(&b);
	fr_sbuf_utf8(&b, "a\0\xff\n", 4);
	assert_string_equal(fr_sbuf_cstr(&b), "a\xef\xbf\xbd\xef\xbf\xbd\n");
	fr_sbuf_free(&b);
}

static void buffers_grow(void **state)
{
	struct sbuf b = {0};
	struct arena a = {0};

	assert_string_equal(fr_sbuf_cstr(&b), "");
	for (int i = 0; i < 5000; i++)
		fr_sbuf_fmt(&b, "%d,", i % 10);
	assert_int_equal(b.n, 10000);
	fr_sbuf_reset(&b);
	fr_sbuf_u64(&b, UINT64_MAX);
	fr_sbuf_char(&b, ' ');
	fr_sbuf_i64(&b, INT64_MIN);
	fr_sbuf_char(&b, ' ');
	fr_sbuf_hex(&b, 0xabc0);
	assert_string_equal(fr_sbuf_cstr(&b), "18446744073709551615 -9223372036854775808 0xabc0");
	fr_sbuf_free(&b);
	for (size_t i = 1; i < 3000; i++) {
		char *p = fr_arena_alloc(&a, i);

		assert_int_equal((uintptr_t)p % 16, 0);
		assert_int_equal(p[0] | p[i - 1], 0);
		memset(p, 1, i);
	}
	assert_string_equal(fr_arena_fmt(&a, "T%d", 7), "T7");
	assert_string_equal(fr_arena_strndup(&a, "abc", 2), "ab");
	fr_arena_free(&a);
}

static void numbers_are_readable(void **state)
{
	char b[FR_UNITS_LEN];

	assert_string_equal(fr_units_ns(b, 0), "0 ns");
	assert_string_equal(fr_units_ns(b, 850), "850 ns");
	assert_string_equal(fr_units_ns(b, 2050), "2.05 us");
	assert_string_equal(fr_units_ns(b, 115000000), "115 ms");
	assert_string_equal(fr_units_ns(b, 1614000000), "1.61 s");
	assert_string_equal(fr_units_ns(b, 2000000000), "2 s");
	assert_string_equal(fr_units_ns(b, 900ull * 1000000000), "15 min 0 s");
	assert_string_equal(fr_units_ns(b, UINT64_MAX), "5124095 h 34 min");
	assert_string_equal(fr_units_bytes(b, 512), "512 B");
	assert_string_equal(fr_units_bytes(b, 40000000), "38.1 MiB");
	assert_non_null(fr_units_bytes(b, UINT64_MAX));
	assert_string_equal(fr_units_count(b, 812345), "812 345");
	assert_string_equal(fr_units_count(b, UINT64_MAX), "18 446 744 073 709 551 615");
	assert_string_equal(fr_units_rel(b, -1203456789), "-1.203456s");
	assert_non_null(fr_units_rel(b, INT64_MIN));
	assert_string_equal(fr_units_percent(b, 26, 100), "26 %");
	assert_string_equal(fr_units_percent(b, 1, 0), "0 %");
	assert_string_equal(fr_units_errno(b, 11), "EAGAIN");
	assert_string_equal(fr_units_errno(b, 1ull << 40), "1099511627776");
	assert_string_equal(fr_units_signal(b, 10), "SIGUSR1");
	assert_string_equal(fr_units_signal(b, 34), "SIGRTMIN+0");
	assert_string_equal(fr_units_signal(b, 63), "SIGRTMAX-1");
	assert_string_equal(fr_units_signal(b, 4000), "4000");
	assert_non_null(fr_units_date(b, UINT64_MAX));
}

/* What is written digit by digit is what printf() writes. */
static void numbers_are_those_of_printf(void **state)
{
	char want[FR_UNITS_LEN], b[FR_UNITS_LEN];
	struct sbuf s = {0};

	for (int bit = 0; bit <= 64; bit++) {
		for (int add = -2; add <= 2; add++) {
			uint64_t v = (bit < 64 ? 1ull << bit : 0) + (uint64_t)(int64_t)add;

			fr_sbuf_reset(&s);
			fr_sbuf_u64(&s, v);
			snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
			assert_string_equal(fr_sbuf_cstr(&s), want);
			fr_sbuf_reset(&s);
			fr_sbuf_hex(&s, v);
			snprintf(want, sizeof(want), "0x%llx", (unsigned long long)v);
			assert_string_equal(fr_sbuf_cstr(&s), want);
			assert_int_equal(s.n, strlen(want));
		}
	}
	fr_sbuf_free(&s);
	for (unsigned int us = 1; us < 1000000; us = us * 5 / 4 + 1) {
		double ms = us / 1000.0;
		int len = ms >= 100 ? 0 : ms >= 10 ? 1 : 2;

		if (us < 1000)
			continue;
		/* cut off, not rounded, and no zeros at the end */
		snprintf(want, sizeof(want), "%u.%03u", us / 1000, us % 1000);
		want[strlen(want) - 3 + (size_t)len] = 0;
		while (strchr(want, '.') && strchr("0.", want[strlen(want) - 1])) {
			bool point = want[strlen(want) - 1] == '.';

			want[strlen(want) - 1] = 0;
			if (point)
				break;
		}
		strcat(want, " ms");
		assert_string_equal(fr_units_ns(b, us * 1000ull), want);
	}
	(void)state;
}

static void expect_peer(const char *peer, const char *want)
{
	uint8_t bytes[128];
	size_t len = synth_sockaddr(bytes, peer);
	struct sbuf b = {0};

	for (size_t n = 0; n < len; n++) { /* any cut of it is harmless */
		fr_sockaddr_text(&b, bytes, n);
		fr_sbuf_reset(&b);
	}
	fr_sockaddr_text(&b, bytes, len);
	assert_string_equal(fr_sbuf_cstr(&b), want);
	fr_sbuf_free(&b);
}

static void peers_are_named(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sbuf b = {0};

	expect_peer("127.0.0.1:8091", "127.0.0.1:8091");
	expect_peer("[::1]:80", "[::1]:80");
	expect_peer("[::ffff:10.0.0.5]:80", "10.0.0.5:80");
	expect_peer("unix:/run/x.sock", "unix:/run/x.sock");
	memcpy(un.sun_path, "\0abs\x1b", 5);
	fr_sockaddr_text(&b, (uint8_t *)&un, 2 + 5);
	assert_string_equal(fr_sbuf_cstr(&b), "unix:@abs\\x1b");
	fr_sbuf_reset(&b);
	memset(un.sun_path, 'p', 60);
	fr_sockaddr_text(&b, (uint8_t *)&un, 40); /* as the recorder keeps it */
	assert_true(b.n == 5 + 38 + 3 && !strcmp(b.s + b.n - 3, "..."));
	fr_sbuf_reset(&b);
	un.sun_family = 17;
	fr_sockaddr_text(&b, (uint8_t *)&un, 20);
	assert_string_equal(fr_sbuf_cstr(&b), "family 17");
	fr_sbuf_free(&b);
}

static void tables_align_and_escape(void **state)
{
	struct table *t = fr_table_new(false);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fr_table_column(t, "NAME", TABLE_LEFT);
	fr_table_column(t, "N", TABLE_RIGHT);
	fr_table_cell(t, "gr\xc3\xbcn");
	fr_table_cell_u64(t, 1234);
	fr_table_cell(t, "\x1b");
	fr_table_cell_fmt(t, "%d", 5);
	fr_table_print(t, f);
	fclose(f);
	assert_string_equal(text, "NAME      N\n"
				  "gr\xc3\xbcn  1 234\n"
				  "\\x1b      5\n");
	free(text);
	fr_table_free(t);
}

static void diag_is_bounded(void **state)
{
	struct diag d = {0};

	for (int i = 0; i < 1000; i++)
		diag_add(&d, DIAG_LOSS, "loss %d", i);
	assert_int_equal(d.n, DIAG_MAX);
	assert_int_equal(d.suppressed, 1000 - DIAG_MAX);
	assert_true(diag_has(&d, DIAG_LOSS));
	assert_false(diag_has(&d, DIAG_ERROR));
	diag_add(&d, DIAG_ERROR, "an error is never lost");
	assert_true(diag_has(&d, DIAG_ERROR));
	diag_free(&d);
	assert_int_equal(d.n, 0);
}

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Few and many values, equal ones, and such that differ in the highest or the lowest byte only. */
static void ranks_are_those_of_sorting(void **state)
{
	static const uint64_t masks[] = {UINT64_MAX, 0xff, 0xff00000000000000, 0x3, 0, 0xffff00ff};
	static const size_t sizes[] = {1, 2, 511, 512, 513, 3000};
	uint64_t v[3000], sorted[3000], r = 88172645463325252ull;

	for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			size_t n = sizes[k], ranks[] = {0, n / 2, (n * 99 + 99) / 100 - 1, n - 1};

			for (size_t i = 0; i < n; i++) {
				r = r * 6364136223846793005ull + 1442695040888963407ull;
				v[i] = sorted[i] = (r ^ r >> 29) & masks[m];
			}
			qsort(sorted, n, sizeof(*sorted), by_u64);
			for (size_t i = 0; i < 4; i++)
				assert_int_equal(fr_select(v, n, ranks[i]), sorted[ranks[i]]);
		}
	}
	(void)state;
}

struct shared {
	uint8_t seen[1000];
};

static void mark(void *ctx, size_t from, size_t to)
{
	struct shared *s = ctx;

	assert_true(from < to);
	for (size_t i = from; i < to; i++)
		s->seen[i]++;
}

/* However it is divided, each piece of work is done once. */
static void shares_cover_all_once(void **state)
{
	static const size_t counts[] = {0, 1, 2, 7, 999, 1000};

	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		for (size_t least = 1; least < 2000; least *= 3) {
			struct shared s = {{0}};

			fr_cpus_share(counts[k], least, mark, &s);
			for (size_t i = 0; i < sizeof(s.seen); i++)
				assert_int_equal(s.seen[i], i < counts[k]);
		}
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_of_every_length),
		cmocka_unit_test(cursor_is_sticky),
		cmocka_unit_test(terminals_are_safe),
		cmocka_unit_test(json_is_valid),
		cmocka_unit_test(buffers_grow),
		cmocka_unit_test(numbers_are_readable),
		cmocka_unit_test(numbers_are_those_of_printf),
		cmocka_unit_test(peers_are_named),
		cmocka_unit_test(tables_align_and_escape),
		cmocka_unit_test(diag_is_bounded),
		cmocka_unit_test(ranks_are_those_of_sorting),
		cmocka_unit_test(shares_cover_all_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
