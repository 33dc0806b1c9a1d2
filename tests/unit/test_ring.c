/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - which chunk is used next (preload/record/ring.c), with a clock that the test turns:
 * hours pass here that nobody wants to wait for. The kernel and the rest of the recorder are
 * stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "preload/core/config.h"
#include "preload/core/sys.h"
#include "preload/core/tier_ring.h"
#include "preload/record/ring.h"
#include "preload/record/upcalls.h"
#include "preload/steer/budget.h"

#define SECOND 1000000u /* ticks */
#define HOUR (3600ull * SECOND)
#define MAX_CHUNKS 4096u

enum fr_sys_filter fr_sys_filter;
int fr_sys_own_pid;
struct fr_region fr_region;
struct fr_config fr_config;
struct fr_clock fr_clock = {.per_second = SECOND, .next_pair = UINT64_MAX};
uint64_t fr_control_seen;
static size_t pages_end; /* bytes that the kernel gives */
static uint64_t drops[FR_DROP_MAX];
static struct fr_control control;

bool fr_sys_let_through(long nr)
{
	(void)nr;
	return true;
}

uint64_t fr_clock_from_ns(uint64_t ns)
{
	return ns / 1000;
}

bool fr_span_grow(struct fr_span *s, size_t end)
{
	if (end > pages_end) {
		atomic_store(&s->full, true);
		return false;
	}
	atomic_store(&s->ready, end);
	return true;
}

void fr_span_raise(struct fr_span *s, size_t end)
{
	atomic_store(&s->used, end);
}

void fr_periodic(struct fr_thread *t, uint64_t ticks)
{
	(void)t;
	(void)ticks;
}

static struct charged {
	enum fr_event ev;
	uint64_t events, walks;
	int times;
} charged;

void fr_budget_charge(enum fr_event ev, uint64_t events, uint64_t walks)
{
	charged = (struct charged){ev, events, walks, charged.times + 1};
}

void fr_user_again(struct fr_thread *t, uint64_t ticks)
{
	(void)t;
	(void)ticks;
}

#ifdef FR_DEBUG
struct fr_thread fr_thread_none, fr_thread_gone;

void fr_where_check(unsigned int allowed, uintptr_t frame, const char *function)
{
	(void)allowed;
	(void)frame;
	(void)function;
}
#endif

/* A dense tier of N chunks at most; FR_MIN_AGE is 10 s. */
static void begin(uint32_t n)
{
	for (int i = 0; i < FR_TIERS; i++) {
		struct fr_span *s = &fr_region.chunks[i];

		s->size = (size_t)n * fr_tier_rings[i].size;
		s->base = calloc(n, fr_tier_rings[i].size);
		atomic_store(&s->ready, 0);
	}
	pages_end = SIZE_MAX;
	memset(drops, 0, sizeof(drops));
	fr_region.drops = drops;
	fr_region.control = &control;
	fr_config.min_age_ns = 10000000000ull;
	fr_chunks_init();
}

static void end(void)
{
	for (int i = 0; i < FR_TIERS; i++) {
		free(fr_region.chunks[i].base);
		fr_sys_munmap(fr_tier_rings[i].after,
			      fr_tier_rings[i].links * sizeof(*fr_tier_rings[i].after));
		fr_tier_rings[i].links = 0;
	}
}

static struct fr_thread *thread(uint32_t serial)
{
	struct fr_thread *t = calloc(1, sizeof(*t));

	t->rec = calloc(1, sizeof(*t->rec));
	t->rec->serial = serial;
	return t;
}

static void thread_free(struct fr_thread *t)
{
	free(t->rec);
	free(t);
}

static const struct fr_chunk *chunk_at(enum fr_tier tier, uint32_t i)
{
	const void *p = fr_region.chunks[tier].base + (size_t)i * fr_tier_rings[tier].size;

	return p;
}

struct before {
	uint64_t seq, last;
};

static void remember(struct before *b)
{
	for (uint32_t i = 0; i < fr_tier_rings[FR_TIER_DENSE].n; i++)
		b[i] = (struct before){chunk_at(FR_TIER_DENSE, i)->x_seq,
				       chunk_at(FR_TIER_DENSE, i)->last};
}

