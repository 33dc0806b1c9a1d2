/* SPDX-License-Identifier: MIT */
/*
 * futex_self.c - a thread that waits for a futex lock which it has itself.
 *
 * Nobody writes down who has such a lock. But a thread that has waited for it in one place of the
 * program, and waits again in another, has come back from the first call, and so has taken the
 * lock; had it given it back, its wake would be there (FUTEX_EXCLUSIVE). The same place proves
 * nothing: a wait may end without the lock, and begin again.
 */
#include "analyses/analysis.h"

/* The last wait of S's thread for the same lock that ended before S began. */
static const struct span *wait_before(const struct model *m, const struct span *s)
{
	const struct lock *l = &m->locks[s->object];

	for (uint32_t i = l->waits; i-- > 0;) {
		const struct span *w = &m->spans[m->lock_waits[l->first_wait + i]];

		if (w != s && w->thread == s->thread)
			return w;
	}
	return NULL;
}

static bool gave_back_since(const struct model *m, uint32_t lock, uint32_t thread, uint64_t ns)
{
	const struct lock *l = &m->locks[lock];

	for (uint32_t i = l->n_holds; i-- > 0;) {
		const struct hold *h = &m->holds[l->first_hold + i];

		if (!h->open && h->end_ns < ns)
			break;
		if (!h->open && h->thread == thread)
			return true;
	}
	return false;
}

const struct span *fr_futex_taken_before(const struct analysis *a, const struct span *s)
{
	const struct model *m = a->m;
	const struct span *w;

	if (m->locks[s->object].futex != FUTEX_EXCLUSIVE)
		return NULL;
	w = wait_before(m, s);
	if (!w || w->flags & (SPAN_FAILED | SPAN_TIMED) || w->end_ns < m->sure_ns ||
	    gave_back_since(m, s->object, s->thread, w->end_ns))
		return NULL;
	return fr_name_is_elsewhere(a->names, w->stack, s->stack) ? w : NULL;
}
