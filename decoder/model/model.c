/* SPDX-License-Identifier: MIT */
/*
 * model.c - makes a model in its stages, and answers simple questions about it.
 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "model/build.h"

#define WAIT_KIND(number, NAME, name, call) [SPAN_##NAME] = name,
static const char *const kind_names[SPAN_KINDS] = {
#include "preload/wire/waits.def"
};
#undef WAIT_KIND

#define WAIT_KIND(number, NAME, name, call) [SPAN_##NAME] = call,
static const char *const kind_calls[SPAN_KINDS] = {
#include "preload/wire/waits.def"
};
#undef WAIT_KIND

const char *fr_span_kind_name(unsigned int kind)
{
	return kind < SPAN_KINDS && kind_names[kind] ? kind_names[kind] : "?";
}

const char *fr_span_call(const struct model *m, const struct span *s)
{
	bool futex = s->kind == SPAN_FUTEX || s->kind == SPAN_FUTEX_LOCK; /* its hook is syscall */
	const char *name = s->via && !futex ? fr_recording_call(m->rec, s->via) : "?";

	return strcmp(name, "?") ? name : kind_calls[s->kind];
}

bool fr_span_is_timed(const struct model *m, const struct span *s)
{
	const char *name = fr_span_call(m, s);

	return s->flags & SPAN_TIMED || strstr(name, "timed") || strstr(name, "clock") ||
	       strstr(name, "try");
}

uint32_t fr_model_lock_at(const struct model *m, uint64_t addr)
{
	size_t i;

	for (i = 0; i < m->n_locks; i++) {
		if (m->locks[i].addr == addr)
			return (uint32_t)i;
	}
	return MODEL_NONE;
}

const struct hold *fr_model_last_release(const struct model *m, uint32_t lock)
{
	const struct lock *l = &m->locks[lock];

	for (uint32_t i = l->n_holds; i-- > 0;) {
		const struct hold *h = &m->holds[l->first_hold + i];

		if (!h->open && !h->witnessed)
			return h;
	}
	return NULL;
}

static void free_build(struct build *b)
{
	fr_map_free(&b->lock_by_addr);
	fr_map_free(&b->futex_by_addr);
	fr_map_free(&b->work_by_stack);
	fr_map_free(&b->thread_by_tid);
	fr_map_free(&b->thread_by_handle);
	free(b->lp);
	free(b->tp);
	free(b->creates);
	free(b->fd_now);
	fr_connections_free(b);
	fr_map_free(&b->watch_by_key);
	free(b->flows);
	free(b->ready);
	free(b->polled);
	free(b->waits);
	free(b->watches);
}

static void know_futexes(struct build *b, const struct futexes *known)
{
	bool is_new;

	for (size_t i = 0; i < known->n_locks; i++) {
		if (known->locks[i].addr)
			*fr_map_slot(&b->futex_by_addr, known->locks[i].addr, &is_new) =
				(uint32_t)i;
	}
	for (size_t i = 0; i < known->n_work; i++)
		*fr_map_slot(&b->work_by_stack, known->work[i], &is_new) = 1;
}

/*
 * START: what is known of futexes, and whether every lock call is recorded, to begin with; *BEGAN:
 * whether it was so, as far as anything says.
 */
static struct model *build(const struct recording *rec, const struct build *start, bool *began)
{
	struct model *m = fr_mem_alloc(sizeof(*m));
	struct build b = *start;
	bool full = start->full;
	size_t i;

	b.m = m;
	b.rec = rec;
	know_futexes(&b, b.known);

	m->rec = rec;
	m->start_ns = rec->start_ns;
	m->end_ns = rec->end_ns;
	m->common_ns = rec->common_start_ns;
	m->dead = rec->source == RECORDING_LEFT;
	memcpy(m->least, rec->hdr.levels, sizeof(m->least));
	b.net_full = rec->hdr.levels[FR_CLASS_NET] == FR_LEVEL_FULL;
	for (i = 0; i < rec->n_threads; i++) {
		if (rec->threads[i].overwritten)
			m->sure_ns = m->common_ns;
	}
	fr_build_threads(&b);
	fr_build_pass(&b);
	fr_build_states(&b);
	fr_build_sock_end(&b);
	fr_build_index(&b);
	fr_build_owners(&b);
	fr_build_holds(&b);
	fr_build_order(&b);
	fr_model_check(m);
	*began = b.lock_before ? b.lock_before == FR_LEVEL_FULL : full;
	free_build(&b);
	return m;
}

/* The header has the level at the end. Where it was another at the start, all is done again. */
struct model *fr_model_build_knowing(const struct recording *rec, const struct futexes *known,
				     struct diag *d)
{
	bool at_end = rec->hdr.levels[FR_CLASS_LOCK] == FR_LEVEL_FULL, began, same;
	struct build start = {.full = at_end, .known = known};
	struct model *m = build(rec, &start, &began);

	if (began != at_end) {
		fr_model_free(m);
		start.full = began;
		m = build(rec, &start, &same);
	}
	if (m->locks_left_out)
		diag_add(d, DIAG_NOTE, "more than %u different locks: %llu lock events left out",
			 MODEL_LOCKS_MAX, (unsigned long long)m->locks_left_out);
	return m;
}

struct model *fr_model_build(const struct recording *rec, struct diag *d)
{
	static const struct futexes nothing;

	return fr_model_build_knowing(rec, &nothing, d);
}

void fr_model_free(struct model *m)
{
	if (!m)
		return;
	fr_arena_free(&m->arena);
	free(m->failures);
	free(m->threads);
	free(m->locks);
	free(m->socks);
	free(m->spans);
	free(m->holds);
	free(m->lock_waits);
	free(m->thread_spans);
	free(m);
}
