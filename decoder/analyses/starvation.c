/* SPDX-License-Identifier: MIT */
/*
 * starvation.c - rule writer-starvation: a writer waits, and readers keep coming.
 *
 * An rwlock that prefers readers lets one more in whenever another has it: the writer's turn never
 * comes. Every release while somebody waits is recorded: many of them by threads that never
 * asked to write, during one wait of a writer, are the proof. A single long reader is none.
 */
#include <stdlib.h>

#include "analyses/analysis.h"
#include "analyses/holders.h"
#include "base/mem.h"

#define WAIT_NS 500000000ull
#define RELEASES 10u
#define READERS 2u
#define STACKS 3u /* of readers */

struct starved {
	const struct span *wait; /* the longest such wait of a writer */
	uint32_t releases; /* by readers, meanwhile */
	uint32_t readers; /* different threads */
	uint64_t ns; /* of all such waits */
};

/* Threads that have waited to write: their releases may have been a writer's. */
static void find_writers(const struct model *m, const struct lock *l, bool *writes)
{
	for (uint32_t i = 0; i < l->waits; i++) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		writes[s->thread] |= s->kind == SPAN_WRLOCK;
	}
}

static void count(const struct model *m, const struct lock *l, const struct span *s,
		  const bool *writes, struct starved *out)
{
	bool *seen = fr_mem_alloc(m->n_threads + 1);
	struct starved now = {.wait = s, .ns = out->ns};

	for (uint32_t i = 0; i < l->n_holds; i++) {
		const struct hold *h = &m->holds[l->first_hold + i];

		if (h->open || h->thread == MODEL_NONE || writes[h->thread] ||
		    h->end_ns < s->start_ns || h->end_ns > s->end_ns)
			continue;
		now.releases++;
		now.readers += !seen[h->thread];
		seen[h->thread] = true;
	}
	free(seen);
	if (now.releases < RELEASES || now.readers < READERS)
		return;
	now.ns += fr_span_ns(s);
	if (out->wait && fr_span_ns(out->wait) >= fr_span_ns(s))
		out->ns = now.ns;
	else
		*out = now;
}

static struct starved starved_at(const struct model *m, const struct lock *l)
{
	bool *writes = fr_mem_alloc(m->n_threads + 1);
	struct starved st = {0};

	find_writers(m, l, writes);
	for (uint32_t i = 0; i < l->waits; i++) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (s->kind == SPAN_WRLOCK && fr_span_ns(s) >= WAIT_NS)
			count(m, l, s, writes, &st);
	}
	free(writes);
	return st;
}

/* Who has it now, and where; a release may be a tail call, whose function no stack shows. */
static void tell_readers(struct analysis *a, struct finding *f, uint32_t lock,
			 const struct span *wait)
{
	const struct model *m = a->m;
	const struct lock *l = &m->locks[lock];
	uint32_t told = 0, i;

	for (i = 0; i < m->n_threads && told < STACKS; i++) {
		const struct held *h = fr_model_held(m, i, lock);
		const struct thread *t = &m->threads[i];

		if (!h || h->kind != FR_HELD_RDLOCK)
			continue;
		fr_finding_thread(f, i);
		fr_finding_stack(f,
				 fr_name_fmt(a->names, "%s has it as a reader, and is here",
					     fr_name_thread(a->names, i)),
				 t->open == MODEL_NONE ? t->last_stack : m->spans[t->open].stack);
		told++;
	}
	for (i = l->n_holds; i-- > 0 && told < 2 * STACKS;) {
		const struct hold *h = &m->holds[l->first_hold + i];

		if (h->open || h->thread == wait->thread || h->end_ns > wait->end_ns)
			continue;
		fr_finding_thread(f, h->thread);
		fr_finding_event(f, h->event);
		fr_finding_stack(f,
				 fr_name_fmt(a->names,
					     "%s gave it back in or before this, as a "
					     "reader",
					     fr_name_thread(a->names, h->thread)),
				 h->rel_stack);
		told += STACKS;
	}
}

static void tell(struct analysis *a, uint32_t lock, const struct starved *st)
{
	struct finding *f = fr_finding_new(a);
	struct names *n = a->names;
	uint64_t ns = fr_span_ns(st->wait);
	bool open = st->wait->flags & SPAN_OPEN;

	f->impact_ns = f->rank = st->ns;
	f->score = fr_score(st->ns, WAIT_NS);
	f->severity = SEVERITY_WARN;
	f->title = fr_name_fmt(n,
			       "writer starved: %s %s %s for rwlock %s, while %u readers gave it "
			       "back %u times",
			       fr_name_thread(n, st->wait->thread),
			       open ? "has been waiting" : "waited", fr_name_ns(n, ns),
			       fr_name_lock(n, lock), st->readers, st->releases);
	f->site = fr_name_site(n, st->wait->stack);
	f->why = "the lock lets readers in while a writer waits: as long as one of them always has "
		 "it, the writer's turn does not come";
	f->next = "let writers go first (PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP), or read "
		  "under a mutex";
	fr_finding_thread(f, st->wait->thread);
	fr_finding_event(f, st->wait->event);
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, st->wait->thread)),
			 st->wait->stack);
	tell_readers(a, f, lock, st->wait);
	a->explained[lock] = UINT64_MAX;
}

enum rule_result fr_rule_starvation(struct analysis *a)
{
	bool found = false;

	for (uint32_t i = 0; i < a->m->n_locks; i++) {
		const struct lock *l = &a->m->locks[i];
		struct starved st;

		if (!l->waits || l->max_wait_ns < WAIT_NS ||
		    (l->kind != FR_HELD_RDLOCK && l->kind != FR_HELD_WRLOCK))
			continue;
		st = starved_at(a->m, l);
		if (!st.wait)
			continue;
		tell(a, i, &st);
		found = true;
	}
	return found ? RULE_FOUND : RULE_OK;
}