/*
 * T's next chunk at TICKS. It must not have been in use in the last 10 s unless SHORT of memory,
 * and no closed chunk may have been older. Returns the age of what went, UINT64_MAX if nothing did.
 */
static uint64_t next(struct fr_thread *t, uint64_t ticks, bool is_short)
{
	static struct before was[MAX_CHUNKS];
	uint32_t n = fr_tier_rings[FR_TIER_DENSE].n, i;
	struct before *b;

	if (t->w[FR_TIER_DENSE].chunk)
		t->w[FR_TIER_DENSE].last = ticks;
	fr_chunk_close_all(t);
	remember(was);
	assert_true(fr_chunk_next(t, FR_TIER_DENSE, ticks));
	i = (uint32_t)((uint8_t *)t->w[FR_TIER_DENSE].chunk -
		       fr_region.chunks[FR_TIER_DENSE].base) /
	    FR_CHUNK_DENSE;
	if (i >= n || !was[i].seq)
		return UINT64_MAX;
	b = &was[i];
	if (!is_short)
		assert_true(ticks - b->last >= 10 * SECOND);
	for (uint32_t k = 0; k < n; k++) {
		if (chunk_at(FR_TIER_DENSE, k)->x_state == FR_CHUNK_CLOSED)
			assert_true(was[k].seq > b->seq);
	}
	return ticks - b->last;
}

/* N chunks in SECONDS, beginning at NOW; returns the end. */
static uint64_t burst(struct fr_thread *t, uint64_t now, uint32_t n, uint32_t seconds,
		      bool is_short)
{
	for (uint32_t i = 0; i < n; i++)
		next(t, now += (uint64_t)seconds * SECOND / n, is_short);
	return now;
}

static void test_burst_in_the_middle_of_a_round(void **state)
{
	struct fr_thread *t = thread(1);
	uint64_t now = HOUR;

	(void)state;
	begin(MAX_CHUNKS);
	now = burst(t, now, 40, 4000, false); /* a chunk in 100 s */
	assert_int_equal(fr_tier_rings[FR_TIER_DENSE].n, FR_FIRST_CHUNKS);
	for (int i = 0; i < 5; i++) {
		now = burst(t, now, 20, 1, false);
		now = burst(t, now, 7, 700, false);
		now = burst(t, now, 1000, 20, false);
	}
	assert_in_range(fr_tier_rings[FR_TIER_DENSE].n, 500, 600); /* 10 s of 50 a second */
	thread_free(t);
	end();
}

static void test_idle_for_an_hour_then_busy(void **state)
{
	struct fr_thread *t = thread(1);
	uint64_t now = burst(t, (begin(MAX_CHUNKS), HOUR), 2000, 20, false);
	uint32_t n = fr_tier_rings[FR_TIER_DENSE].n;

	(void)state;
	assert_in_range(n, 1000, 1100);
	now = burst(t, now + HOUR, 900, 9, false);
	assert_int_equal(fr_tier_rings[FR_TIER_DENSE].n,
			 n); /* what was there an hour ago is used again */
	burst(t, now + 24 * HOUR, 2000, 20, false);
	assert_in_range(fr_tier_rings[FR_TIER_DENSE].n, n, 1100);
	thread_free(t);
	end();
}

static void test_maximum(void **state)
{
	struct fr_thread *t = thread(1);
	uint64_t now, age;

	(void)state;
	begin(64);
	now = burst(t, HOUR, 1000, 10, true);
	assert_int_equal(fr_tier_rings[FR_TIER_DENSE].n, 64);
	age = next(t, now + SECOND / 100, true);
	assert_in_range(age, 62 * SECOND / 100, 64 * SECOND / 100); /* all 64 are the window */
	thread_free(t);
	end();
}

static void test_kernel_gives_no_more(void **state)
{
	struct fr_thread *t = thread(1);

	(void)state;
	begin(MAX_CHUNKS);
	pages_end = 40 * FR_CHUNK_DENSE;
	burst(t, HOUR, 1000, 10, true);
	assert_int_equal(fr_tier_rings[FR_TIER_DENSE].n, 40);
	thread_free(t);
	end();
}

