/* SPDX-License-Identifier: MIT */
/*
 * stuck.c - rule stuck-thread: threads that have been waiting for one thing for long.
 *
 * Only waits that are not over count, and only those that a healthy program does not have: for a
 * lock, or for an answer of a peer that the program itself had called. Threads that wait for work
 * (accept, poll, a condition, a client's next request, a join) are idle, not stuck.
 */
#include <stdlib.h>

#include "analyses/analysis.h"
#include "base/mem.h"

#define PEER_NS 5000000000ull
#define HALF_SCORE_NS 10000000000ull

/* A futex that somebody has, and who is not recorded: perhaps one of those that hang as well. */
static bool nobody_known(const struct model *m, const struct span *s)
{
	return fr_span_is_lock(s) && m->locks[s->object].futex &&
	       m->locks[s->object].owner == MODEL_NONE;
}

/* Why THREAD counts as stuck, as a key: waits with the same key are one finding. 0 = it does not.
 */
static uint64_t stuck_on(const struct analysis *a, uint32_t thread)
{
	const struct thread *t = &a->m->threads[thread];
	const struct span *s;

	if (t->open == MODEL_NONE || t->end_ns || a->in_cycle[thread])
		return 0;
	s = &a->m->spans[t->open];
	if (s->object == MODEL_NONE)
		return 0;
	if (fr_span_is_lock(s) && nobody_known(a->m, s) && fr_span_ns(s) >= STUCK_LOCK_NS)
		return 3ull << 40;
	if (fr_span_is_lock(s))
		return fr_span_ns(s) >= STUCK_LOCK_NS ? (1ull << 40) + s->object : 0;
	if ((s->kind == SPAN_RECV || s->kind == SPAN_SEND || s->kind == SPAN_CONNECT ||
	     s->kind == SPAN_TLS) &&
	    a->m->socks[s->object].role == SOCK_CONNECTED && fr_span_ns(s) >= PEER_NS)
		return (2ull << 40) + s->stack;
	return 0;
}

static void tell_last_release(struct analysis *a, struct finding *f, uint32_t lock)
{
	const struct hold *h = fr_model_last_release(a->m, lock);
	struct names *n = a->names;

	fr_finding_line(f, "who holds the lock is not known", NULL);
	if (!a->m->locks[lock].futex || !h || fr_known_is_parked(a->m->locks[lock].known))
		return;
	fr_finding_line(f,
			fr_name_fmt(n, "%s gave it back last, %s before the end",
				    fr_name_thread(n, h->thread),
				    fr_name_ns(n, a->m->end_ns - h->end_ns)),
			fr_name_site(n, h->rel_stack));
	fr_finding_stack(f, fr_name_fmt(n, "%s gave it back here", fr_name_thread(n, h->thread)),
			 h->rel_stack);
	fr_finding_event(f, h->event);
}

/* What the thread that holds the lock is doing, as a further line. */
static void tell_owner(struct analysis *a, struct finding *f, uint32_t lock)
{
	struct names *n = a->names;
	uint32_t owner = a->m->locks[lock].owner;
	const struct thread *t;

	if (owner == MODEL_NONE) {
		tell_last_release(a, f, lock);
		return;
	}
	t = &a->m->threads[owner];
	fr_finding_thread(f, owner);
	if (t->open == MODEL_NONE) {
		fr_finding_line(f,
				fr_name_fmt(n, "it is held by %s, which is %s",
					    fr_name_thread(n, owner), fr_name_task(n, a->m, owner)),
				fr_name_site(n, t->last_stack));
		fr_finding_stack(f, fr_name_fmt(n, "last event of %s", fr_name_thread(n, owner)),
				 t->last_stack);
		return;
	}
	fr_finding_line(f,
			fr_name_fmt(n, "it is held by %s, which is blocked in %s for %s",
				    fr_name_thread(n, owner),
				    fr_name_wait(n, &a->m->spans[t->open]),
				    fr_name_ns(n, fr_span_ns(&a->m->spans[t->open]))),
			fr_name_site(n, a->m->spans[t->open].stack));
	fr_finding_stack(f, fr_name_fmt(n, "%s is blocked here", fr_name_thread(n, owner)),
			 a->m->spans[t->open].stack);
}

