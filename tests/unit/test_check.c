/* SPDX-License-Identifier: MIT */
/*
 * test_check.c - the checks of a build with DEBUG=1 (preload/keep/check.c, where.c) let pass what
 * is right, and end the process where something is broken on purpose: in a child, which says what.
 *
 * Built with FR_DEBUG in every build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/core/check.h"
#include "preload/core/gate.h"
#include "preload/keep/snapshot.h"
#include "preload/record/ring.h"

enum fr_sys_filter fr_sys_filter;
int fr_sys_own_pid;
struct fr_region fr_region;
struct fr_thread fr_thread_none, fr_thread_gone;

struct fr_gate fr_gate;
static bool here; /* on the stack of the thread that writes a snapshot */

bool fr_snapshot_is_here(uintptr_t frame)
{
	(void)frame;
	return here;
}

bool fr_sys_let_through(long nr)
{
	(void)nr;
	return true;
}

/* As ring.c and region.c leave them: a thread with an open chunk, in a region. */
static struct world {
	_Alignas(4096) union {
		struct fr_header hdr;
		uint8_t page[FR_PAGE];
	} head;
	union {
		struct fr_thread_rec rec[FR_PAGE / sizeof(struct fr_thread_rec)];
		uint8_t page[FR_PAGE];
	} threads;
	union {
		struct fr_chunk chunk;
		uint8_t bytes[FR_CHUNK_RARE];
		uint8_t page[FR_PAGE];
	} chunks;
	uint64_t used[2];
	struct fr_thread t;
} w;

static struct fr_span span_of(void *page, uint64_t *used, size_t in_use)
{
	struct fr_span s = {.base = page, .size = FR_PAGE, .step = FR_PAGE, .x_used = used};

	*used = in_use;
	atomic_store(&s.ready, FR_PAGE);
	atomic_store(&s.used, in_use);
	return s;
}

/* One event whose arguments end where the chunk's bytes end. */
static void put_events(struct fr_chunk *c)
{
	uint8_t *p = (uint8_t *)(c + 1);

	*p++ = FR_EV_MUTEX_UNLOCK | 0x80;
	p = fr_put_varint(p, 300); /* time */
	p = fr_put_varint(p, 7 << 1 | 1); /* stack */
	for (unsigned int i = 0; i < fr_event_rows[FR_EV_MUTEX_UNLOCK].n_short; i++)
		p = fr_put_varint(p, 1);
	c->x_committed = (uint32_t)(p - (uint8_t *)(c + 1));
}

static void begin(void)
{
	struct fr_header *h = &w.head.hdr;
	struct fr_writer *writer = &w.t.w[FR_TIER_RARE];

	memset(&w, 0, sizeof(w));
	memcpy(h->magic, FR_MAGIC, 8);
	h->section_count = 2;
	h->sections[0] = (struct fr_section){FR_SEC_THREADS, sizeof(struct fr_thread_rec), FR_PAGE,
					     FR_PAGE, sizeof(struct fr_thread_rec)};
	h->sections[1] = (struct fr_section){FR_SEC_CHUNKS_RARE, FR_CHUNK_RARE,
					     2 * (uint64_t)FR_PAGE, FR_PAGE, FR_CHUNK_RARE};
	fr_region.hdr = h;
	fr_region.size = 3 * (size_t)FR_PAGE;
	fr_region.n_threads_max = FR_PAGE / sizeof(struct fr_thread_rec);
	fr_region.threads = span_of(&w.threads, &w.used[0], sizeof(struct fr_thread_rec));
	fr_region.chunks[0] = span_of(&w.chunks, &w.used[1], FR_CHUNK_RARE);
	w.threads.rec[0] = (struct fr_thread_rec){.serial = 1, .tid = 5, .x_life = FR_THREAD_LIVE};
	w.threads.rec[0].n_held = 1;
	w.threads.rec[0].held[0] = (struct fr_held){.addr = 64, .kind = FR_HELD_MUTEX};
	w.chunks.chunk = (struct fr_chunk){.x_seq = 1, .x_state = FR_CHUNK_OPEN, .serial = 1};
	put_events(&w.chunks.chunk);
	atomic_store(&fr_gate.birth, 2);
	w.t.rec = &w.threads.rec[0];
	w.t.tid = 5;
	w.t.busy = 1;
	writer->chunk = &w.chunks.chunk;
	writer->p = (uint8_t *)(writer->chunk + 1) + writer->chunk->x_committed;
	writer->limit = w.chunks.bytes + FR_CHUNK_RARE - FR_EVENT_FIXED_MAX;
}

static void check_all(void)
{
	fr_region_check();
	fr_span_check(&fr_region.threads);
	fr_span_check(&fr_region.chunks[0]);
	fr_thread_check(&w.t);
	FR_CHECK(fr_chunk_check(&w.chunks.chunk, FR_CHUNK_RARE) == 1);
}

