/* SPDX-License-Identifier: MIT */
/*
 * states.c - what the tables of a recording say about its last moment: which thread stood where,
 * what it held, and what the locks had cost since the process began.
 */
#include <string.h>

#include "model/build.h"
#include "read/death.h"

static void thread_init(struct build *b, size_t i)
{
	const struct rec_thread *r = &b->rec->threads[i];
	struct thread *t = &b->m->threads[i];
	uint32_t *value;
	bool is_new;

	t->rec = r;
	t->serial = r->r.serial;
	t->tid = r->r.tid;
	t->start_ns = r->r.start ? fr_recording_ns(b->rec, r->r.start) : 0;
	t->create_stack = r->r.create_stack;
	t->open = t->creator = MODEL_NONE;
	if (!t->tid)
		return;
	value = fr_map_slot(&b->thread_by_tid, t->tid, &is_new);
	*value = is_new ? (uint32_t)i : MODEL_NONE;
}

void fr_build_threads(struct build *b)
{
	struct model *m = b->m;
	size_t i;

	m->n_threads = b->rec->n_threads;
	m->threads = fr_mem_alloc((m->n_threads + 1) * sizeof(*m->threads));
	b->creates = fr_mem_alloc((m->n_threads + 1) * sizeof(*b->creates));
	b->tp = fr_mem_alloc((m->n_threads + 1) * sizeof(*b->tp));
	for (i = 0; i < m->n_threads; i++)
		thread_init(b, i);
	for (i = m->n_threads; i-- > 0;) /* the first with a handle; thread.start tells the next */
		fr_build_handle_set(b, m->threads[i].rec->r.handle, (uint32_t)i);
	for (i = 0; i < m->n_threads; i++) {
		struct thread *t = &m->threads[i];

		t->creator = fr_build_tid(b, t->rec->r.creator_tid, t->start_ns);
	}
}

static void open_object(struct build *b, struct span *s, const struct fr_thread_rec *r)
{
	if (s->kind == SPAN_JOIN) {
		s->object = fr_build_handle(b, r->st_object);
	} else if (fr_span_is_sock(s)) {
		s->object = fr_build_sock(b, (int64_t)r->st_object);
	} else if (s->kind == SPAN_FUTEX) {
		s->object = fr_build_lock(b, r->st_object);
		fr_build_futex_waited(b, s, r->st_object2 != 0);
		if (s->kind == SPAN_FUTEX)
			fr_build_sync(b, s->object, SPAN_FUTEX);
	} else if (fr_span_is_sync(s)) {
		s->object = fr_build_lock(b, r->st_object);
		s->object2 = fr_build_lock(b, r->st_object2);
		fr_build_sync(b, s->object, s->kind);
	} else if (fr_span_is_lock(s)) {
		s->object = fr_build_lock(b, r->st_object);
	}
}

/* The state of a blocked thread becomes a span that is not over. */
static void open_span(struct build *b, size_t i)
{
	const struct fr_thread_rec *r = &b->m->threads[i].rec->r;
	struct model *m = b->m;
	struct span *s;

	if (r->x_life != FR_THREAD_LIVE || !r->st_call || r->st_seq & 1)
		return;
	m->threads[i].open = (uint32_t)m->n_spans;
	m->threads[i].state = THREAD_BLOCKED;
	s = fr_build_span(b);
	s->thread = (uint32_t)i;
	s->kind = (uint8_t)fr_build_call_kind(b, r->st_call);
	s->via = (uint16_t)r->st_call;
	if ((s->kind == SPAN_RECV || s->kind == SPAN_SEND) &&
	    !fr_build_fd_is_socket(b, r->st_object))
		s->kind = SPAN_FILE;
	s->flags = SPAN_OPEN;
	s->start_ns = fr_recording_ns(b->rec, r->st_since);
	s->stack = r->st_stack;
	s->owner = fr_build_tid(b, r->st_owner, s->start_ns);
	if (s->start_ns > m->end_ns)
		m->end_ns = s->start_ns;
	open_object(b, s, r);
}

