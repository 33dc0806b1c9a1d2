/* SPDX-License-Identifier: MIT */
/*
 * pass.c - the one pass over the event stream.
 *
 * Runs once per event of the whole recording, so it keeps only what waited: spans.def says which
 * events are waits; locks are followed by address; everything else is counted by kind.
 * Must not: allocate per event that did not wait, look at symbols.
 */
#include <errno.h>
#include <string.h>

#include "model/flow.h"

#define BATCH 128 /* events: they stay in the first-level cache */

struct span_row {
	uint8_t kind; /* 0 = this event is no wait */
	int8_t object;
	int8_t dur;
	int8_t owner;
	int8_t err;
	int8_t via;
	uint32_t min_ns;
};

#define SPAN(EVENT, KIND, object, dur, owner, err, via, min_ns)                                    \
	[FR_EV_##EVENT] = {SPAN_##KIND,                                                            \
			   FR_A(EVENT, object),                                                    \
			   FR_A(EVENT, dur),                                                       \
			   FR_A(EVENT, owner),                                                     \
			   FR_A(EVENT, err),                                                       \
			   FR_A(EVENT, via),                                                       \
			   min_ns},
static const struct span_row rows[128] = {
#include "model/spans.def"
};
#undef SPAN

bool fr_model_has_waker(unsigned int kind)
{
	return kind < 128 && (rows[kind].kind || kind == FR_EV_THREAD_START);
}

/* Is nothing missing since H was taken? */
static inline bool is_sure(const struct build *b, const struct holding *h)
{
	return b->full && h->since_ns >= b->m->sure_ns && h->since_ns >= b->full_ns;
}

/* The hooks that were on their way at the change do not count as recorded. */
static void lock_level(struct build *b, const struct event *e)
{
	if (e->arg[FR_A(LEVEL, class)] != FR_CLASS_LOCK)
		return;
	if (!b->lock_before)
		b->lock_before = (uint32_t)e->arg[FR_A(LEVEL, before)];
	b->full = e->arg[FR_A(LEVEL, level)] == FR_LEVEL_FULL;
	b->full_ns = e->t_ns + e->arg[FR_A(LEVEL, settled)] + CLOCK_SLACK_NS;
}

static void lowered(struct build *b, const struct event *e)
{
	struct lowered *l = &b->m->lowered[e->arg[FR_A(LEVEL, class)]];

	if (e->arg[FR_A(LEVEL, why)] == FR_WHY_BUDGET) {
		*l = (struct lowered){.event = e->id,
				      .ns = e->t_ns,
				      .times = l->times + 1,
				      .from = (uint8_t)e->arg[FR_A(LEVEL, before)],
				      .to = (uint8_t)e->arg[FR_A(LEVEL, level)]};
	} else if (l->event && !l->again) {
		l->again = e->id;
	}
}

static void level_changed(struct build *b, const struct event *e)
{
	uint8_t *least = b->m->least;

	if (e->arg[FR_A(LEVEL, class)] >= FR_CLASSES)
		return;
	least += e->arg[FR_A(LEVEL, class)];
	for (int i = 0; i < 2; i++) {
		uint64_t level = e->arg[i ? FR_A(LEVEL, before) : FR_A(LEVEL, level)];

		*least = level < *least ? (uint8_t)level : *least;
	}
	lowered(b, e);
	lock_level(b, e);
	fr_flow_level(b, e);
	if (e->arg[FR_A(LEVEL, before)] == FR_LEVEL_OFF &&
	    (e->arg[FR_A(LEVEL, class)] == FR_CLASS_NET ||
	     e->arg[FR_A(LEVEL, class)] == FR_CLASS_IO))
		fr_build_sock_all_over(b, e->t_ns);
}

static void lock_taken(struct build *b, const struct event *e, uint32_t lock)
{
	struct thread_pass *tp = &b->tp[e->thread];
	struct holding *h = fr_build_holding(tp, lock);

	if (h && is_sure(b, h) && b->lp[lock].last_taker == e->thread) {
		h->depth++;
		return;
	}
	if (h)
		fr_build_holding_drop(tp, h);
	fr_build_holding_add(tp, (struct holding){e->t_ns, lock, e->stack, 1});
	b->lp[lock].last_taker = e->thread;
}

