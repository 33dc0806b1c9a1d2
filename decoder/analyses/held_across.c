/* SPDX-License-Identifier: MIT */
/*
 * held_across.c - rule lock-held-across-blocking-call.
 *
 * A hold that made others wait is laid over the holder's own blocking calls. Where a call covers
 * a good part of the hold, the call is why the others waited. Occurrences are gathered: all locks
 * of one class that one thread held during one call are one occurrence, and the same call site
 * with the same class is one finding, told by its worst occurrence. A hold whose start is only
 * estimated counts where a proven one of the same place and class stands beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/analysis.h"
#include "base/mem.h"

#define MIN_BLOCKED_NS 1000000ull /* the call itself */
#define MIN_INFLICTED_NS 5000000ull /* what all occurrences of a finding cost together */
#define MIN_SHARE 4 /* the call covers at least 1/MIN_SHARE of the hold */
#define HALF_SCORE_NS 140000000ull /* thread time at which the score is 50 */
#define MAYBE_MEANT_SCORE 20 /* at most, where the call waits for work */
#define COST_WAITS 4000000u /* waits looked at to count who paid, over all occurrences */

/* One hold with the call that covers most of it. */
struct occurrence {
	const char *class;
	const struct hold *hold;
	const struct span *call; /* the longest of them */
	uint64_t call_ns; /* of that one, inside the hold */
	uint64_t blocked_ns; /* in all calls of this kind and place, inside the hold */
	uint32_t calls;
};

/* The occurrences of one thread in one call; the finding is a run of these. */
struct group {
	size_t first;
	size_t n;
	uint64_t inflicted_ns;
};

static bool blocks(const struct hold *h, const struct span *s)
{
	if (fr_span_is_lock(s))
		return false;
	return s->kind != SPAN_COND || s->object2 != h->lock;
}

static uint64_t overlap(const struct hold *h, const struct span *s)
{
	uint64_t from = s->start_ns > h->start_ns ? s->start_ns : h->start_ns;
	uint64_t to = s->end_ns < h->end_ns ? s->end_ns : h->end_ns;

	return to > from ? to - from : 0;
}

/* Fills O with the kind of call that H's thread spent most of the hold in. */
static bool find_call(const struct model *m, const struct hold *h, struct occurrence *o)
{
	const struct thread *t = &m->threads[h->thread];
	const uint32_t *spans = m->thread_spans + t->first_span;
	uint32_t i, at = fr_spans_over(m, spans, t->n_spans, h->start_ns);

	*o = (struct occurrence){.hold = h};
	for (i = at; i < t->n_spans; i++) {
		const struct span *s = &m->spans[spans[i]];

		if (s->start_ns >= h->end_ns)
			break;
		if (blocks(h, s) && overlap(h, s) > o->call_ns) {
			o->call_ns = overlap(h, s);
			o->call = s;
		}
	}
	for (i = at; o->call && i < t->n_spans; i++) {
		const struct span *s = &m->spans[spans[i]];

		if (s->start_ns >= h->end_ns)
			break;
		if (s->kind == o->call->kind && s->stack == o->call->stack && overlap(h, s)) {
			o->blocked_ns += overlap(h, s);
			o->calls++;
		}
	}
	return o->blocked_ns >= MIN_BLOCKED_NS &&
	       o->blocked_ns * MIN_SHARE >= h->end_ns - h->start_ns;
}

static size_t collect(struct analysis *a, struct occurrence **out)
{
	const struct model *m = a->m;
	struct occurrence *list = NULL, o;
	size_t i, n = 0, cap = 0;

	for (i = 0; i < m->n_holds; i++) {
		const struct hold *h = &m->holds[i];

		if (h->thread == MODEL_NONE || h->quality == HOLD_UNKNOWN ||
		    h->inflicted_ns < MIN_BLOCKED_NS / 10 || a->in_cycle[h->thread] ||
		    !find_call(m, h, &o))
			continue;
		o.class = fr_name_class(a->names, h->lock);
		list = fr_mem_grow(list, &cap, n + 1, sizeof(*list));
		list[n++] = o;
	}
	*out = list;
	return n;
}

static int by_site(const struct occurrence *x, const struct occurrence *y)
{
	if (x->class != y->class)
		return strcmp(x->class, y->class);
	if (x->call->kind != y->call->kind)
		return x->call->kind - y->call->kind;
	return x->call->stack < y->call->stack ? -1 : x->call->stack > y->call->stack;
}

static bool proven(const struct occurrence *o)
{
	return o->hold->quality >= HOLD_AT_LEAST;
}

static int by_call(const void *a, const void *b)
{
	const struct occurrence *x = a, *y = b;
	int c = by_site(x, y);

	if (c)
		return c;
	if (x->call != y->call)
		return x->call < y->call ? -1 : 1;
	if (proven(x) != proven(y))
		return proven(x) ? -1 : 1;
	if (x->hold->inflicted_ns != y->hold->inflicted_ns)
		return x->hold->inflicted_ns > y->hold->inflicted_ns ? -1 : 1;
	return x->hold < y->hold ? -1 : x->hold > y->hold;
}

