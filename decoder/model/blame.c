/* SPDX-License-Identifier: MIT */
/*
 * blame.c - questions that are asked of a model: who made whom wait for one lock, by thread and
 * stack, and what that needs.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "model/model.h"

const struct held *fr_model_held(const struct model *m, uint32_t thread, uint32_t lock)
{
	const struct thread *t = &m->threads[thread];
	uint32_t i;

	for (i = 0; i < t->n_held; i++) {
		if (t->held[i].lock == lock)
			return &t->held[i];
	}
	return NULL;
}

uint64_t fr_model_common(const struct model *m, uint64_t start_ns, uint64_t end_ns)
{
	if (start_ns < m->common_ns)
		start_ns = m->common_ns;
	return end_ns > start_ns ? end_ns - start_ns : 0;
}

struct moment {
	const struct model *m;
	uint64_t ns;
};

static bool is_over(const void *span, const void *moment)
{
	const struct moment *at = moment;

	return at->m->spans[*(const uint32_t *)span].end_ns <= at->ns;
}

uint32_t fr_spans_over(const struct model *m, const uint32_t *spans, uint32_t n, uint64_t ns)
{
	return (uint32_t)fr_search(spans, n, sizeof(*spans), is_over, &(struct moment){m, ns});
}

static int by_key(const void *a, const void *b)
{
	const struct blame *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int by_ns(const void *a, const void *b)
{
	const struct blame *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return by_key(a, b);
}

/* Adds up rows of the same thread and stack, the worst first. */
static size_t sum(struct blame *rows, size_t n)
{
	size_t i, k = 0;

	if (!n)
		return 0;
	qsort(rows, n, sizeof(*rows), by_key);
	for (i = 1; i < n; i++) {
		if (by_key(&rows[k], &rows[i])) {
			rows[++k] = rows[i];
			continue;
		}
		rows[k].ns += rows[i].ns;
		rows[k].n += rows[i].n;
		if (rows[i].max_ns > rows[k].max_ns) {
			rows[k].max_ns = rows[i].max_ns;
			rows[k].worst = rows[i].worst;
		}
	}
	qsort(rows, k + 1, sizeof(*rows), by_ns);
	return k + 1;
}

size_t fr_lock_holders(const struct model *m, uint32_t lock, struct blame **out)
{
	const struct lock *l = &m->locks[lock];
	struct blame *rows = fr_mem_alloc((l->n_holds + 1) * sizeof(*rows));
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < l->n_holds; i++) {
		const struct hold *h = &m->holds[l->first_hold + i];
		uint32_t stack = h->rel_stack ? h->rel_stack : h->acq_stack;

		if (h->thread == MODEL_NONE)
			continue;
		if (h->open && !stack)
			stack = m->locks[lock].owner_stack;
		rows[n++] = (struct blame){h->inflicted_ns, h->end_ns - h->start_ns, 1, h->thread,
					   stack,           l->first_hold + i};
	}
	*out = rows;
	return sum(rows, n);
}

size_t fr_lock_waiters(const struct model *m, uint32_t lock, struct blame **out)
{
	const struct lock *l = &m->locks[lock];
	struct blame *rows = fr_mem_alloc((l->waits + 1) * sizeof(*rows));
	uint32_t i;

	for (i = 0; i < l->waits; i++) {
		uint32_t at = m->lock_waits[l->first_wait + i];
		const struct span *s = &m->spans[at];

		rows[i] = (struct blame){fr_span_ns(s), fr_span_ns(s), 1, s->thread, s->stack, at};
	}
	*out = rows;
	return sum(rows, l->waits);
}
