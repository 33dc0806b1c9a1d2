/* SPDX-License-Identifier: MIT */
/*
 * wakers.c - who ended a wait, and by which event, as far as the pass can tell.
 *
 *   condition, semaphore   the last signal, broadcast or post during the wait
 *   barrier, once          the last one to come; the one that ran the function
 *   other futexes          the last wake that woke somebody
 *   join                   the end of that thread
 *   read, recv, poll       the first write during the wait: flow.c
 *   accept                 the connect: connections.c
 *
 * Locks are in holds.c: the last release before the end of the wait. A wait that failed was ended
 * by nobody. Where the one who wakes comes back later than whom it woke, its event is the later
 * one: then the waits that are there already are looked through.
 */
#include "model/build.h"

static void set(struct span *s, const struct wake *by)
{
	if (by->thread == s->thread || s->flags & SPAN_FAILED)
		return;
	s->waker = by->thread;
	s->waker_event = by->event;
}

static bool during(const struct wake *by, const struct span *s)
{
	return by->ns && by->ns + CLOCK_SLACK_NS >= s->start_ns;
}

void fr_build_woken(struct build *b, struct span *s)
{
	const struct model *m = b->m;

	if (fr_span_is_sync(s))
		fr_build_sync(b, s->object, (enum span_kind)s->kind);
	if (s->flags & SPAN_DATA || s->kind == SPAN_POLL)
		fr_flow_woken(b, s);
	if (s->object == MODEL_NONE)
		return;
	if (fr_span_is_sync(s)) {
		const struct lock_pass *lp = &b->lp[s->object];

		if (during(&lp->by, s))
			set(s, &lp->by);
		else if (lp->moved_to != MODEL_NONE && during(&b->lp[lp->moved_to].by, s))
			set(s, &b->lp[lp->moved_to].by);
	} else if (s->kind == SPAN_JOIN) {
		set(s, &(struct wake){0, m->threads[s->object].exit_event, s->object});
	}
}

void fr_build_signalled(struct build *b, const struct event *e, enum span_kind kind, uint64_t addr)
{
	uint32_t lock = fr_build_lock(b, addr);

	if (lock == MODEL_NONE)
		return;
	fr_build_sync(b, lock, kind);
	b->lp[lock].by = (struct wake){e->t_ns, e->id, e->thread};
}

void fr_build_woke_earlier(struct build *b, unsigned int kinds, uint32_t object, uint64_t from_ns,
			   const struct wake *by)
{
	/* whoever wakes is back at once; a file that says otherwise shall not make us look for ever
	 */
	const size_t n = b->m->n_spans, most = 1024;

	for (size_t i = n; i-- > 0 && n - i <= most;) {
		struct span *s = &b->m->spans[i];

		if (s->end_ns + CLOCK_SLACK_NS < from_ns)
			break;
		if (kinds >> s->kind & 1 && s->object == object && during(by, s))
			set(s, by);
	}
}

/* A barrier's last comer opened it when its call began; a once is open when its function ends. */
void fr_build_opened(struct build *b, const struct event *e, enum span_kind kind, uint64_t addr)
{
	uint64_t dur = e->arg[FR_A(BARRIER_WAIT, dur)];
	uint64_t came = e->t_ns - (dur < e->t_ns ? dur : e->t_ns);
	uint32_t object = fr_build_lock(b, addr);

	if (object == MODEL_NONE)
		return;
	fr_build_sync(b, object, kind);
	b->lp[object].by = (struct wake){kind == SPAN_ONCE ? e->t_ns : came, e->id, e->thread};
	fr_build_woke_earlier(b, 1u << kind, object, came, &b->lp[object].by);
}

/*
 * A create and the start of its thread come in either order. The same handle may have been another
 * thread's before: that one has its own create.
 */
void fr_build_created(struct build *b, const struct event *e)
{
	uint32_t thread = fr_build_handle(b, e->arg[FR_A(THREAD_CREATE, handle)]);
	struct thread *t = thread == MODEL_NONE ? NULL : &b->m->threads[thread];

	if (e->arg[FR_A(THREAD_CREATE, err)])
		return;
	if (t && t->creator == e->thread && !t->create_event) {
		t->create_event = e->id;
		return;
	}
	b->creates[e->thread] = (struct created){e->arg[FR_A(THREAD_CREATE, handle)], e->id};
}

void fr_build_started(struct build *b, const struct event *e)
{
	struct thread *t = &b->m->threads[e->thread];
	struct created *c = t->creator == MODEL_NONE ? NULL : &b->creates[t->creator];

	if (c && c->handle && c->handle == e->arg[FR_A(THREAD_START, handle)]) {
		t->create_event = c->event;
		c->handle = 0;
	}
	fr_build_handle_set(b, e->arg[FR_A(THREAD_START, handle)], e->thread);
}