/* What is proven of it decides which group is the worst: see by_call() for the order. */
static struct group group_at(const struct occurrence *list, size_t from, size_t end)
{
	struct group g = {.first = from};

	while (from + g.n < end && list[from + g.n].call == list[from].call) {
		if (proven(&list[from + g.n]))
			g.inflicted_ns += list[from + g.n].hold->inflicted_ns;
		g.n++;
	}
	return g;
}

/* The waiters of a hold: threads into F and SEEN; returns the one that waited longest. */
static const struct span *waiters(struct analysis *a, const struct hold *h, struct finding *f,
				  bool *seen, uint32_t *left, const struct span *worst)
{
	const struct model *m = a->m;
	const struct lock *l = &m->locks[h->lock];
	const uint32_t *waits = m->lock_waits + l->first_wait;
	uint32_t i;

	for (i = fr_spans_over(m, waits, l->waits, h->start_ns); i < l->waits && *left; i++) {
		const struct span *s = &m->spans[waits[i]];

		--*left;
		if (s->end_ns > h->end_ns + l->max_wait_ns)
			break;
		if (!overlap(h, s) || s->thread == h->thread)
			continue;
		seen[s->thread] = true;
		fr_finding_thread(f, s->thread);
		fr_finding_event(f, s->event);
		if (!worst || fr_span_ns(s) > fr_span_ns(worst))
			worst = s;
	}
	return worst;
}

/* Locks of the same class that the holder still has, beyond those that somebody waits for. */
static uint32_t others(struct analysis *a, const struct occurrence *o, size_t n)
{
	const struct thread *t = &a->m->threads[o->hold->thread];
	uint32_t i, same = 0;

	if (!o->hold->open)
		return (uint32_t)n - 1;
	for (i = 0; i < t->n_held; i++)
		same += fr_name_class(a->names, t->held[i].lock) == o->class;
	if (same == t->n_held)
		same = t->held_total;
	return (same > n ? same : (uint32_t)n) - 1;
}

static const char *title(struct analysis *a, const struct occurrence *o, size_t n)
{
	struct names *names = a->names;
	uint64_t longest = 0, blocked = 0, call = 0;
	uint32_t more = others(a, o, n);
	const char *and_others = "";
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t ns = o[i].hold->end_ns - o[i].hold->start_ns;

		longest = ns > longest ? ns : longest;
		blocked = o[i].blocked_ns > blocked ? o[i].blocked_ns : blocked;
		call = o[i].call_ns > call ? o[i].call_ns : call;
	}
	if (more)
		and_others = fr_name_fmt(names, " (and %u other%s)", more, more > 1 ? "s" : "");
	if (call * 10 >= longest * 9)
		return fr_name_fmt(
			names, "%s %s %s %s%s for %s while blocked in %s",
			fr_name_thread(names, o->hold->thread), o->hold->open ? "has held" : "held",
			fr_name_lock_kind(a->m, o->hold->lock), fr_name_lock(names, o->hold->lock),
			and_others, fr_name_ns(names, longest), fr_name_wait(names, o->call));
	return fr_name_fmt(
		names, "%s %s %s %s%s for %s, %s of it blocked in %u call%s of %s",
		fr_name_thread(names, o->hold->thread), o->hold->open ? "has held" : "held",
		fr_name_lock_kind(a->m, o->hold->lock), fr_name_lock(names, o->hold->lock),
		and_others, fr_name_ns(names, longest), fr_name_ns(names, blocked), o->calls,
		o->calls == 1 ? "" : "s", fr_name_wait(names, o->call));
}

/* An event loop or accept waits for work, not for an answer: the lock may park the others. */
static bool waits_for_work(const struct model *m, const struct span *call)
{
	return call->kind == SPAN_ACCEPT ||
	       (call->kind == SPAN_POLL && !strncmp(fr_span_call(m, call), "epoll", 5));
}

static bool at_start(const struct analysis *a, const struct occurrence *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!fr_only_at_start(a, list[i].hold->lock))
			return false;
	return true;
}

static const char *why(struct analysis *a, const struct occurrence *o)
{
	struct names *n = a->names;
	const char *taken = fr_name_site(n, o->hold->acq_stack);
	const char *given = fr_name_site(n, o->hold->rel_stack);
	const char *from = taken ? fr_name_fmt(n, "is taken in %s and ", taken) : "";

	if (o->hold->open)
		return fr_name_fmt(n,
				   "the lock %sis still held: the call has not returned; whoever "
				   "needs the lock waits as long as the call takes",
				   from);
	if (!given)
		return "whoever needs the lock waits as long as the call takes";
	return fr_name_fmt(n,
			   "the lock %sis given back only after the call, in %s; whoever needs "
			   "it waits as long as the call takes",
			   from, given);
}

