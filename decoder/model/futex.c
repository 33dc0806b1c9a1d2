/* SPDX-License-Identifier: MIT */
/*
 * futex.c - futexes that libraries wait for by themselves, and those of them that are locks.
 *
 * A wake of a lock is its release, with thread and stack; all releases while somebody waits are
 * there, as with mutexes, and holds.c concludes the same from them. When a lock was taken nobody
 * says, but: whoever waited and did not come back to wait has it. For a lock of one holder that is
 * proven until the end by three things: the thread has gone on since (an event, or a wait for
 * something else), it has not woken anybody there since, and no event is missing.
 * A call that waits again where it stood before, with no wake of its own in between, was woken
 * without getting the lock: the wait before it ended with nothing (SPAN_FAILED).
 */
#include "model/build.h"

/* S waits where its thread's last wait stood, which then got nothing. */
static void waited_again(struct build *b, const struct thread_pass *tp, const struct span *s)
{
	struct span *before = tp->futex_wait ? &b->m->spans[tp->futex_wait - 1] : NULL;

	if (before && before->object == s->object && before->stack == s->stack)
		before->flags |= SPAN_FAILED;
}

static bool is_work(const struct build *b, uint32_t stack)
{
	return stack && b->work_by_stack.slots && fr_map_find(&b->work_by_stack, stack)->key;
}

void fr_build_futex_waited(struct build *b, struct span *s, bool timed)
{
	struct thread_pass *tp = &b->tp[s->thread];
	struct holding *h;

	if (timed)
		s->flags |= SPAN_TIMED;
	if (s->object == MODEL_NONE || !b->m->locks[s->object].futex || is_work(b, s->stack))
		return;
	s->kind = SPAN_FUTEX_LOCK;
	waited_again(b, tp, s);
	tp->futex_wait = (uint32_t)(s - b->m->spans) + 1;
	h = fr_build_holding(tp, s->object);
	if (h)
		fr_build_holding_drop(tp, h);
	if (!(s->flags & (SPAN_FAILED | SPAN_OPEN)))
		fr_build_holding_add(tp, (struct holding){s->end_ns, s->object, s->stack, 1});
}

static void released(struct build *b, const struct event *e, uint32_t lock)
{
	uint64_t dur = e->arg[FR_A(FUTEX_WAKE, dur)];
	struct thread_pass *tp = &b->tp[e->thread];
	struct holding *h = fr_build_holding(tp, lock);
	struct hold *out = fr_build_hold(b);

	out->thread = e->thread;
	out->lock = lock;
	out->end_ns = e->t_ns - (dur < e->t_ns ? dur : e->t_ns);
	out->event = e->id;
	out->rel_stack = e->stack;
	out->start_ns = h ? h->since_ns : 0;
	out->acq_stack = h ? h->stack : 0;
	out->quality = HOLD_UNKNOWN;
	if (h)
		fr_build_holding_drop(tp, h);
	if (tp->futex_wait && b->m->spans[tp->futex_wait - 1].object == lock)
		tp->futex_wait = 0;
}

void fr_build_futex_woke(struct build *b, const struct event *e)
{
	uint32_t lock = fr_build_lock(b, e->arg[FR_A(FUTEX_WAKE, futex)]);

	if (lock == MODEL_NONE || e->arg[FR_A(FUTEX_WAKE, err)])
		return;
	if (b->m->locks[lock].futex)
		released(b, e, lock);
	if (b->m->locks[lock].futex == FUTEX_EXCLUSIVE)
		return;
	if (e->arg[FR_A(FUTEX_WAKE, woken)])
		fr_build_opened(b, e, SPAN_FUTEX, e->arg[FR_A(FUTEX_WAKE, futex)]);
	else
		fr_build_sync(b, lock, SPAN_FUTEX);
	if (e->arg[FR_A(FUTEX_WAKE, to)]) {
		uint32_t to = fr_build_lock(b, e->arg[FR_A(FUTEX_WAKE, to)]);

		b->lp[lock].moved_to = to;
	}
}

/*
 * The last wait for L that ended with L taken, or so it seems. One with a time limit may have given
 * up after it was woken.
 */
static const struct span *last_taken(const struct model *m, const struct lock *l)
{
	for (uint32_t i = l->waits; i-- > 0;) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (!(s->flags & (SPAN_OPEN | SPAN_FAILED)))
			return s->flags & SPAN_TIMED ? NULL : s;
	}
	return NULL;
}

/* Has the thread of S gone on after it, and to something else? */
static bool went_on(const struct model *m, const struct span *s)
{
	const struct thread *t = &m->threads[s->thread];

	if (t->end_ns)
		return false;
	if (t->open != MODEL_NONE)
		return m->spans[t->open].object != s->object ||
		       m->spans[t->open].kind != SPAN_FUTEX_LOCK;
	return t->rec->last_ns > s->end_ns;
}

static bool given_back_since(const struct model *m, const struct lock *l, uint64_t ns)
{
	for (uint32_t i = l->n_holds; i-- > 0;) {
		const struct hold *h = &m->holds[l->first_hold + i];

		if (!h->open)
			return h->end_ns > ns;
	}
	return false;
}

uint32_t fr_futex_owner(const struct model *m, const struct lock *l, uint32_t *stack)
{
	const struct span *s;

	if (l->futex != FUTEX_EXCLUSIVE)
		return MODEL_NONE;
	s = last_taken(m, l);
	if (!s || m->sure_ns > s->end_ns || !went_on(m, s) || given_back_since(m, l, s->end_ns))
		return MODEL_NONE;
	*stack = s->stack;
	return s->thread;
}