/* Counts an exact hold (level full only: see holds.c for the others). */
static void hold_over(struct build *b, const struct holding *h, uint64_t end_ns)
{
	struct lock *l = &b->m->locks[h->lock];

	l->holds++;
	if (end_ns > h->since_ns && end_ns - h->since_ns > l->max_hold_ns)
		l->max_hold_ns = end_ns - h->since_ns;
}

static void lock_given(struct build *b, const struct event *e, uint32_t lock)
{
	struct thread_pass *tp = &b->tp[e->thread];
	struct holding *h = fr_build_holding(tp, lock);
	struct hold *out;
	bool exact;

	if (h && h->depth > 1 && b->full) {
		h->depth--;
		return;
	}
	exact = h && is_sure(b, h);
	if (exact)
		hold_over(b, h, e->t_ns);
	if (e->arg[FR_A(MUTEX_UNLOCK, contended)]) {
		out = fr_build_hold(b);
		out->thread = e->thread;
		out->lock = lock;
		out->end_ns = e->t_ns;
		out->event = e->id;
		out->rel_stack = e->stack;
		out->start_ns = h ? h->since_ns : 0;
		out->acq_stack = h ? h->stack : 0;
		out->quality = exact ? HOLD_EXACT : HOLD_UNKNOWN;
		out->counted = exact;
	}
	if (h)
		fr_build_holding_drop(tp, h);
}

static void cond_retook(struct build *b, const struct event *e, struct span *s)
{
	struct holding *h;

	s->object2 = fr_build_lock(b, e->arg[FR_A(COND_WAIT, lock)]);
	if (s->object2 == MODEL_NONE)
		return;
	h = fr_build_holding(&b->tp[e->thread], s->object2);
	if (h && b->full) {
		if (is_sure(b, h))
			hold_over(b, h, s->start_ns);
		h->since_ns = e->t_ns;
		h->stack = e->stack;
	}
}

/* EOWNERDEAD gives the lock as well; EINPROGRESS is how a connect goes on. */
static bool took(uint64_t err)
{
	return !err || err == EOWNERDEAD || err == EINPROGRESS;
}

/* A handshake whose descriptor OpenSSL does not know: the one its thread has just moved data on. */
static int64_t tls_fd(const struct thread *t, const struct event *e, uint64_t start_ns)
{
	if ((int64_t)e->arg[FR_A(TLS_HANDSHAKE, fd)] >= 0)
		return (int64_t)e->arg[FR_A(TLS_HANDSHAKE, fd)];
	return t->moved_ns && t->moved_ns >= start_ns ? t->moved_fd : -1;
}

/* recv() with MSG_WAITALL fills what it was given; recvmmsg waits for several messages. */
static uint8_t read_flags(const struct build *b, const struct event *e)
{
	if ((int64_t)e->arg[FR_A(NET_RECV, result)] <= 0)
		return 0;
	if (e->kind == FR_EV_NET_RECV &&
	    (e->arg[FR_A(NET_RECV, size)] == e->arg[FR_A(NET_RECV, result)] ||
	     !strcmp(fr_recording_call(b->rec, (uint32_t)e->arg[FR_A(NET_RECV, via)]), "recvmmsg")))
		return SPAN_DATA | SPAN_WHOLE;
	return SPAN_DATA;
}

