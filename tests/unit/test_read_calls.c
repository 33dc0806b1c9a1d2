/* SPDX-License-Identifier: MIT */
/*
 * test_read_calls.c - how a thread waits in a call: the recording says it; where it is too old for
 * that, the table of names does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "read/recording.h"
#include "tests/lib/synth.h"

struct expected {
	const char *name;
	uint32_t flags; /* 0 = an old recorder's */
	uint32_t wait;
	bool stuck;
};

static const struct expected of_old[] = {
	{"pthread_mutex_lock", 0, FR_WAIT_LOCK, true},
	{"__pthread_mutex_lock", 0, FR_WAIT_LOCK, true},
	{"pthread_rwlock_timedrdlock", 0, FR_WAIT_RDLOCK, true},
	{"__pthread_rwlock_wrlock", 0, FR_WAIT_WRLOCK, true},
	{"pthread_cond_clockwait", 0, FR_WAIT_COND, false},
	{"__connect", 0, FR_WAIT_CONNECT, true},
	{"__read_chk", 0, FR_WAIT_RECV, false},
	{"eventfd_write", 0, FR_WAIT_SEND, true},
	{"_Fork", 0, FR_WAIT_PROCESS, false},
	{"pthread_mutex_unlock", 0, FR_WAIT_NONE, false},
	{"pthread_mutex_lock_new", 0, FR_WAIT_NONE, false}, /* only begins like one */
	{"unheard_of", 0, FR_WAIT_NONE, false},
};

#define TOLD(wait) (FR_HOOK_TOLD | FR_WAIT_##wait << FR_HOOK_WAIT_SHIFT)
static const struct expected of_new[] = {
	{"future_lock", TOLD(WRLOCK) | FR_HOOK_STUCK, FR_WAIT_WRLOCK, true},
	{"future_poll", TOLD(POLL), FR_WAIT_POLL, false},
	{"pthread_mutex_lock", TOLD(NONE), FR_WAIT_NONE, false}, /* whatever we think of it */
	{"future_kind", FR_HOOK_TOLD | 200u << FR_HOOK_WAIT_SHIFT, FR_WAIT_NONE, false},
};

static void check(const struct expected *rows, size_t n)
{
	struct synth *s = synth_new();
	struct recording *rec;
	struct diag d = {0};
	char path[] = "/tmp/fr-test-calls-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++)
		synth_call_rec(s, synth_call(s, rows[i].name))->flags = rows[i].flags;
	synth_write(s, path);
	synth_free(s);
	rec = fr_recording_open(path, &d);
	unlink(path);
	close(fd);
	assert_non_null(rec);
	for (size_t i = 0; i < n; i++) {
		struct fr_hook_rec r = {.flags = rows[i].flags};

		strcpy(r.name, rows[i].name);
		assert_string_equal(fr_recording_call(rec, (uint32_t)i + 1), rows[i].name);
		assert_int_equal(fr_recording_call_wait(rec, (uint32_t)i + 1), rows[i].wait);
		assert_int_equal(!!(fr_hook_flags(&r) & FR_HOOK_STUCK), rows[i].stuck);
	}
	assert_int_equal(fr_recording_call_wait(rec, (uint32_t)n + 1), FR_WAIT_NONE);
	assert_int_equal(fr_recording_call_wait(rec, UINT32_MAX), FR_WAIT_NONE);
	fr_recording_close(rec);
	diag_free(&d);
}

static void recordings_that_do_not_say(void **state)
{
	check(of_old, sizeof(of_old) / sizeof(of_old[0]));
}

static void recordings_that_say(void **state)
{
	check(of_new, sizeof(of_new) / sizeof(of_new[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_that_do_not_say),
		cmocka_unit_test(recordings_that_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
