/* SPDX-License-Identifier: MIT */
/*
 * stuck.c - rule stuck-thread: threads that have been waiting for one thing for long.
 *
 * Only waits that are not over count, and only for what somebody owes: see model/stands.c. An
 * answer that takes long may be a long poll: it is a fault only where the same place got its
 * answers much sooner before, or where others wait for the thread.
 */
#include <stdlib.h>

#include "analyses/analysis.h"
#include "base/mem.h"
#include "model/stands.h"

#define HALF_SCORE_NS 10000000000ull
#define USUAL_MIN 3u /* waits from which on what is usual at a place is known */
#define USUAL_TIMES 4u /* so much longer than the longest of them is not usual */

/* Why THREAD counts as stuck, as a key: waits with the same key are one finding. 0 = it does not.
 */
static uint64_t stuck_on(const struct analysis *a, uint32_t thread)
{
	const struct span *s;

	if (a->in_cycle[thread] || !fr_thread_is_stuck(a->m, thread))
		return 0;
	s = &a->m->spans[a->m->threads[thread].open];
	return fr_span_is_lock(s) ? (1ull << 40) + s->object : (2ull << 40) + s->stack;
}

/* ---- what is usual --------------------------------------------------------------------------- */

struct usual {
	uint32_t n;
	uint64_t longest_ns;
};

/* The waits of S's kind at its place that are over, of all threads. */
static struct usual usual_at(const struct model *m, const struct span *s)
{
	struct usual u = {0};

	for (size_t i = 0; i < m->n_spans; i++) {
		const struct span *e = &m->spans[i];

		if (e->kind != s->kind || e->stack != s->stack ||
		    e->flags & (SPAN_OPEN | SPAN_FAILED))
			continue;
		u.n++;
		if (fr_span_ns(e) > u.longest_ns)
			u.longest_ns = fr_span_ns(e);
	}
	return u;
}

static bool is_waited_for(const struct model *m, uint32_t thread)
{
	for (uint32_t i = 0; i < m->n_threads; i++) {
		const struct span *s =
			m->threads[i].open == MODEL_NONE ? NULL : &m->spans[m->threads[i].open];

		if (!s || s->object == MODEL_NONE || m->threads[i].end_ns)
			continue;
		if ((s->kind == SPAN_JOIN && s->object == thread) ||
		    (fr_span_is_lock(s) && m->locks[s->object].owner == thread))
			return true;
	}
	return false;
}

/* How sure it is that the wait S for a peer is a fault. */
static enum severity peer_severity(struct analysis *a, struct finding *f, const struct span *s)
{
	struct usual u = usual_at(a->m, s);
	bool known = u.n >= USUAL_MIN, longer = fr_span_ns(s) / USUAL_TIMES > u.longest_ns;

	if (known)
		fr_finding_line(f,
				fr_name_fmt(a->names,
					    "before, this place waited %u times, %s at most", u.n,
					    fr_name_ns(a->names, u.longest_ns)),
				NULL);
	if (is_waited_for(a->m, s->thread))
		return SEVERITY_WARN;
	if (known)
		return longer ? SEVERITY_WARN : SEVERITY_INFO;
	return s->kind == SPAN_RECV ? SEVERITY_INFO : SEVERITY_WARN;
}

/* What the thread that holds the lock is doing, as a further line. */
static void tell_owner(struct analysis *a, struct finding *f, uint32_t lock)
{
	struct names *n = a->names;
	uint32_t owner = a->m->locks[lock].owner;
	const struct thread *t;

	if (owner == MODEL_NONE) {
		fr_finding_line(f, "who holds the lock is not known", NULL);
		return;
	}
	t = &a->m->threads[owner];
	fr_finding_thread(f, owner);
	if (t->open == MODEL_NONE) {
		fr_finding_line(f,
				fr_name_fmt(n, "it is held by %s, which is running or runnable",
					    fr_name_thread(n, owner)),
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
	f->title = fr_name_fmt(n, "%s%s has been waiting for %s in %s",
			       fr_name_thread(n, worst->thread), more,
			       fr_name_ns(n, fr_span_ns(worst)), fr_name_wait(n, worst));
	f->site = fr_name_site(n, worst->stack);
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, worst->thread)),
			 worst->stack);
	if (f->severity < SEVERITY_WARN)
		f->severity = SEVERITY_WARN;
	if (fr_span_is_lock(worst)) {
		f->why = "the lock has not been given back in all that time";
		f->next = fr_name_fmt(n, "look at its holder: fr threads, fr locks -l L%u",
				      m->locks[worst->object].handle);
		tell_owner(a, f, worst->object);
		a->explained[worst->object] = UINT64_MAX;
		return;
	}
	if (peer_severity(a, f, worst) < SEVERITY_WARN) {
		f->severity = SEVERITY_INFO;
		f->why = "the peer has not answered; nobody waits for the thread, and nothing here "
			 "says that so long a wait is not usual";
	} else {
		f->why =
			"the peer has not answered, and the call has no time limit that came first";
	}
	f->next = "look at the peer; give the socket a timeout (SO_RCVTIMEO, poll)";
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
	return found ? RULE_FOUND : RULE_OK;
}
