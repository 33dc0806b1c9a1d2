/* SPDX-License-Identifier: MIT */
/*
 * hot_lock.c - rule hot-lock: threads spend their time waiting for a lock.
 *
 * Counts waiting inside the common window, without what another finding has explained. Says who
 * had the lock meanwhile, and splits: long holds, many short ones, or hand-off (given back, but the
 * woken thread was not running yet), which is nobody's hold.
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/analysis.h"
#include "base/mem.h"
#include "model/stands.h"

#define MIN_WAIT_NS 10000000ull
#define MIN_SHARE                                                                                  \
	20 /* waiting is at least 1/MIN_SHARE of the window: 0.05 threads at any moment            \
	    */
#define SITES 3
#define FINDINGS 5 /* the hottest; the others are counted */
#define NO_FAULT_SCORE 20u /* at most, where no hold explains most of the waiting */
#define HANDOFF_NS 2000000u /* of each wait on average */
#define LONG_HOLD_NS 1000000ull

/* The locks of one class, or one lock that has no name. */
struct heat {
	const char *class;
	uint32_t hottest; /* lock */
	uint32_t locks;
	uint64_t wait_ns; /* inside the common window and unexplained */
	uint64_t all_ns;
	uint64_t waits;
	uint64_t max_ns;
	uint64_t handoff_ns;
};

/* The wait for L that began last, if it is not over. */
static const struct span *last_open(const struct model *m, const struct lock *l)
{
	const struct span *last =
		l->waits ? &m->spans[m->lock_waits[l->first_wait + l->waits - 1]] : NULL;

	return last && last->flags & SPAN_OPEN ? last : NULL;
}

/* Threads of a pool that queue up behind the one that waits for work. */
static bool is_idle_queue(const struct model *m, const struct lock *l)
{
	const struct span *s = last_open(m, l);

	return s && fr_wait_idle_holder(m, s) != MODEL_NONE;
}

/* Somebody hangs there, and nobody knows because of whom: rule stuck-thread tells that. */
static bool hangs(const struct model *m, const struct lock *l)
{
	const struct span *s = last_open(m, l);

	return s && l->futex && l->owner == MODEL_NONE && fr_thread_is_stuck(m, s->thread);
}

static uint64_t unexplained(const struct analysis *a, uint32_t lock)
{
	const struct lock *l = &a->m->locks[lock];

	if (l->is_passed || is_idle_queue(a->m, l) || hangs(a->m, l))
		return 0;
	return l->common_wait_ns > a->explained[lock] ? l->common_wait_ns - a->explained[lock] : 0;
}

static void heat_add(struct heat *h, const struct analysis *a, uint32_t lock)
{
	const struct lock *l = &a->m->locks[lock];

	if (!h->locks || l->wait_ns > a->m->locks[h->hottest].wait_ns)
		h->hottest = lock;
	h->locks++;
	h->wait_ns += unexplained(a, lock);
	h->all_ns += l->wait_ns;
	h->waits += l->waits;
	h->max_ns = l->max_wait_ns > h->max_ns ? l->max_wait_ns : h->max_ns;
	h->handoff_ns += l->handoff_ns;
}

static size_t collect(struct analysis *a, struct heat **out)
{
	struct heat *list = NULL;
	size_t i, k, n = 0, cap = 0;

	for (i = 0; i < a->m->n_locks; i++) {
		const char *class = NULL;

		if (!a->m->locks[i].waits || !unexplained(a, (uint32_t)i))
			continue;
		if (fr_name_lock_symbol(a->names, (uint32_t)i) ||
		    fr_known_is_parked(a->m->locks[i].known))
			class = fr_name_class(a->names, (uint32_t)i);
		for (k = 0; class && k < n && list[k].class != class; k++)
			;
		if (!class || k == n) {
			list = fr_mem_grow(list, &cap, n + 1, sizeof(*list));
			k = n++;
			list[k] = (struct heat){.class = class};
		}
		heat_add(&list[k], a, (uint32_t)i);
	}
	*out = list;
	return n;
}

static unsigned int percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned int)((double)part * 100.0 / (double)whole + 0.5) : 0;
}

static const char *hold_word(const struct model *m, const struct blame *b)
{
	switch (m->holds[b->worst].quality) {
	case HOLD_AT_LEAST:
		return "at least ";
	case HOLD_ABOUT:
		return "about ";
	}
	return "";
}

/* The holders of the hottest lock that cost most, and the one that waited most. */
static void tell_holders(struct analysis *a, struct finding *f, const struct heat *h)
{
	struct names *n = a->names;
	struct blame *b;
	size_t i, count = fr_lock_holders(a->m, h->hottest, &b);
	uint64_t total = a->m->locks[h->hottest].wait_ns;

	for (i = 0; i < count && i < SITES && b[i].ns; i++) {
		fr_finding_line(
			f,
			fr_name_fmt(n, "%s held it %u time%s (longest %s%s): %u %% of the waiting",
				    fr_name_thread(n, b[i].thread), b[i].n, b[i].n == 1 ? "" : "s",
				    hold_word(a->m, &b[i]), fr_name_ns(n, b[i].max_ns),
				    percent(b[i].ns, total)),
			fr_name_site(n, b[i].stack));
		fr_finding_stack(f,
				 fr_name_fmt(n, "%s gave the lock back here",
					     fr_name_thread(n, b[i].thread)),
				 b[i].stack);
		fr_finding_thread(f, b[i].thread);
		fr_finding_event(f, a->m->holds[b[i].worst].event);
	}
	free(b);
	if (h->handoff_ns * 10 > h->all_ns)
		fr_finding_line(f,
				fr_name_fmt(n,
					    "%u %% of the waiting is hand-off: given back, but the "
					    "next thread was "
					    "not running yet, or the holder is not known",
					    percent(h->handoff_ns, h->all_ns)),
				NULL);
}