/* Those beside WORST, each with what it waits for. */
static void tell_each(struct analysis *a, struct finding *f, const struct span *worst,
		      const uint32_t *threads, size_t count)
{
	struct names *n = a->names;

	for (size_t i = 0; i < count; i++) {
		const struct span *s = &a->m->spans[a->m->threads[threads[i]].open];

		a->explained[s->object] = UINT64_MAX;
		if (s == worst)
			continue;
		fr_finding_line(f,
				fr_name_fmt(n, "%s has been waiting for %s in %s",
					    fr_name_thread(n, s->thread),
					    fr_name_ns(n, fr_span_ns(s)), fr_name_wait(n, s)),
				fr_name_site(n, s->stack));
		fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, s->thread)),
				 s->stack);
	}
	if (count > 1)
		f->why = "who holds these locks is not recorded: if each of the threads has one "
			 "that another waits for, it is a deadlock";
}

static void tell(struct analysis *a, const uint32_t *threads, size_t count)
{
	const struct model *m = a->m;
	const struct span *worst = &m->spans[m->threads[threads[0]].open];
	struct finding *f = fr_finding_new(a);
	struct names *n = a->names;
	const char *more = "";
	size_t i;

	for (i = 0; i < count; i++) {
		const struct span *s = &m->spans[m->threads[threads[i]].open];

		worst = s->start_ns < worst->start_ns ? s : worst;
		f->impact_ns += fr_span_ns(s);
	}
	fr_finding_thread(f, worst->thread);
	for (i = 0; i < count; i++)
		fr_finding_thread(f, threads[i]);
	if (count > 1)
		more = fr_name_fmt(n, " (and %zu other%s)", count - 1, count > 2 ? "s" : "");
	f->rank = f->impact_ns;
	f->score = fr_score(f->impact_ns, HALF_SCORE_NS);
	f->severity = fr_severity_of(f->score);
	if (f->severity < SEVERITY_WARN)
		f->severity = SEVERITY_WARN;
	f->title = fr_name_fmt(n, "%s%s has been waiting for %s in %s",
			       fr_name_thread(n, worst->thread), more,
			       fr_name_ns(n, fr_span_ns(worst)), fr_name_wait(n, worst));
	f->site = fr_name_site(n, worst->stack);
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, worst->thread)),
			 worst->stack);
	if (fr_span_is_lock(worst)) {
		f->why = "the lock has not been given back in all that time";
		f->next = fr_name_fmt(n, "look at its holder: fr threads, fr locks -l L%u",
				      m->locks[worst->object].handle);
		tell_owner(a, f, worst->object);
		if (nobody_known(m, worst))
			tell_each(a, f, worst, threads, count);
		a->explained[worst->object] = UINT64_MAX;
	} else {
		f->why =
			"the peer has not answered, and the call has no time limit that came first";
		f->next = "look at the peer; give the socket a timeout (SO_RCVTIMEO, poll)";
	}
}

struct stuck {
	uint64_t key;
	uint32_t thread;
};

static int by_key(const void *x, const void *y)
{
	const struct stuck *a = x, *b = y;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->thread < b->thread ? -1 : a->thread > b->thread;
}

enum rule_result fr_rule_stuck(struct analysis *a)
{
	struct stuck *list = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*list));
	uint32_t *threads = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*threads));
	size_t i, n = 0, k;
	bool found = false;

	for (i = 0; i < a->m->n_threads; i++) {
		list[n] = (struct stuck){stuck_on(a, (uint32_t)i), (uint32_t)i};
		n += list[n].key != 0;
	}
	qsort(list, n, sizeof(*list), by_key);
	for (i = 0; i < n; i += k) {
		for (k = 0; i + k < n && list[i + k].key == list[i].key; k++)
			threads[k] = list[i + k].thread;
		tell(a, threads, k);
		found = true;
	}
	free(threads);
	free(list);
	if (!a->m->rec->sec[FR_SEC_THREADS].data)
		return RULE_NO_DATA;
	return found ? RULE_FOUND : RULE_OK;
}