/* A thread in a condition wait has given its mutex back for that time. */
static bool given_up(const struct model *m, const struct thread *t, uint32_t lock)
{
	return t->open != MODEL_NONE && m->spans[t->open].kind == SPAN_COND &&
	       m->spans[t->open].object2 == lock;
}

static void held_add(struct build *b, size_t i)
{
	const struct fr_thread_rec *r = &b->m->threads[i].rec->r;
	struct thread *t = &b->m->threads[i];
	uint32_t k, n = r->n_held < FR_HELD_MAX ? r->n_held : FR_HELD_MAX;

	if (r->x_life != FR_THREAD_LIVE)
		return;
	t->held_total = n + r->held_more; /* of these none may be in the list */
	if (!n)
		return;
	t->held = fr_arena_alloc(&b->m->arena, n * sizeof(*t->held));
	for (k = 0; k < n; k++) {
		const struct fr_held *h = &r->held[k];
		uint32_t lock = fr_build_lock(b, h->addr);

		if (lock == MODEL_NONE)
			continue;
		t->held[t->n_held++] = (struct held){
			.since_ns = h->since ? fr_recording_ns(b->rec, h->since) : 0,
			.lock = lock,
			.stack = h->stack,
			.kind = h->kind,
			.at_least = h->flags & FR_HELD_SINCE_SEEN,
		};
		if (b->m->locks[lock].kind == FR_HELD_MUTEX)
			b->m->locks[lock].kind = (uint8_t)h->kind;
		if (!given_up(b->m, t, lock)) {
			b->m->locks[lock].owner = (uint32_t)i;
			b->m->locks[lock].owner_stack = h->stack;
		}
	}
}

static void thread_end(struct build *b, struct thread *t)
{
	const struct fr_thread_rec *r = &t->rec->r;

	t->last_stack = t->n_last ? t->last[(t->n_last - 1) % MODEL_LAST].stack : 0;
	if (r->x_life == FR_THREAD_DEAD) {
		t->state = THREAD_EXITED;
		t->end_ns = r->end ? fr_recording_ns(b->rec, r->end) : t->rec->last_ns;
	} else if (fr_recording_death(b->rec) == FR_DEATH_CRASH && b->rec->crash.tid == t->tid) {
		t->state = THREAD_CRASHED;
	}
}

static void lock_life(struct build *b)
{
	const struct section_view *v = &b->rec->sec[FR_SEC_LOCKS];
	struct fr_lock_rec r;
	uint64_t at;

	for (at = 0; v->data && at + sizeof(r) <= v->size; at += sizeof(r)) {
		struct lock *l;
		uint32_t i;

		memcpy(&r, v->data + at, sizeof(r));
		i = fr_build_lock(b, r.x_addr);
		if (i == MODEL_NONE)
			continue;
		l = &b->m->locks[i];
		l->life_waits = r.x_waits;
		l->life_wait_ns = fr_recording_dur_ns(b->rec, r.x_wait_ticks);
		l->life_max_wait_ns = fr_recording_dur_ns(b->rec, r.x_max_wait);
		l->life_late = r.x_late;
		l->first_stack = r.first_stack;
		if (r.kind <= FR_HELD_SPIN)
			l->kind = (uint8_t)r.kind;
	}
}

void fr_build_states(struct build *b)
{
	struct model *m = b->m;
	size_t i;

	for (i = 0; i < m->n_threads; i++)
		open_span(b, i);
	for (i = 0; i < m->n_spans; i++) {
		struct span *s = &m->spans[i];

		if (s->flags & SPAN_OPEN) {
			s->end_ns = m->end_ns;
			m->threads[s->thread].wait_ns[s->kind] += fr_span_ns(s);
		}
	}
	for (i = 0; i < m->n_threads; i++) {
		thread_end(b, &m->threads[i]);
		held_add(b, i);
	}
	lock_life(b);
}