static unsigned int percent(uint64_t part, uint64_t whole)
{
	if (!whole)
		return 0;
	return part < whole ? (unsigned int)((double)part * 100 / (double)whole) : 100;
}

/* What all occurrences cost, and who paid. */
static void tell_cost(struct analysis *a, struct finding *f, const struct occurrence *list,
		      size_t n, size_t calls)
{
	bool *seen = fr_mem_alloc(a->m->n_threads + 1);
	const struct span *worst = NULL;
	uint64_t all = 0;
	unsigned int threads = 0;
	uint32_t left = COST_WAITS;
	size_t i;

	for (i = 0; i < n; i++)
		worst = waiters(a, list[i].hold, f, seen, &left, worst);
	for (i = 0; i < a->m->n_threads; i++)
		threads += seen[i];
	for (i = 0; i < a->m->n_locks; i++)
		all += a->m->locks[i].wait_ns;
	fr_finding_line(f,
			fr_name_fmt(a->names,
				    "%s%u thread%s waited for it, %s of thread time (%u %% of all "
				    "waiting for locks)",
				    left ? "" : "at least ", threads, threads == 1 ? "" : "s",
				    fr_name_ns(a->names, f->impact_ns), percent(f->impact_ns, all)),
			worst ? fr_name_site(a->names, worst->stack) : NULL);
	if (calls > 1)
		fr_finding_line(f,
				fr_name_fmt(a->names,
					    "%zu times in this recording; the worst is shown",
					    calls),
				NULL);
	if (worst)
		fr_finding_stack(f,
				 fr_name_fmt(a->names, "%s waited here, %s",
					     fr_name_thread(a->names, worst->thread),
					     fr_name_ns(a->names, fr_span_ns(worst))),
				 worst->stack);
	free(seen);
}

static void tell(struct analysis *a, const struct occurrence *list, size_t n, struct group worst,
		 size_t calls)
{
	const struct occurrence *o = &list[worst.first];
	struct finding *f = fr_finding_new(a);
	const struct hold *h = o->hold;
	size_t i;

	for (i = 0; i < n; i++) {
		f->impact_ns += list[i].hold->inflicted_ns;
		if (a->explained[list[i].hold->lock] != UINT64_MAX)
			a->explained[list[i].hold->lock] += list[i].hold->inflicted_ns;
		if (list[i].hold->end_ns > a->m->common_ns)
			f->rank += list[i].hold->inflicted_ns;
	}
	f->score = fr_score(f->impact_ns, HALF_SCORE_NS);
	if ((waits_for_work(a->m, o->call) || at_start(a, list, n)) && f->score > MAYBE_MEANT_SCORE)
		f->score = MAYBE_MEANT_SCORE;
	f->severity = fr_severity_of(f->score);
	f->title = title(a, o, worst.n);
	f->site = fr_name_common_site(a->names, o->call->stack,
				      h->rel_stack ? h->rel_stack : h->acq_stack);
	f->why = why(a, o);
	f->next = fr_name_fmt(a->names,
			      "make the call without the lock: copy what it needs, give "
			      "the lock back, then call. See fr locks -l L%u",
			      a->m->locks[h->lock].handle);
	fr_finding_thread(f, h->thread);
	fr_finding_event(f, o->call->event);
	fr_finding_event(f, h->event);
	fr_finding_stack(
		f,
		fr_name_fmt(a->names, "%s was blocked here", fr_name_thread(a->names, h->thread)),
		o->call->stack);
	fr_finding_stack(f, "the lock was given back here", h->rel_stack);
	fr_finding_stack(f, "the lock was taken here", h->acq_stack);
	tell_cost(a, f, list, n, calls);
}

/* One finding per call site and lock class: LIST[0..N) are its occurrences. */
static bool judge(struct analysis *a, const struct occurrence *list, size_t n)
{
	struct group worst = {0};
	uint64_t inflicted = 0;
	size_t at, calls = 0;

	for (at = 0; at < n; calls++) {
		struct group g = group_at(list, at, n);

		if (!calls || g.inflicted_ns > worst.inflicted_ns)
			worst = g;
		inflicted += g.inflicted_ns;
		at += g.n;
	}
	if (inflicted < MIN_INFLICTED_NS)
		return false;
	tell(a, list, n, worst, calls);
	return true;
}

enum rule_result fr_rule_held_across(struct analysis *a)
{
	struct occurrence *list;
	size_t n, from, to;
	bool found = false;

	n = collect(a, &list);
	if (n)
		qsort(list, n, sizeof(*list), by_call);
	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n && !by_site(&list[from], &list[to]); to++)
			;
		found |= judge(a, &list[from], to - from);
	}
	free(list);
	return found ? RULE_FOUND : RULE_OK;
}