static void span_add(struct build *b, const struct event *e, const struct span_row *r)
{
	uint64_t dur = e->arg[r->dur];
	struct span *s = fr_build_span(b);

	s->kind = r->kind;
	if (e->kind == FR_EV_THREAD_CANCELLED)
		s->kind = (uint8_t)fr_build_call_kind(b, e->arg[r->via]);
	s->thread = e->thread;
	s->end_ns = e->t_ns;
	s->start_ns = e->t_ns - (dur < e->t_ns ? dur : e->t_ns);
	s->event = e->id;
	s->stack = e->stack;
	s->via = r->via < 0 ? 0 : (uint16_t)e->arg[r->via];
	if (e->kind == FR_EV_THREAD_CANCELLED || (r->err >= 0 && !took(e->arg[r->err])))
		s->flags |= SPAN_FAILED;
	if (r->owner >= 0)
		s->owner = fr_build_tid(b, (uint32_t)e->arg[r->owner], s->start_ns);
	if (r->object < 0)
		s->object = MODEL_NONE;
	else if (e->kind == FR_EV_TLS_HANDSHAKE)
		s->object = fr_build_sock(b, tls_fd(&b->m->threads[e->thread], e, s->start_ns));
	else if (fr_span_is_sock(s))
		s->object = fr_build_sock(b, (int64_t)e->arg[r->object]);
	else if (s->kind == SPAN_JOIN)
		s->object = fr_build_handle(b, e->arg[r->object]);
	else if (fr_span_is_lock(s) || fr_span_is_sync(s))
		s->object = fr_build_lock(b, e->arg[r->object]);
	if (e->kind == FR_EV_NET_RECV || e->kind == FR_EV_IO_READ)
		s->flags |= read_flags(b, e);
	if (e->kind == FR_EV_NET_POLL)
		fr_ready_polled(b, s, e);
	if (e->kind == FR_EV_FUTEX_WAIT)
		fr_build_futex_waited(b, s, e->arg[FR_A(FUTEX_WAIT, timeout)] != 0);
	fr_build_woken(b, s);
	if (e->kind == FR_EV_COND_WAIT)
		cond_retook(b, e, s);
	if (!fr_span_is_async(s))
		b->m->threads[e->thread].wait_ns[s->kind] += dur;
}

/* Counts E, and keeps it if it is one of its thread's last. */
static inline void count(struct build *b, const struct event *e)
{
	struct thread *t = &b->m->threads[e->thread];

	b->m->kinds[e->kind & 127]++;
	t->events++;
	if (b->tp[e->thread].to_come-- > MODEL_LAST)
		return;
	t->last[t->n_last++ % MODEL_LAST] = (struct last_event){e->id, e->t_ns, e->stack, e->kind};
}

/* Allocations: most events of many recordings, and nothing here looks at them. */
static inline bool is_heap(const struct event *e)
{
	return e->kind >= FR_EV_MEM_ALLOC && e->kind <= FR_EV_MEM_REALLOC;
}

/* Who runs the function of a once waits for nobody. */
static inline bool ran_once(const struct event *e)
{
	return e->kind == FR_EV_ONCE && !e->arg[FR_A(ONCE, waited)];
}

static void lock_event(struct build *b, const struct event *e)
{
	uint32_t lock = fr_build_lock(b, e->arg[FR_A(MUTEX_LOCK, lock)]);

	if (lock == MODEL_NONE)
		return;
	switch (e->kind) {
	case FR_EV_MUTEX_LOCK:
	case FR_EV_RWLOCK_RDLOCK:
	case FR_EV_RWLOCK_WRLOCK:
	case FR_EV_SPIN_LOCK:
		if (took(e->arg[FR_A(MUTEX_LOCK, err)]))
			lock_taken(b, e, lock);
		if (e->kind == FR_EV_RWLOCK_RDLOCK && b->m->locks[lock].kind == FR_HELD_MUTEX)
			b->m->locks[lock].kind = FR_HELD_RDLOCK;
		if (e->kind == FR_EV_RWLOCK_WRLOCK)
			b->m->locks[lock].kind = FR_HELD_WRLOCK;
		if (e->kind == FR_EV_SPIN_LOCK)
			b->m->locks[lock].kind = FR_HELD_SPIN;
		break;
	default:
		lock_given(b, e, lock);
	}
}

