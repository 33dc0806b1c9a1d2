/* SPDX-License-Identifier: MIT */
/*
 * owners.c - who certainly holds a lock at the end: the edges of every verdict about a hang.
 *
 * Two witnesses: the list of held locks that each thread's record carries, and the owner that a
 * waiter read from the lock when its wait began. Where they disagree nobody is named. Nor is
 * anybody where threads give back what others have taken.
 */
#include "model/build.h"

/* Whether all releases that THREAD made since NS are certain to be in the model. */
static bool complete_since(const struct model *m, uint32_t thread, uint64_t ns)
{
	const struct thread *t = &m->threads[thread];

	if (t->open != MODEL_NONE && m->spans[t->open].start_ns <= ns)
		return true;
	return m->sure_ns <= ns;
}

/* Holds are in the order of their ends, an open one last. */
static bool released_since(const struct model *m, const struct lock *l, uint64_t ns)
{
	const struct hold *h = &m->holds[l->first_hold];
	uint32_t n = l->n_holds;

	if (n && h[n - 1].open)
		n--;
	return n && h[n - 1].end_ns + CLOCK_SLACK_NS >= ns;
}

/* The recorder lists what a thread holds; a list without LOCK says no, unless it overflowed. */
static bool list_denies(const struct model *m, uint32_t thread, uint32_t lock)
{
	const struct thread *t = &m->threads[thread];

	return t->held_total == t->n_held && !fr_model_held(m, thread, lock);
}

/*
 * LISTER says that it has the lock. A waiter that saw another owner, with no release since, says
 * otherwise: a mutex given back by another thread than its owner leaves such a list behind.
 */
static bool contradicted(const struct model *m, const struct lock *l, uint32_t lister)
{
	uint32_t i;

	for (i = l->waits; i-- > 0;) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (!(s->flags & SPAN_OPEN))
			break;
		if (s->owner != MODEL_NONE && s->owner != lister &&
		    !released_since(m, l, s->start_ns))
			return true;
	}
	return false;
}

/* ---- mutexes that are passed on -------------------------------------------------------------- */

#define PASSED_MIN 2u /* a waiter may have seen an owner that was just leaving: once is nothing */

/* How often the first release in a wait was by the thread that the waiter saw, how often not. */
struct releases {
	uint32_t own;
	uint32_t foreign;
};

static void count_release(const struct model *m, const struct lock *l, const struct span *s,
			  uint32_t *from, struct releases *r)
{
	const struct hold *h = &m->holds[l->first_hold];

	while (*from < l->n_holds && h[*from].end_ns + CLOCK_SLACK_NS < s->start_ns)
		++*from;
	if (*from == l->n_holds || h[*from].open || h[*from].end_ns > s->end_ns)
		return;
	if (h[*from].thread == s->owner)
		r->own++;
	else
		r->foreign++;
}

/*
 * Whoever has seen itself as the owner, and yet came out of the wait, was let go by another thread.
 * The waits are in the order of their ends; where one began before the one looked at last, its
 * first release is behind us and it is not counted.
 */
static bool is_passed(const struct model *m, const struct lock *l)
{
	struct releases r = {0};
	uint32_t i, from = 0;
	uint64_t latest = 0;

	if (l->kind != FR_HELD_MUTEX || l->is_cond)
		return false;
	for (i = 0; i < l->waits; i++) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (s->flags & (SPAN_OPEN | SPAN_FAILED) || s->owner == MODEL_NONE)
			continue;
		if (s->owner == s->thread)
			return true;
		if (s->start_ns < latest)
			continue;
		latest = s->start_ns;
		count_release(m, l, s, &from, &r);
	}
	return r.foreign >= PASSED_MIN && r.foreign > r.own;
}

static uint32_t owner_of(const struct model *m, uint32_t lock)
{
	struct lock *l = &m->locks[lock];
	uint32_t i;

	if (l->owner != MODEL_NONE)
		return contradicted(m, l, l->owner) ? MODEL_NONE : l->owner;
	for (i = l->waits; i-- > 0;) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (!(s->flags & SPAN_OPEN))
			break;
		if (s->owner != MODEL_NONE && !m->threads[s->owner].end_ns &&
		    (l->futex || !list_denies(m, s->owner, lock)) &&
		    complete_since(m, s->owner, s->start_ns) && !released_since(m, l, s->start_ns))
			return s->owner;
	}
	return fr_futex_owner(m, l, &l->owner_stack);
}

void fr_build_owners(struct build *b)
{
	size_t i;

	for (i = 0; i < b->m->n_locks; i++) {
		struct lock *l = &b->m->locks[i];

		l->is_passed = is_passed(b->m, l);
		l->owner = l->is_passed ? MODEL_NONE : owner_of(b->m, (uint32_t)i);
	}
}