static void test_open_chunks_stay(void **state)
{
	struct fr_thread *idle[50], *t = thread(100);
	struct fr_chunk *open[50];

	(void)state;
	begin(64);
	for (uint32_t i = 0; i < 50; i++) {
		idle[i] = thread(i + 1);
		next(idle[i], HOUR + i, true);
		open[i] = idle[i]->w[FR_TIER_DENSE].chunk;
	}
	burst(t, 2 * HOUR, 1000, 10, true);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(open[i]->serial, i + 1);
		assert_int_equal(open[i]->x_state, FR_CHUNK_OPEN);
		thread_free(idle[i]);
	}
	assert_int_equal(fr_tier_rings[FR_TIER_DENSE].n, 64);
	thread_free(t);
	end();
}

static void test_more_threads_than_chunks(void **state)
{
	struct fr_thread *t[10];

	(void)state;
	begin(8);
	for (uint32_t i = 0; i < 10; i++) {
		t[i] = thread(i + 1);
		assert_int_equal(fr_chunk_next(t[i], FR_TIER_DENSE, HOUR + i), i < 8);
	}
	assert_int_equal(drops[FR_DROP_NO_CHUNK], 2);
	fr_chunk_close_all(t[3]);
	assert_true(fr_chunk_next(t[9], FR_TIER_DENSE, HOUR + SECOND));
	for (uint32_t i = 0; i < 10; i++)
		thread_free(t[i]);
	end();
}

static void test_no_memory_at_all(void **state)
{
	struct fr_thread *t = thread(1);

	(void)state;
	begin(64);
	end();
	begin(64);
	pages_end = 0;
	for (int i = 0; i < FR_TIERS; i++)
		atomic_store(&fr_region.chunks[i].ready, 0);
	fr_chunks_init();
	assert_false(fr_chunk_next(t, FR_TIER_DENSE, HOUR));
	assert_int_equal(drops[FR_DROP_NO_CHUNK], 1);
	thread_free(t);
	end();
}

/* Frees until T's chunk is full; returns how many events it had. */
static uint64_t fill(struct fr_thread *t)
{
	const struct fr_writer *w = &t->w[FR_TIER_DENSE];
	const struct fr_chunk *c = w->chunk;
	uint64_t first = c->first_event;

	while (w->chunk == c)
		fr_put(t, FR_EV_MEM_FREE, FR_TIER_DENSE, HOUR, 1,
		       FR_ARGS(MEM_FREE, .ptr = w->events << 6));
	return w->chunk->first_event - first;
}

static void expect_charged(int times, enum fr_event ev, uint64_t events, uint64_t walks)
{
	assert_int_equal(charged.times, times);
	assert_int_equal(charged.ev, ev);
	assert_int_equal(charged.events, events);
	assert_int_equal(charged.walks, walks);
}

/* A chunk is charged to the class of the event that needed it; without a budget none is. */
static void test_charges(void **state)
{
	struct fr_thread *t = thread(1);
	uint64_t n;

	(void)state;
	begin(64);
	fr_put(t, FR_EV_MUTEX_UNLOCK, FR_TIER_DENSE, HOUR, 1, FR_ARGS(MUTEX_UNLOCK, .lock = 1));
	t->rec->stack_walks = 1000;
	fill(t);
	assert_int_equal(charged.times, 0);
	fr_config.budget = 5;
	fr_chunk_close_all(t);
	expect_charged(1, FR_EV_MEM_FREE, 1, 0);
	fr_put(t, FR_EV_MUTEX_UNLOCK, FR_TIER_DENSE, HOUR, 1, FR_ARGS(MUTEX_UNLOCK, .lock = 1));
	t->rec->stack_walks += 7;
	n = fill(t);
	assert_in_range(n, 1000, 8192);
	expect_charged(2, FR_EV_MUTEX_UNLOCK, n, 7);
	n = fill(t);
	expect_charged(3, FR_EV_MEM_FREE, n, 0);
	fr_chunk_close_all(t);
	fr_chunk_close_all(t);
	expect_charged(4, FR_EV_MEM_FREE, 1, 0);
	fr_config.budget = 0;
	thread_free(t);
	end();
}

