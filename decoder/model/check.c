/* SPDX-License-Identifier: MIT */
/*
 * check.c - what everybody who reads the model relies on: indices that are in range, times in
 * order, sums that add up. Only in builds with DEBUG=1.
 */
#include "base/check.h"
#include "model/build.h"

#ifdef FR_DEBUG

static bool is_below(uint32_t index, size_t n)
{
	return index == MODEL_NONE || index < n;
}

static size_t objects_of(const struct model *m, const struct span *s)
{
	if (fr_span_is_sock(s))
		return m->n_socks;
	return s->kind == SPAN_JOIN ? m->n_threads : m->n_locks;
}

static void check_span(const struct model *m, const struct span *s)
{
	FR_CHECK(s->kind > SPAN_NONE && s->kind < SPAN_KINDS);
	FR_CHECK(s->start_ns <= s->end_ns);
	FR_CHECK(s->thread < m->n_threads);
	FR_CHECK(is_below(s->object, objects_of(m, s)));
	FR_CHECK(is_below(s->object2, m->n_locks));
	FR_CHECK(is_below(s->owner, m->n_threads) && is_below(s->waker, m->n_threads));
	FR_CHECK(!s->event == !!(s->flags & SPAN_OPEN));
}

static void check_hold(const struct model *m, const struct hold *h)
{
	FR_CHECK(h->lock < m->n_locks);
	FR_CHECK(is_below(h->thread, m->n_threads));
	FR_CHECK(h->start_ns <= h->end_ns || h->thread == MODEL_NONE);
	FR_CHECK(h->quality != HOLD_UNKNOWN || h->start_ns == h->end_ns || h->thread == MODEL_NONE);
}

static void check_lock(const struct model *m, uint32_t i)
{
	const struct lock *l = &m->locks[i];

	FR_CHECK(l->handle == i + 1);
	FR_CHECK(is_below(l->owner, m->n_threads));
	FR_CHECK(l->max_wait_ns <= l->wait_ns && l->common_wait_ns <= l->wait_ns);
	FR_CHECK(l->handoff_ns <= l->wait_ns);
	FR_CHECK(l->first_hold + l->n_holds <= m->n_holds);
	for (uint32_t k = 0; k < l->n_holds; k++) {
		const struct hold *h = &m->holds[l->first_hold + k];

		FR_CHECK(h->lock == i);
		FR_CHECK(!k || h->open || h[-1].end_ns <= h->end_ns);
	}
	for (uint32_t k = 0; k < l->waits; k++)
		FR_CHECK(m->spans[m->lock_waits[l->first_wait + k]].object == i);
}

static void check_thread(const struct model *m, uint32_t i)
{
	const struct thread *t = &m->threads[i];

	FR_CHECK(is_below(t->creator, m->n_threads));
	FR_CHECK(is_below(t->open, m->n_spans));
	FR_CHECK(t->open == MODEL_NONE || m->spans[t->open].thread == i);
	FR_CHECK(t->n_held <= FR_HELD_MAX);
	for (uint32_t k = 0; k < t->n_held; k++)
		FR_CHECK(t->held[k].lock < m->n_locks);
	for (uint32_t k = 0; k < t->n_spans; k++)
		FR_CHECK(m->spans[m->thread_spans[t->first_span + k]].thread == i);
}

void fr_model_check(const struct model *m)
{
	for (size_t i = 0; i < m->n_spans; i++)
		check_span(m, &m->spans[i]);
	for (size_t i = 0; i < m->n_holds; i++)
		check_hold(m, &m->holds[i]);
	for (uint32_t i = 0; i < m->n_locks; i++)
		check_lock(m, i);
	for (uint32_t i = 0; i < m->n_threads; i++)
		check_thread(m, i);
}

#endif