/* What the child has said when BREAK has broken something; it must die of SIGABRT. */
static void dies(void (*broken)(void), const char *what)
{
	char said[500] = "", wanted[200];
	int to[2], status;
	pid_t child;

	assert_int_equal(pipe(to), 0);
	child = fork();
	if (!child) {
		dup2(to[1], 2);
		begin();
		broken();
		check_all();
		_exit(0);
	}
	close(to[1]);
	assert_true(read(to[0], said, sizeof(said) - 1) >= 0);
	close(to[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(wanted, sizeof(wanted), "fr: check failed: %s at ", what);
	if (strncmp(said, wanted, strlen(wanted)) != 0)
		fail_msg("said '%s', not '%s'", said, wanted);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void what_is_right_passes(void **state)
{
	(void)state;
	begin();
	check_all();
}

static void too_many_held(void)
{
	w.threads.rec[0].n_held = FR_HELD_MAX + 1;
}

static void held_nothing(void)
{
	w.threads.rec[0].held[0].addr = 0;
}

static void a_dead_thread_writes(void)
{
	w.threads.rec[0].x_life = FR_THREAD_DEAD;
}

static void not_guarded(void)
{
	w.t.busy = 0;
}

static void beyond_its_chunk(void)
{
	w.t.w[FR_TIER_RARE].p = w.chunks.bytes + FR_CHUNK_RARE + 1;
}

static void broken_threads(void **state)
{
	(void)state;
	dies(too_many_held, "r->n_held <= FR_HELD_MAX");
	dies(held_nothing, "r->held[i].addr != 0");
	dies(a_dead_thread_writes, "t->rec->x_life == FR_THREAD_LIVE");
	dies(not_guarded, "t->busy != 0");
	dies(beyond_its_chunk, "w->p <= w->limit + FR_EVENT_FIXED_MAX");
}

static void half_an_event(void)
{
	w.chunks.chunk.x_committed--;
}

static void no_such_event(void)
{
	w.chunks.bytes[sizeof(struct fr_chunk)] = 0;
}

static void committed_too_much(void)
{
	w.chunks.chunk.x_committed = FR_CHUNK_RARE;
}

static void closed_twice(void)
{
	w.chunks.chunk.x_state = FR_CHUNK_CLOSED;
}

static void broken_chunks(void **state)
{
	(void)state;
	dies(half_an_event, "p == end");
	dies(no_such_event, "ev > 0 && ev < FR_EV_MAX");
	dies(committed_too_much, "c->x_committed <= size - sizeof(*c)");
	dies(closed_twice, "c->x_state == FR_CHUNK_OPEN");
}

static void more_than_there_is(void)
{
	atomic_store(&fr_region.chunks[0].ready, 0);
}

static void beyond_the_region(void)
{
	fr_region.chunks[0].base += FR_PAGE;
}

static void sections_overlap(void)
{
	w.head.hdr.sections[1].offset = FR_PAGE;
}

static void section_too_full(void)
{
	w.head.hdr.sections[1].x_used = FR_PAGE + 1;
}

static void broken_regions(void **state)
{
	(void)state;
	dies(more_than_there_is, "used <= ready");
	dies(beyond_the_region,
	     "s->base + s->size <= (const uint8_t *)fr_region.hdr + fr_region.size");
	dies(sections_overlap, "s->offset == at && s->offset % FR_SECTION_UNIT == 0");
	dies(section_too_full, "s->x_used <= s->size");
}

static void anywhere(void)
{
	FR_RUNS(FR_WHERE_HANDLER | FR_WHERE_UNBORN | FR_WHERE_SNAPSHOT);
}

static void at_ease(void)
{
	FR_RUNS(FR_WHERE_ANY_THREAD);
}

static void with_tls(void)
{
	FR_RUNS(FR_WHERE_HANDLER | FR_WHERE_UNBORN);
}

static void in_a_handler(void)
{
	unsigned int before = fr_where_enter(FR_WHERE_HANDLER);

	anywhere();
	with_tls();
	fr_where_leave(before);
	at_ease();
	fr_where_enter(FR_WHERE_HANDLER);
	at_ease();
}

static void in_an_unborn_child(void)
{
	atomic_store(&fr_gate.birth, 0);
	anywhere();
	at_ease();
}

static void in_a_snapshot(void)
{
	here = true;
	anywhere();
	with_tls();
}

static void wrong_places(void **state)
{
	(void)state;
	dies(in_a_handler, "at_ease() must not run in a signal handler");
	dies(in_an_unborn_child, "at_ease() must not run in a forked child before its birth");
	dies(in_a_snapshot, "with_tls() must not run in the thread of a snapshot");
}

/* Whose file was cut (rescue.h) is not accused of it. */
static void a_lost_region_is_no_mistake(void **state)
{
	(void)state;
	begin();
	memset(&w.threads, 0, sizeof(w.threads));
	memset(&w.head, 0, sizeof(w.head));
	fr_check_no_region();
	fr_region_check();
	fr_thread_check(&w.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_passes),
		cmocka_unit_test(broken_threads),
		cmocka_unit_test(broken_chunks),
		cmocka_unit_test(broken_regions),
		cmocka_unit_test(wrong_places),
		cmocka_unit_test(a_lost_region_is_no_mistake), /* last: it stays off */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