/* What comes after a chunk of a thread is read without it: dictionaries and distances begin anew.
 */
static void test_chunks_are_read_alone(void **state)
{
	struct fr_thread *t = thread(1);
	struct fr_writer *w = &t->w[FR_TIER_DENSE];

	(void)state;
	begin(64);
	fr_put(t, FR_EV_MEM_FREE, FR_TIER_DENSE, HOUR, 7, FR_ARGS(MEM_FREE, .ptr = 0x1000));
	fr_put(t, FR_EV_MUTEX_UNLOCK, FR_TIER_DENSE, HOUR, 8,
	       FR_ARGS(MUTEX_UNLOCK, .lock = 0xa000));
	assert_true(fr_chunk_next(t, FR_TIER_DENSE, HOUR + 5));
	for (uint32_t i = 0; i < FR_DICT_SIZE; i++)
		assert_true(!w->stack[i] && !w->obj[i] && !w->ptr[i]);
	assert_true(!w->last_obj && !w->last_ptr);
	assert_int_equal(w->last, HOUR + 5);
	assert_int_equal(w->chunk->base, HOUR + 5);
	assert_int_equal(w->chunk->first_event, 2);
	thread_free(t);
	end();
}

/* The longest text there may be, wherever in its chunk it begins, ends in it. */
static void test_texts_end_in_their_chunk(void **state)
{
	static const char text[FR_EVENT_MAX];
	struct fr_thread *t = thread(1);
	const struct fr_writer *w = &t->w[FR_TIER_RARE];
	struct fr_blob most = {text, FR_EVENT_MAX - FR_EVENT_FIXED_MAX},
		       more = {text, most.size + 1};

	(void)state;
	begin(64);
	for (int i = 0; i < 200; i++) {
		for (int k = 0; k < i % 9; k++)
			fr_put_cold(t, FR_EV_SEM_POST, FR_TIER_RARE, HOUR, 1,
				    FR_ARGS(SEM_POST, .sem = 1, .waiters = 1));
		fr_put_cold(t, FR_EV_LOG, FR_TIER_RARE, HOUR, 1,
			    FR_ARGS(LOG, .task = 1, .log = &most));
		assert_true(w->p <= (const uint8_t *)w->chunk + FR_CHUNK_RARE);
	}
	fr_put_cold(t, FR_EV_LOG, FR_TIER_RARE, HOUR, 1, FR_ARGS(LOG, .task = 1, .log = &more));
	assert_int_equal(drops[FR_DROP_TOO_LONG], 1);
	thread_free(t);
	end();
}

/* The short form is for events whose other arguments are 0, and for these alone. */
static void test_short_form(void **state)
{
	struct fr_thread *t = thread(1);
	const struct fr_writer *w = &t->w[FR_TIER_RARE];
	const uint8_t *at;

	(void)state;
	begin(64);
	fr_put_cold(t, FR_EV_MUTEX_LOCK, FR_TIER_RARE, HOUR, 1,
		    FR_ARGS(MUTEX_LOCK, .lock = 0xa000));
	assert_int_equal(*(const uint8_t *)(w->chunk + 1), 0x80 | FR_EV_MUTEX_LOCK);
	at = w->p;
	fr_put_cold(t, FR_EV_MUTEX_LOCK, FR_TIER_RARE, HOUR, 1,
		    FR_ARGS(MUTEX_LOCK, .lock = 0xa000, .err = 16));
	assert_int_equal(*at, FR_EV_MUTEX_LOCK);
	thread_free(t);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_in_the_middle_of_a_round),
		cmocka_unit_test(test_idle_for_an_hour_then_busy),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_kernel_gives_no_more),
		cmocka_unit_test(test_open_chunks_stay),
		cmocka_unit_test(test_more_threads_than_chunks),
		cmocka_unit_test(test_no_memory_at_all),
		cmocka_unit_test(test_charges),
		cmocka_unit_test(test_chunks_are_read_alone),
		cmocka_unit_test(test_texts_end_in_their_chunk),
		cmocka_unit_test(test_short_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