static void tell_waiters(struct analysis *a, struct finding *f, const struct heat *h)
{
	struct names *n = a->names;
	struct blame *b;
	size_t i, count = fr_lock_waiters(a->m, h->hottest, &b);

	for (i = 0; i < count; i++)
		fr_finding_thread(f, b[i].thread);
	if (count) {
		fr_finding_stack(f,
				 fr_name_fmt(n, "%s waited here, longest %s",
					     fr_name_thread(n, b[0].thread),
					     fr_name_ns(n, b[0].max_ns)),
				 b[0].stack);
		fr_finding_event(f, a->m->spans[b[0].worst].event);
		f->site = fr_name_site(n, b[0].stack);
	}
	free(b);
}

/*
 * A woken thread runs within microseconds where a CPU is free. Where it takes so long on average,
 * holders had to wait for a CPU as well, and their holds look longer than they are.
 */
static bool is_cpu_short(const struct heat *h)
{
	return h->waits && h->handoff_ns / h->waits >= HANDOFF_NS;
}

static const char *reason(const struct model *m, const struct heat *h)
{
	const struct lock *l = &m->locks[h->hottest];

	if (is_cpu_short(h))
		return "CPU was short: threads that were woken, and holders too, had to wait for "
		       "one, or "
		       "the holder is not known";
	if (h->handoff_ns * 2 > h->all_ns)
		return "most of the waiting is not covered by a known hold: many short holds, or "
		       "threads that "
		       "were woken and had to wait for a CPU (the hooks cannot tell them apart)";
	if (l->max_hold_ns >= LONG_HOLD_NS && l->max_hold_ns * 4 >= l->max_wait_ns)
		return "the lock is held long: whoever comes meanwhile waits for the rest of the "
		       "hold";
	return "many short holds: the threads queue up";
}

/*
 * Woken threads that wait for a CPU look the same as a lock that is too hot: nobody is accused.
 * A gate that opened when the program had started is none any more.
 */
static bool is_no_fault(const struct analysis *a, const struct heat *h)
{
	return h->handoff_ns * 2 > h->all_ns || is_cpu_short(h) ||
	       (h->locks == 1 && fr_only_at_start(a, h->hottest));
}

static void tell(struct analysis *a, const struct heat *h, uint64_t window)
{
	const struct model *m = a->m;
	const struct lock *l = &m->locks[h->hottest];
	struct finding *f = fr_finding_new(a);
	struct names *n = a->names;
	const char *more =
		h->locks > 1 ? fr_name_fmt(n, " (and %u others of its kind)", h->locks - 1) : "";
	const char *p99 =
		l->waits >= 100 ? fr_name_fmt(n, ", p99 %s", fr_name_ns(n, l->p99_wait_ns)) : "";

	f->impact_ns = f->rank = h->wait_ns;
	f->score = fr_score(h->wait_ns, window);
	f->severity = fr_severity_of(f->score);
	if (f->severity > SEVERITY_INFO && is_no_fault(a, h)) {
		f->severity = SEVERITY_INFO;
		f->score = f->score < NO_FAULT_SCORE ? f->score : NO_FAULT_SCORE;
	}
	f->title =
		fr_name_fmt(n,
			    "threads waited %s for %s %s%s: %s%s, longest %s, %.2g "
			    "threads at any moment",
			    fr_name_ns(n, h->wait_ns), fr_name_lock_kind(m, h->hottest),
			    fr_name_lock(n, h->hottest), more, fr_name_count(n, h->waits, "wait"),
			    p99, fr_name_ns(n, h->max_ns), (double)h->wait_ns / (double)window);
	f->why = reason(m, h);
	f->next = fr_name_fmt(n, "hold it shorter, or split it. See fr locks -l L%u", l->handle);
	tell_holders(a, f, h);
	tell_waiters(a, f, h);
}

static int by_wait(const void *x, const void *y)
{
	const struct heat *a = x, *b = y;

	if (a->wait_ns != b->wait_ns)
		return a->wait_ns > b->wait_ns ? -1 : 1;
	return a->hottest < b->hottest ? -1 : a->hottest > b->hottest;
}

enum rule_result fr_rule_hot_lock(struct analysis *a)
{
	uint64_t window = a->m->end_ns - a->m->common_ns;
	struct heat *list;
	size_t i, n, hot = 0;

	n = collect(a, &list);
	if (n)
		qsort(list, n, sizeof(*list), by_wait);
	while (hot < n && list[hot].wait_ns >= MIN_WAIT_NS &&
	       list[hot].wait_ns * MIN_SHARE >= window)
		hot++;
	for (i = 0; i < hot && i < FINDINGS; i++)
		tell(a, &list[i], window);
	if (hot > FINDINGS)
		fr_finding_line(a->findings[a->n - 1],
				fr_name_fmt(a->names, "%zu more locks are hot; see fr locks",
					    hot - FINDINGS),
				NULL);
	free(list);
	return hot ? RULE_FOUND : RULE_OK;
}
