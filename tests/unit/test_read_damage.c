/* SPDX-License-Identifier: MIT */
/*
 * test_read_damage.c - recordings that are cut, changed or no recordings: the reader comes back,
 * keeps its promises and says what is wrong. Run it with SAN=address,undefined as well.
 *
 * With FR_TEST_LONG every prefix and every word is tried, and thousands of flipped bits; without it
 * a part of them, spread over all of the file. FR_TEST_FLIPS sets how many flips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/chance.h"
#include "tests/lib/rich.h"
#include "tests/lib/walk.h"

static char path[64];
static FILE *file;
static uint8_t *good;
static size_t good_size;

/* Every STEP-th place is tried. */
static size_t step_of(size_t step)
{
	return getenv("FR_TEST_LONG") ? 1 : step;
}

static void put(const uint8_t *bytes, size_t at, size_t n)
{
	assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fflush(file), 0);
}

enum verdict {
	REFUSED,
	LOSSES,
	WHOLE,
};

/* Opens the file as it is and uses everything in it. WHAT names the case when a promise breaks. */
static enum verdict try_open(const char *what, size_t which)
{
	struct diag d = {0};
	struct recording *rec = fr_recording_open(path, &d);
	const char *broken = NULL;
	enum verdict v;

	if (!rec) {
		v = REFUSED;
		if (!diag_has(&d, DIAG_ERROR) || !strstr(d.entries[0].text, path))
			broken = "refused without a reason or without the file's name";
	} else {
		v = rec->losses ? LOSSES : WHOLE;
		broken = walk_recording(rec);
		if (!broken && rec->losses != diag_has(&d, DIAG_LOSS))
			broken = "losses and messages do not agree";
	}
	if (broken)
		fail_msg("%s %zu: %s", what, which, broken);
	fr_recording_close(rec);
	diag_free(&d);
	return v;
}

static void whole_one_is_fine(void **state)
{
	put(good, 0, good_size);
	assert_int_equal(try_open("whole", 0), WHOLE);
}

static void every_prefix(void **state)
{
	const size_t step = step_of(13);

	put(good, 0, good_size);
	for (size_t n = good_size - 1; n >= step; n -= step) {
		enum verdict v;

		assert_int_equal(ftruncate(fileno(file), (off_t)n), 0);
		v = try_open("prefix", n);
		assert_int_equal(v, n < sizeof(struct fr_header) ? REFUSED : LOSSES);
	}
}

/* Half of the changes hit the header and the tables, where a byte says more. */
static void changed_bits(void **state)
{
	const char *text = getenv("FR_TEST_FLIPS");
	size_t n = text ? strtoul(text, NULL, 10) : 6000 / step_of(12);
	uint8_t *bad = malloc(good_size);

	for (size_t i = 0; i < n; i++) {
		unsigned int n_flips = 1 + (unsigned int)(next_random() % 8);
		size_t area = next_random() % 2 ? sizeof(struct fr_header) : good_size;

		memcpy(bad, good, good_size);
		for (unsigned int k = 0; k < n_flips; k++)
			bad[next_random() % area] ^= (uint8_t)(1u << (next_random() % 8));
		put(bad, 0, good_size);
		try_open("flip", i);
	}
	free(bad);
}

/* Whole fields replaced by the numbers that break sums. */
static void changed_words(void **state)
{
	static const uint64_t nasty[] = {0,          1,
					 7,          8,
					 0x7fffffff, 0xffffffff,
					 UINT64_MAX, UINT64_MAX - 7,
					 INT64_MAX,  (uint64_t)1 << 63,
					 1ull << 40};
	const size_t step = step_of(5);
	uint8_t *bad = malloc(good_size);

	for (size_t at = 8; at + 8 <= good_size; at += 8 * step) {
		if (at >= sizeof(struct fr_header) && at < FR_HEADER_SIZE) /* is not used */
			at = FR_HEADER_SIZE;
		memcpy(bad, good, good_size);
		memcpy(bad + at, &nasty[next_random() % 11], next_random() % 2 ? 8 : 4);
		put(bad, 0, good_size);
		try_open("word at", at);
	}
	free(bad);
}

static void no_recording_at_all(void **state)
{
	uint8_t bytes[20000];

	for (size_t n = 0; n <= sizeof(bytes); n += 500) {
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)next_random();
		assert_int_equal(ftruncate(fileno(file), 0), 0);
		put(bytes, 0, n);
		assert_int_equal(try_open("random", n), REFUSED);
		if (n < 500)
			continue;
		put((const uint8_t *)FR_MAGIC, 0, 8);
		assert_int_equal(try_open("random with magic", n), REFUSED);
		put(good, 0, n < 80 ? n : 80); /* a good beginning and then noise */
		try_open("random with header", n);
	}
}

/* A section that claims a terabyte of holes is not copied. */
static void holes_are_no_bomb(void **state)
{
	uint8_t *bad = malloc(good_size);
	struct fr_header *h = (struct fr_header *)bad;

	for (uint32_t i = 0; i < h->section_count || i == 0; i++) {
		memcpy(bad, good, good_size);
		h->sections[i].size = h->sections[i].x_used = (uint64_t)1 << 40;
		assert_int_equal(ftruncate(fileno(file), 0), 0);
		put(bad, 0, good_size);
		assert_int_equal(ftruncate(fileno(file), ((off_t)1 << 40) + (1 << 20)), 0);
		assert_int_equal(try_open("holes", i), LOSSES);
	}
	free(bad);
}

static void directories_and_devices(void **state)
{
	static const char *const specs[] = {
		"",  "/",  "/dev/null",     "/dev/zero",           "999999999",
		"0", "-7", "/no/such/file", "99999999999999999999"};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct diag d = {0};

		assert_null(fr_recording_open(specs[i], &d));
		assert_true(diag_has(&d, DIAG_ERROR));
		diag_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_one_is_fine),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(changed_bits),
		cmocka_unit_test(changed_words),
		cmocka_unit_test(no_recording_at_all),
		cmocka_unit_test(holes_are_no_bomb),
		cmocka_unit_test(directories_and_devices),
	};
	struct synth *s = rich_new();
	int rc;

	alarm(600); /* a reader that hangs fails */
	good = synth_bytes(s, &good_size);
	synth_free(s);
	snprintf(path, sizeof(path), "/tmp/fr-test-damage-%d.frd", (int)getpid());
	file = fopen(path, "w+");
	rc = file ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	unlink(path);
	free(good);
	if (file)
		fclose(file);
	return rc;
}
