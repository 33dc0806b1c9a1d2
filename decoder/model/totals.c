/* SPDX-License-Identifier: MIT */
/*
 * totals.c - indices by lock and by thread, and the handles of locks by their totals.
 */
#include <stdlib.h>
#include <string.h>

#include "model/build.h"

static uint32_t *prefix(const uint32_t *counts, size_t n)
{
	uint32_t *at = fr_mem_alloc((n + 1) * sizeof(*at));
	size_t i;

	for (i = 0; i < n; i++)
		at[i + 1] = at[i] + counts[i];
	return at;
}

static bool waits_for_lock(const struct span *s)
{
	return fr_span_is_lock(s) && s->object != MODEL_NONE;
}

/* How many spans each lock and each thread have. */
static void index_count(struct model *m, uint32_t *of_lock, uint32_t *of_thread)
{
	size_t i;

	for (i = 0; i < m->n_spans; i++) {
		const struct span *s = &m->spans[i];

		if (waits_for_lock(s))
			of_lock[s->object]++;
		of_thread[s->thread] += !fr_span_is_async(s);
	}
}

/* LOCK and THREAD: where each one's next entry goes. */
static void index_fill(struct model *m, uint32_t *lock, uint32_t *thread)
{
	size_t i;

	m->lock_waits = fr_mem_array(lock[m->n_locks] + 1, sizeof(*m->lock_waits));
	m->thread_spans = fr_mem_array(thread[m->n_threads] + 1, sizeof(*m->thread_spans));
	for (i = 0; i < m->n_spans; i++) {
		const struct span *s = &m->spans[i];

		if (waits_for_lock(s))
			m->lock_waits[lock[s->object]++] = (uint32_t)i;
		if (!fr_span_is_async(s))
			m->thread_spans[thread[s->thread]++] = (uint32_t)i;
	}
}

static void index_spans(struct model *m)
{
	uint32_t *of_lock = fr_mem_alloc((m->n_locks + 1) * sizeof(*of_lock));
	uint32_t *of_thread = fr_mem_alloc((m->n_threads + 1) * sizeof(*of_thread));
	uint32_t *lock, *thread;
	size_t i;

	index_count(m, of_lock, of_thread);
	lock = prefix(of_lock, m->n_locks);
	thread = prefix(of_thread, m->n_threads);
	for (i = 0; i < m->n_locks; i++) {
		m->locks[i].waits = of_lock[i];
		m->locks[i].first_wait = lock[i];
	}
	for (i = 0; i < m->n_threads; i++) {
		m->threads[i].first_span = thread[i];
		m->threads[i].n_spans = of_thread[i];
	}
	index_fill(m, lock, thread);
	free(lock);
	free(thread);
	free(of_lock);
	free(of_thread);
}

/*
 * A condition wait gave its mutex back when it began. Where others waited for that mutex the
 * release matters; the recorder has no event of its own for it.
 */
static void cond_releases(struct build *b)
{
	struct model *m = b->m;
	size_t i, n = m->n_spans;

	for (i = 0; i < n; i++) {
		const struct span *s = &m->spans[i];
		struct hold *h;

		if (s->kind != SPAN_COND || s->object2 == MODEL_NONE || !m->locks[s->object2].waits)
			continue;
		h = fr_build_hold(b);
		h->thread = s->thread;
		h->lock = s->object2;
		h->start_ns = 0;
		h->end_ns = s->start_ns;
		h->rel_stack = s->stack;
	}
}

/* A lock that somebody waits for at the end is held at the end; by whom is found in holds.c. */
static void open_holds(struct build *b)
{
	struct model *m = b->m;
	size_t i;

	for (i = 0; i < m->n_locks; i++) {
		const struct lock *l = &m->locks[i];
		struct hold *h;

		if (!l->waits ||
		    !(m->spans[m->lock_waits[l->first_wait + l->waits - 1]].flags & SPAN_OPEN))
			continue;
		h = fr_build_hold(b);
		h->thread = MODEL_NONE;
		h->lock = (uint32_t)i;
		h->end_ns = m->end_ns;
		h->open = true;
	}
}

