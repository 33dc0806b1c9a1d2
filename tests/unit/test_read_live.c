/* SPDX-License-Identifier: MIT */
/*
 * test_read_live.c - regions of processes: found by PID, told apart from left ones, and copied
 * whole while somebody writes.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "read/events.h"
#include "read/regions.h"
#include "tests/lib/synth.h"
#include "tests/lib/walk.h"

static char dir[64];

/* A region of one dense chunk of N mutex.lock events on LOCK. */
static uint8_t *build(uint32_t pid, uint64_t lock, unsigned int n, size_t *size)
{
	struct synth *s = synth_new();
	uint32_t t1 = synth_thread(s, 100, "main");
	uint8_t *bytes;

	synth_header(s)->x_state = FR_STATE_ALIVE;
	synth_header(s)->pid = pid;
	for (unsigned int i = 0; i < n; i++)
		SYNTH_EVENT(s, t1, SYNTH_START_NS + i, FR_EV_MUTEX_LOCK, 0, lock, i * 100);
	bytes = synth_bytes(s, size);
	synth_free(s);
	return bytes;
}

static void store(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static void *map(const char *path, size_t n)
{
	FILE *f = fopen(path, "r+");
	void *p;

	assert_non_null(f);
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	fclose(f);
	return p;
}

static struct recording *open_spec(const char *spec)
{
	struct diag d = {0};
	struct recording *rec = fr_recording_open(spec, &d);

	if (!rec)
		fail_msg("%s", d.n ? d.entries[0].text : "refused");
	if (d.n)
		fail_msg("%s", d.entries[0].text);
	diag_free(&d);
	return rec;
}

static void live_and_left(void **state)
{
	char path[128], spec[16];
	struct region_info *regions;
	struct recording *rec;
	uint8_t *bytes;
	size_t n;
	void *p;

	bytes = build((uint32_t)getpid(), 0xa000, 10, &n);
	snprintf(path, sizeof(path), "%s/me-%d-1.frr", dir, (int)getpid());
	snprintf(spec, sizeof(spec), "%d", (int)getpid());
	store(path, bytes, n);

	/* the process is there, but it has not mapped this file: another one with its PID */
	rec = open_spec(spec);
	assert_int_equal(rec->source, RECORDING_LEFT);
	fr_recording_close(rec);

	p = map(path, n);
	rec = open_spec(spec);
	assert_int_equal(rec->source, RECORDING_LIVE);
	assert_int_equal(rec->trigger.kind, FR_TRIGGER_LIVE);
	assert_int_equal(rec->n_events, 10);
	assert_null(walk_recording(rec));
	fr_recording_close(rec);
	assert_int_equal(fr_regions_scan(dir, ".frr", &regions), 1);
	assert_int_equal(regions[0].source, RECORDING_LIVE);
	assert_string_equal(regions[0].comm, "server");
	fr_regions_free(regions, 1);

	munmap(p, n);
	free(bytes);
	unlink(path);
}

static void memfd_of_a_live_process(void **state)
{
	uint8_t *bytes;
	struct recording *rec;
	char spec[16];
	int ready[2];
	pid_t pid;
	char c;
	size_t n;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int fd = memfd_create("fr-region", MFD_CLOEXEC);

		bytes = build((uint32_t)getpid(), 0xa000, 10, &n);
		if (write(fd, bytes, n) != (ssize_t)n ||
		    mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
			_exit(1);
		close(fd);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	snprintf(spec, sizeof(spec), "%d", (int)pid);
	rec = open_spec(spec);
	assert_int_equal(rec->source, RECORDING_LIVE);
	assert_int_equal(rec->n_events, 10);
	fr_recording_close(rec);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

/* The writer refills its only chunk again and again, once with A's events, once with B's. */
struct writer {
	uint8_t *chunk;
	const uint8_t *a;
	const uint8_t *b;
	atomic_bool stop;
};

static void *refill(void *arg)
{
	struct writer *w = arg;
	struct fr_chunk *h = (struct fr_chunk *)w->chunk;
	uint64_t seq = 1;

	while (!atomic_load(&w->stop)) {
		const uint8_t *from = ++seq % 2 ? w->a : w->b;

		__atomic_store_n(&h->x_seq, 0, __ATOMIC_SEQ_CST);
		memcpy(w->chunk + 8, from + 8, FR_CHUNK_DENSE - 8);
		__atomic_store_n(&h->x_seq, seq, __ATOMIC_RELEASE);
		/* Now and then a filling stays long enough to be read, and not always. */
		for (volatile uint64_t i = seq * 7919 % 40000; i; i--)
			;
	}
	return NULL;
}

static uint64_t dense_offset(const uint8_t *bytes)
{
	const struct fr_header *h = (const struct fr_header *)bytes;

	for (uint32_t i = 0; i < h->section_count; i++)
		if (h->sections[i].id == FR_SEC_CHUNKS_DENSE)
			return h->sections[i].offset;
	return 0;
}

/* All events are A's or all are B's, and none is missing. */
static void check_pure(const struct recording *rec, unsigned int n_a, unsigned int n_b)
{
	struct stream *s = fr_stream_open(rec);
	uint64_t lock = 0, n = 0;
	struct event e;

	while (fr_stream_next(s, &e)) {
		if (!n++)
			lock = e.arg[0];
		assert_int_equal(e.arg[0], lock);
		assert_int_equal(e.arg[1], (n - 1) * 100);
	}
	fr_stream_close(s);
	if (n)
		assert_int_equal(n, lock == 0xa000 ? n_a : n_b);
}

static void torn_chunks_are_left_out(void **state)
{
	size_t n, n_b;
	uint8_t *a = build((uint32_t)getpid(), 0xa000, 700, &n);
	uint8_t *b = build((uint32_t)getpid(), 0xb000, 500, &n_b);
	struct recording *rec;
	struct writer w;
	pthread_t thread;
	char path[128];
	uint8_t *p;

	snprintf(path, sizeof(path), "%s/me-%d-1.frr", dir, (int)getpid());
	store(path, a, n);
	p = map(path, n);
	w = (struct writer){p + dense_offset(a), a + dense_offset(a), b + dense_offset(b), false};
	assert_int_equal(pthread_create(&thread, NULL, refill, &w), 0);
	for (int i = 0; i < 2000; i++) {
		struct diag d = {0};

		rec = fr_recording_open(path, &d);
		assert_non_null(rec);
		assert_int_equal(rec->source, RECORDING_LIVE);
		assert_false(rec->losses); /* a torn chunk is counted, it is no damage */
		check_pure(rec, 700, 500);
		fr_recording_close(rec);
		diag_free(&d);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	rec = open_spec(path); /* nobody writes any more */
	assert_true(rec->n_events == 700 || rec->n_events == 500);
	check_pure(rec, 700, 500);
	fr_recording_close(rec);
	munmap(p, n);
	unlink(path);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_and_left),
		cmocka_unit_test(memfd_of_a_live_process),
		cmocka_unit_test(torn_chunks_are_left_out),
	};
	int rc;

	snprintf(dir, sizeof(dir), "/tmp/fr-test-live-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	setenv("FR_DIR", dir, 1);
	alarm(300);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