/* Sockets, files, pipes: what their numbers stand for, and what went through them. */
static void see_descriptor(struct build *b, const struct event *e)
{
	switch (e->kind) {
	case FR_EV_NET_SEND:
	case FR_EV_NET_RECV:
		b->m->threads[e->thread].moved_fd = (int64_t)e->arg[FR_A(NET_SEND, fd)];
		b->m->threads[e->thread].moved_ns = e->t_ns;
		fr_build_net(b, e);
		break;
	case FR_EV_NET_SOCKET:
	case FR_EV_NET_CONNECT:
	case FR_EV_NET_CONNECTED:
	case FR_EV_NET_LISTEN:
	case FR_EV_NET_SHUTDOWN:
	case FR_EV_NET_ACCEPT:
	case FR_EV_NET_CLOSE:
		fr_build_net(b, e);
		break;
	case FR_EV_FD_OPEN:
	case FR_EV_FD_CLOSE:
	case FR_EV_FD_DUP:
	case FR_EV_FD_PAIR:
	case FR_EV_FD_MAKE:
	case FR_EV_FD_RECEIVED:
	case FR_EV_IO_READ:
	case FR_EV_IO_WRITE:
		fr_build_fd(b, e);
		break;
	case FR_EV_LEVEL:
		level_changed(b, e);
		break;
	case FR_EV_NET_WATCH:
		fr_ready_watch(b, e);
		break;
	case FR_EV_FD_BAD:
	case FR_EV_REPEATED:
		fr_build_failure(b, e);
		break;
	case FR_EV_PROCESS_FORK:
		b->forked_ns = e->t_ns;
		break;
	}
}

static void see(struct build *b, const struct event *e)
{
	const struct span_row *r = &rows[e->kind & 127];

	count(b, e);
	if (is_heap(e))
		return;
	if (r->kind && e->arg[r->dur] >= r->min_ns && !ran_once(e))
		span_add(b, e, r);
	switch (e->kind) {
	case FR_EV_THREAD_START:
		fr_build_started(b, e);
		break;
	case FR_EV_THREAD_CREATE:
		fr_build_created(b, e);
		break;
	case FR_EV_THREAD_EXIT:
		b->m->threads[e->thread].exit_event = e->id;
		break;
	case FR_EV_MUTEX_LOCK:
	case FR_EV_MUTEX_UNLOCK:
	case FR_EV_RWLOCK_RDLOCK:
	case FR_EV_RWLOCK_WRLOCK:
	case FR_EV_RWLOCK_UNLOCK:
	case FR_EV_SPIN_LOCK:
	case FR_EV_SPIN_UNLOCK:
		lock_event(b, e);
		break;
	case FR_EV_COND_SIGNAL:
	case FR_EV_COND_BROADCAST:
		fr_build_signalled(b, e, SPAN_COND, e->arg[FR_A(COND_SIGNAL, cond)]);
		break;
	case FR_EV_FUTEX_WAKE:
		fr_build_futex_woke(b, e);
		break;
	case FR_EV_SEM_POST:
		fr_build_signalled(b, e, SPAN_SEM, e->arg[FR_A(SEM_POST, sem)]);
		break;
	case FR_EV_BARRIER_WAIT:
		if (e->arg[FR_A(BARRIER_WAIT, serial)])
			fr_build_opened(b, e, SPAN_BARRIER, e->arg[FR_A(BARRIER_WAIT, barrier)]);
		break;
	case FR_EV_ONCE:
		if (!e->arg[FR_A(ONCE, waited)])
			fr_build_opened(b, e, SPAN_ONCE, e->arg[FR_A(ONCE, once)]);
		break;
	default:
		see_descriptor(b, e);
	}
}

void fr_build_pass(struct build *b)
{
	struct stream *s = fr_stream_open(b->rec);
	struct event e[BATCH];
	size_t i, n;

	for (i = 0; i < b->m->n_threads; i++)
		b->tp[i].to_come = b->rec->threads[i].kept;
	while ((n = fr_stream_fill(s, e, BATCH))) {
		for (i = 0; i < n; i++)
			see(b, &e[i]);
	}
	fr_stream_close(s);
}