static int by_end(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	if (x->open != y->open)
		return x->open ? 1 : -1;
	if (x->end_ns != y->end_ns)
		return x->end_ns < y->end_ns ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

/* The stream gave them in time order; only releases by condition waits came later. */
static void sort_if_needed(struct hold *h, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (by_end(&h[i - 1], &h[i]) > 0) {
			qsort(h, n, sizeof(*h), by_end);
			return;
		}
	}
}

void fr_build_index_holds(struct build *b)
{
	struct model *m = b->m;
	uint32_t *counts = fr_mem_alloc((m->n_locks + 1) * sizeof(*counts));
	struct hold *sorted = fr_mem_array(m->n_holds + 1, sizeof(*sorted));
	uint32_t *at;
	size_t i;

	for (i = 0; i < m->n_holds; i++)
		counts[m->holds[i].lock]++;
	at = prefix(counts, m->n_locks);
	for (i = 0; i < m->n_locks; i++) {
		m->locks[i].first_hold = at[i];
		m->locks[i].n_holds = counts[i];
	}
	for (i = 0; i < m->n_holds; i++)
		sorted[at[m->holds[i].lock]++] = m->holds[i];
	free(m->holds);
	m->holds = sorted;
	b->cap_holds = m->n_holds + 1;
	for (i = 0; i < m->n_locks; i++)
		sort_if_needed(&m->holds[m->locks[i].first_hold], m->locks[i].n_holds);
	free(at);
	free(counts);
}

void fr_build_index(struct build *b)
{
	struct model *m = b->m;

	index_spans(m);
	cond_releases(b);
	open_holds(b);
	fr_build_index_holds(b);
}

/* ---- handles --------------------------------------------------------------------------------- */

struct rank {
	uint64_t wait_ns;
	uint64_t life_wait_ns;
	uint64_t holds;
	uint64_t addr;
	uint32_t old;
};

static int by_rank(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	if (x->life_wait_ns != y->life_wait_ns)
		return x->life_wait_ns > y->life_wait_ns ? -1 : 1;
	if (x->holds != y->holds)
		return x->holds > y->holds ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static uint32_t renumber(const uint32_t *to, uint32_t lock)
{
	return lock == MODEL_NONE ? MODEL_NONE : to[lock];
}

static void renumber_all(struct model *m, const uint32_t *to)
{
	size_t i, k;

	for (i = 0; i < m->n_spans; i++) {
		struct span *s = &m->spans[i];

		if (fr_span_is_lock(s) || fr_span_is_sync(s))
			s->object = renumber(to, s->object);
		s->object2 = renumber(to, s->object2);
	}
	for (i = 0; i < m->n_holds; i++)
		m->holds[i].lock = renumber(to, m->holds[i].lock);
	for (i = 0; i < m->n_threads; i++) {
		for (k = 0; k < m->threads[i].n_held; k++)
			m->threads[i].held[k].lock = renumber(to, m->threads[i].held[k].lock);
	}
}

void fr_build_order(struct build *b)
{
	struct model *m = b->m;
	struct rank *r = fr_mem_alloc((m->n_locks + 1) * sizeof(*r));
	struct lock *sorted = fr_mem_alloc((m->n_locks + 1) * sizeof(*sorted));
	uint32_t *to = fr_mem_alloc((m->n_locks + 1) * sizeof(*to));
	size_t i;

	for (i = 0; i < m->n_locks; i++) {
		const struct lock *l = &m->locks[i];

		r[i] = (struct rank){l->wait_ns, l->life_wait_ns, l->holds, l->addr, (uint32_t)i};
	}
	qsort(r, m->n_locks, sizeof(*r), by_rank);
	for (i = 0; i < m->n_locks; i++) {
		sorted[i] = m->locks[r[i].old];
		sorted[i].handle = (uint32_t)i + 1;
		to[r[i].old] = (uint32_t)i;
	}
	renumber_all(m, to);
	free(m->locks);
	m->locks = sorted;
	free(to);
	free(r);
}
