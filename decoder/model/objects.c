/* SPDX-License-Identifier: MIT */
/*
 * objects.c - the tables that all stages fill: spans, holds, locks by address, threads by number
 * and handle.
 */
#include <string.h>

#include "model/build.h"

struct span *fr_build_span(struct build *b)
{
	struct model *m = b->m;
	struct span *s;

	if (m->n_spans == b->cap_spans)
		m->spans = fr_mem_more(m->spans, &b->cap_spans, m->n_spans + 1, sizeof(*s));
	s = &m->spans[m->n_spans++];
	memset(s, 0, sizeof(*s));
	s->thread = s->object = s->object2 = s->owner = s->waker = MODEL_NONE;
	return s;
}

struct hold *fr_build_hold(struct build *b)
{
	struct model *m = b->m;
	struct hold *h;

	if (m->n_holds == b->cap_holds)
		m->holds = fr_mem_more(m->holds, &b->cap_holds, m->n_holds + 1, sizeof(*h));
	h = &m->holds[m->n_holds++];
	memset(h, 0, sizeof(*h));
	return h;
}

/* What the caller knew of futexes. */
static void futex_lock(const struct build *b, struct lock *l)
{
	const struct map_slot *s;
	const struct futex_known *k;

	if (!b->futex_by_addr.slots)
		return;
	s = fr_map_find(&b->futex_by_addr, l->addr);
	if (!s->key)
		return;
	k = &b->known->locks[s->value];
	l->futex = k->kind;
	l->known = k->known;
	if (k->kind == FUTEX_SHARED)
		l->kind = FR_HELD_WRLOCK;
}

static uint32_t new_lock(struct build *b, uint64_t addr)
{
	struct model *m = b->m;
	struct lock *l;

	m->locks = fr_mem_grow(m->locks, &b->cap_locks, m->n_locks + 1, sizeof(*m->locks));
	b->lp = fr_mem_grow(b->lp, &b->cap_lp, m->n_locks + 1, sizeof(*b->lp));
	l = &m->locks[m->n_locks];
	memset(l, 0, sizeof(*l));
	l->addr = addr;
	l->owner = MODEL_NONE;
	futex_lock(b, l);
	b->lp[m->n_locks] = (struct lock_pass){
		.by = {.thread = MODEL_NONE}, .last_taker = MODEL_NONE, .moved_to = MODEL_NONE};
	return (uint32_t)m->n_locks++;
}

uint32_t fr_build_lock_add(struct build *b, uint64_t addr)
{
	uint32_t *value;
	bool is_new;

	if (b->m->n_locks >= MODEL_LOCKS_MAX) {
		b->m->locks_left_out++;
		return MODEL_NONE;
	}
	value = fr_map_slot(&b->lock_by_addr, addr, &is_new);
	*value = new_lock(b, addr);
	return *value;
}

void fr_build_sync(struct build *b, uint32_t lock, enum span_kind kind)
{
	if (lock == MODEL_NONE)
		return;
	b->m->locks[lock].is_cond = true;
	b->m->locks[lock].sync = (uint8_t)kind;
}

uint32_t fr_build_tid(struct build *b, uint32_t tid, uint64_t ns)
{
	struct map_slot *s;
	long i;

	if (!tid || !b->thread_by_tid.slots)
		return MODEL_NONE;
	s = fr_map_find(&b->thread_by_tid, tid);
	if (!s->key)
		return MODEL_NONE;
	if (s->value != MODEL_NONE)
		return s->value;
	i = fr_recording_thread_by_tid(b->rec, tid, ns);
	return i < 0 ? MODEL_NONE : (uint32_t)i;
}

uint32_t fr_build_handle(const struct build *b, uint64_t handle)
{
	const struct map_slot *s;

	if (!handle || !b->thread_by_handle.slots)
		return MODEL_NONE;
	s = fr_map_find(&b->thread_by_handle, handle);
	return s->key ? s->value : MODEL_NONE;
}

void fr_build_handle_set(struct build *b, uint64_t handle, uint32_t thread)
{
	bool is_new;

	if (handle)
		*fr_map_slot(&b->thread_by_handle, handle, &is_new) = thread;
}

enum span_kind fr_build_call_kind(const struct build *b, uint64_t call)
{
	enum fr_wait_kind kind = fr_recording_call_wait(b->rec, (uint32_t)call);

	return kind == FR_WAIT_NONE ? SPAN_OTHER : (enum span_kind)kind;
}
