/* SPDX-License-Identifier: MIT */
/*
 * test_model_damage.c - a recording with wrong bytes in it may say nonsense, but model, rules and
 * names neither crash nor run for ever on it. Meant to be run under SAN=address,undefined too.
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
#include "tests/lib/scene.h"

#define ROUNDS 500 /* with FR_TEST_LONG; else a tenth */
#define SECONDS 120

static void store(const char *path, const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Everything a report asks for. */
static void use(const char *path)
{
	struct diag d = {0};
	struct recording *rec = fr_recording_open(path, &d);
	struct symbols *sy;
	struct analysis *a;
	struct names *names;
	struct blame *b;
	struct model *m;
	size_t i;

	if (!rec) {
		assert_true(diag_has(&d, DIAG_ERROR));
		diag_free(&d);
		return;
	}
	m = fr_model_build(rec, &d);
	sy = fr_symbols_open(rec, &d);
	names = fr_names_open(m, sy);
	a = fr_analysis_run(m, names);
	for (i = 0; i < m->n_spans; i++) {
		assert_true(m->spans[i].start_ns <= m->spans[i].end_ns);
		assert_non_null(fr_name_wait(names, &m->spans[i]));
	}
	for (i = 0; i < m->n_holds; i++)
		assert_true(m->holds[i].start_ns <= m->holds[i].end_ns);
	for (i = 0; i < m->n_locks; i++) {
		fr_lock_holders(m, (uint32_t)i, &b);
		free(b);
	}
	fr_analysis_free(a);
	fr_names_close(names);
	fr_symbols_close(sy);
	fr_model_free(m);
	fr_recording_close(rec);
	diag_free(&d);
}

static void flipped_bytes(void **state)
{
	char path[] = "/tmp/fr-damage-XXXXXX";
	int fd = mkstemp(path), rounds = getenv("FR_TEST_LONG") ? ROUNDS : ROUNDS / 10, round, k;
	struct synth *s = rich_new();
	uint8_t *good, *bad;
	size_t n;

	assert_true(fd >= 0);
	close(fd);
	good = synth_bytes(s, &n);
	synth_free(s);
	bad = malloc(n);
	alarm(SECONDS);
	store(path, good, n);
	use(path);
	for (round = 0; round < rounds; round++) {
		memcpy(bad, good, n);
		for (k = 1 + (int)(next_random() % 16); k > 0; k--)
			bad[next_random() % n] = (uint8_t)next_random();
		store(path, bad, round % 4 ? n : next_random() % n);
		use(path);
	}
	alarm(0);
	unlink(path);
	free(good);
	free(bad);
}

#define LOCKS 400000

/* Chosen so that their multiples by whatever number end in zeros: a hash must not go by those. */
static void locks_in_one_place(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	alarm(60);
	for (uint64_t i = 1; i <= LOCKS; i++)
		scene_wait(s, 1, (double)i * .02, (double)i * .02 + .01, i << 37, 0, 0);
	scene_open(&sc, s);
	assert_int_equal(sc.m->n_locks, LOCKS);
	scene_close(&sc);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flipped_bytes),
		cmocka_unit_test(locks_in_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
