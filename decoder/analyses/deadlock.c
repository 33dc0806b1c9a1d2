/* SPDX-License-Identifier: MIT */
/*
 * deadlock.c - rules deadlock and self-deadlock.
 *
 * The graph of the last moment: a blocked thread, and whoever alone can let it go:
 *
 *   a lock             the threads that certainly hold it                    proven
 *   a join             the thread that is joined                             proven
 *   a condition, semaphore, or data from this very process:
 *                      the one thread that has ended such waits before       the only known waker
 *
 * A cycle is a deadlock only if every wait in it is old, or if the process is gone, when nothing
 * can move any more. An edge that cannot be proven is no edge, but for the last kind: such a cycle
 * must also lead through a lock, is called probable, and says why. A healthy server must never be
 * accused.
 */
#include <stdlib.h>

#include "analyses/analysis.h"
#include "base/mem.h"

#define CYCLE_MAX 64u
#define WAKES_MIN 2u /* waits that one thread has ended before it is the only known waker */
#define PROBABLE_NS 1000000000ull /* what is not proven must last longer */

/* ---- edges ----------------------------------------------------------------------------------- */

/* An open wait that ends only when somebody does something; NULL = none. */
static const struct span *open_wait(const struct analysis *a, uint32_t thread)
{
	const struct thread *t = &a->m->threads[thread];
	const struct span *s = fr_open_lock_wait(a, thread);

	if (s || t->open == MODEL_NONE || t->end_ns)
		return s;
	s = &a->m->spans[t->open];
	if (s->object == MODEL_NONE || fr_span_is_lock(s) || fr_span_is_timed(a->m, s))
		return NULL;
	return s->kind == SPAN_JOIN || s->kind == SPAN_COND || s->kind == SPAN_SEM ||
			       s->kind == SPAN_RECV || s->kind == SPAN_FILE
		       ? s
		       : NULL;
}

static bool is_proven(const struct span *s)
{
	return fr_span_is_lock(s) || s->kind == SPAN_JOIN;
}

/* The thread that has ended all waits like S of which that is known; N: how many. */
static uint32_t only_waker(const struct model *m, const struct span *s, uint32_t *n)
{
	uint32_t waker = MODEL_NONE;

	*n = 0;
	for (size_t i = 0; i < m->n_spans; i++) {
		const struct span *e = &m->spans[i];

		if (e->kind != s->kind || e->object != s->object || e->waker == MODEL_NONE)
			continue;
		if (*n && e->waker != waker)
			return MODEL_NONE;
		waker = e->waker;
		++*n;
	}
	return *n >= WAKES_MIN ? waker : MODEL_NONE;
}

/* Whether THREAD has LOCK, so that WAITER, which waits for it, cannot have it. */
static bool holds(const struct analysis *a, uint32_t thread, uint32_t lock)
{
	const struct model *m = a->m;
	const struct held *h = fr_model_held(m, thread, lock);

	if (m->threads[thread].end_ns)
		return false;
	if (h && h->kind == FR_HELD_RDLOCK && m->locks[lock].owner != MODEL_NONE)
		return true;
	return m->locks[lock].owner == thread;
}

/* The next thread after FROM that holds what THREAD waits for; MODEL_NONE = no more. */
static uint32_t blocker(const struct analysis *a, uint32_t thread, uint32_t from)
{
	const struct span *s = open_wait(a, thread);
	uint32_t owner, i;

	if (!s)
		return MODEL_NONE;
	if (!fr_span_is_lock(s)) {
		owner = from                   ? MODEL_NONE
			: s->kind == SPAN_JOIN ? s->object
					       : only_waker(a->m, s, &i);
		return owner != MODEL_NONE && owner != thread && !a->m->threads[owner].end_ns
			       ? owner
			       : MODEL_NONE;
	}
	owner = a->m->locks[s->object].owner;
	if (a->m->locks[s->object].kind == FR_HELD_MUTEX || owner == MODEL_NONE)
		return from == 0 && owner != thread ? owner : MODEL_NONE;
	for (i = from; i < a->m->n_threads; i++) {
		if (i != thread && holds(a, i, s->object))
			return i;
	}
	return MODEL_NONE;
}

static uint32_t next_from(const struct analysis *a, uint32_t thread, uint32_t found)
{
	const struct span *s = open_wait(a, thread);

	return !fr_span_is_lock(s) || a->m->locks[s->object].kind == FR_HELD_MUTEX ? MODEL_NONE - 1
										   : found + 1;
}

/* ---- one cycle as text ----------------------------------------------------------------------- */

/* What THREAD waits for, and why only OWNER can let it go. */
static const char *edge_text(struct analysis *a, uint32_t thread, uint32_t owner)
{
	const struct span *s = &a->m->spans[a->m->threads[thread].open];
	struct names *n = a->names;
	const char *who = fr_name_thread(n, thread), *whose = fr_name_thread(n, owner);
	uint32_t wakes;

	if (s->kind == SPAN_JOIN)
		return fr_name_fmt(n, "%s waits for the end of %s", who, whose);
	if (fr_span_is_lock(s))
		return fr_name_fmt(n, "%s waits for %s %s held by %s", who,
				   fr_name_lock_kind(a->m, s->object), fr_name_lock(n, s->object),
				   whose);
	only_waker(a->m, s, &wakes);
	return fr_name_fmt(n, "%s waits in %s, which only %s has ended so far (%u times)", who,
			   fr_name_wait(n, s), whose, wakes);
}

static void tell_member(struct analysis *a, struct finding *f, uint32_t thread, uint32_t owner)
{
	const struct span *s = &a->m->spans[a->m->threads[thread].open];
	bool is_lock = fr_span_is_lock(s);
	const struct held *h = is_lock ? fr_model_held(a->m, owner, s->object) : NULL;
	struct names *n = a->names;
	const char *who = fr_name_thread(n, thread), *whose = fr_name_thread(n, owner);
	const char *lock = is_lock ? fr_name_lock(n, s->object) : "";

	fr_finding_line(
		f,
		fr_name_fmt(n, "%s%s", edge_text(a, thread, owner),
			    fr_span_ns(s) ? fr_name_fmt(n, ", for %s", fr_name_ns(n, fr_span_ns(s)))
					  : ""),
		fr_name_site(n, s->stack));
	fr_finding_stack(f,
			 is_lock ? fr_name_fmt(n, "%s waits for %s here", who, lock)
				 : fr_name_fmt(n, "%s waits here", who),
			 s->stack);
	if (h || (is_lock && a->m->locks[s->object].futex))
		fr_finding_stack(f, fr_name_fmt(n, "%s had taken %s here", whose, lock),
				 h ? h->stack : a->m->locks[s->object].owner_stack);
	fr_finding_thread(f, thread);
	f->impact_ns += fr_span_ns(s);
	a->in_cycle[thread] = true;
	if (is_lock)
		a->explained[s->object] = UINT64_MAX;
}

static void follow(struct analysis *a, struct finding *f, uint32_t thread)
{
	const struct span *s = &a->m->spans[a->m->threads[thread].open];

	a->in_cycle[thread] = true;
	if (fr_span_is_lock(s))
		a->explained[s->object] = UINT64_MAX;
	fr_finding_thread(f, thread);
	f->impact_ns += fr_span_ns(s);
}

/* Threads whose chain of waits leads into a cycle: they hang as well. */
static unsigned int tell_followers(struct analysis *a, struct finding *f)
{
	const struct model *m = a->m;
	uint32_t *to = fr_mem_alloc((m->n_threads + 1) * sizeof(*to));
	unsigned int n = 0;
	bool again = true;
	uint32_t i;

	for (i = 0; i < m->n_threads; i++)
		to[i] = blocker(a, i, 0);
	while (again) {
		again = false;
		for (i = 0; i < m->n_threads; i++) {
			if (a->in_cycle[i] || to[i] == MODEL_NONE || !a->in_cycle[to[i]])
				continue;
			follow(a, f, i);
			again = true;
			n++;
		}
	}
	free(to);
	return n;
}

/* What the waits of a cycle are, taken together. */
struct cycle {
	unsigned int locks, joins, wakes;
};

static struct cycle cycle_of(const struct analysis *a, const uint32_t *path, unsigned int n)
{
	struct cycle c = {0};

	for (unsigned int i = 0; i < n; i++) {
		const struct span *s = &a->m->spans[a->m->threads[path[i]].open];

		c.locks += fr_span_is_lock(s);
		c.joins += s->kind == SPAN_JOIN;
		c.wakes += !is_proven(s);
	}
	return c;
}

static void tell_why(struct finding *f, const struct cycle *c)
{
	f->score = c->wakes ? 90 : 100;
	if (c->wakes)
		f->severity = SEVERITY_WARN;
	f->why = c->wakes ? "each waits for the next one, as far as it is known who ends such a "
			    "wait: a lock is kept while its holder waits for a thread that needs it"
		 : c->joins
			 ? "a thread waits for the end of another one while it keeps what that one "
			   "needs to end"
			 : "each holds what the next one needs; the locks are taken in different "
			   "orders";
	f->next =
		c->wakes || c->joins
			? "give the lock back before waiting; restart the process to get it going "
			  "again"
			: "take these locks in one order everywhere, or both under one lock; "
			  "restart "
			  "the process to get it going again";
}

static void tell(struct analysis *a, const uint32_t *path, unsigned int n)
{
	struct finding *f = fr_finding_new(a);
	struct cycle c = cycle_of(a, path, n);
	struct names *names = a->names;
	const char *list = "";
	unsigned int i, behind;

	f->show_stacks = true;
	tell_why(f, &c);
	for (i = 0; i < n; i++) {
		const char *join = i + 2 < n ? ", " : i + 1 < n ? " and " : "";

		list = fr_name_fmt(names, "%s%s%s", list, fr_name_thread_tid(names, path[i]), join);
		tell_member(a, f, path[i], path[(i + 1) % n]);
	}
	behind = tell_followers(a, f);
	f->title = fr_name_fmt(names, "%sdeadlock: %s wait for each other%s and will never go on",
			       c.wakes ? "probable " : "", list, c.locks == n ? "'s locks" : "");
	f->site = fr_name_site(names, a->m->spans[a->m->threads[path[0]].open].stack);
	if (behind)
		fr_finding_line(f,
				fr_name_fmt(names, "%u more thread%s wait%s behind them", behind,
					    behind == 1 ? "" : "s", behind == 1 ? "s" : ""),
				NULL);
	f->rank = f->impact_ns;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* The part of PATH from the thread that closes the circle on. */
static bool all_old(const struct analysis *a, const uint32_t *path, unsigned int n)
{
	struct cycle c = cycle_of(a, path, n);

	if (!c.locks)
		return false; /* who idles waits for others too */
	for (unsigned int i = 0; i < n; i++) {
		const struct span *s = &a->m->spans[a->m->threads[path[i]].open];

		if (!fr_wait_is_old(a, s) || (c.wakes && fr_span_ns(s) < PROBABLE_NS))
			return false;
	}
	return true;
}

/*
 * Walks from START along blockers, depth first, without recursion. MARK tells when a thread was
 * met: one that an earlier walk has left cannot be part of a new cycle.
 */
static bool walk(struct analysis *a, uint32_t start, uint32_t *mark, uint32_t *path, uint32_t *from)
{
	unsigned int n = 1, k;
	bool found = false;

	path[0] = start;
	from[0] = 0;
	mark[start] = start + 1;
	while (n) {
		uint32_t to = from[n - 1] < MODEL_NONE - 1 ? blocker(a, path[n - 1], from[n - 1])
							   : MODEL_NONE;

		if (to == MODEL_NONE) {
			n--;
			continue;
		}
		from[n - 1] = next_from(a, path[n - 1], to);
		for (k = 0; k < n && path[k] != to; k++)
			;
		if (k < n && !a->in_cycle[to] && all_old(a, path + k, n - k)) {
			tell(a, path + k, n - k);
			found = true;
		} else if (k == n && !mark[to] && n < CYCLE_MAX) {
			mark[to] = start + 1;
			from[n] = 0;
			path[n++] = to;
		}
	}
	return found;
}

enum rule_result fr_rule_deadlock(struct analysis *a)
{
	uint32_t path[CYCLE_MAX], from[CYCLE_MAX], i;
	uint32_t *mark;
	bool found = false;

	mark = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*mark));
	for (i = 0; i < a->m->n_threads; i++) {
		if (!mark[i] && open_wait(a, i))
			found |= walk(a, i, mark, path, from);
	}
	free(mark);
	return found ? RULE_FOUND : RULE_OK;
}

/* ---- self-deadlock --------------------------------------------------------------------------- */

/*
 * S waits to read: a writer that has been waiting since before that, or NULL. Where readers wait
 * for writers that wait, a thread that reads already and wants to again waits for the writer, and
 * that for the thread.
 */
static const struct span *writer_before(const struct analysis *a, const struct span *s)
{
	for (uint32_t i = 0; s->kind == SPAN_RDLOCK && i < a->m->n_threads; i++) {
		const struct span *w = fr_open_lock_wait(a, i);

		if (w && w->kind == SPAN_WRLOCK && w->object == s->object &&
		    w->start_ns < s->start_ns)
			return w;
	}
	return NULL;
}

/*
 * Both must agree: the waiter saw itself as the owner (or saw none: a read lock), and its own list
 * has the lock. A recursive mutex never waits for its own thread.
 */
static bool waits_for_itself(const struct analysis *a, uint32_t thread, const struct span *s)
{
	const struct held *h = fr_model_held(a->m, thread, s->object);

	if (fr_futex_taken_before(a, s))
		return true;
	if (s->owner == thread)
		return h || a->m->locks[s->object].owner == thread;
	if (s->owner != MODEL_NONE || !h)
		return false;
	return h->kind != FR_HELD_RDLOCK || s->kind == SPAN_WRLOCK || writer_before(a, s);
}

static void tell_writer(struct analysis *a, struct finding *f, const struct span *w)
{
	struct names *n = a->names;

	fr_finding_line(f,
			fr_name_fmt(n,
				    "%s has been waiting to write for %s: behind it no reader "
				    "gets in",
				    fr_name_thread(n, w->thread), fr_name_ns(n, fr_span_ns(w))),
			fr_name_site(n, w->stack));
	fr_finding_stack(f, fr_name_fmt(n, "%s waits to write here", fr_name_thread(n, w->thread)),
			 w->stack);
	fr_finding_thread(f, w->thread);
	a->in_cycle[w->thread] = true;
	f->why = "read locks of this lock must not nest: a writer that comes in between waits for "
		 "the first one, and the second one for the writer";
	f->next = "take the read lock once, or use a lock that prefers readers";
}

static void tell_self(struct analysis *a, uint32_t thread, const struct span *s)
{
	const struct held *h = fr_model_held(a->m, thread, s->object);
	const struct span *taken = fr_futex_taken_before(a, s), *writer = writer_before(a, s);
	struct finding *f = fr_finding_new(a);
	struct names *n = a->names;
	const char *who = fr_name_thread_tid(n, thread), *lock = fr_name_lock(n, s->object);

	f->score = 100;
	f->show_stacks = true;
	f->title = fr_name_fmt(n, "self-deadlock: %s waits for %s %s which it holds itself", who,
			       fr_name_lock_kind(a->m, s->object), lock);
	f->site = fr_name_site(n, s->stack);
	f->why = "the lock is not recursive: the second call never returns";
	f->next = "give the lock back before this call, or call the variant that expects it taken";
	f->impact_ns = f->rank = fr_span_ns(s);
	fr_finding_thread(f, thread);
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", who), s->stack);
	if (h || taken)
		fr_finding_stack(f, fr_name_fmt(n, "%s had taken %s here", who, lock),
				 h ? h->stack : taken->stack);
	if (writer)
		tell_writer(a, f, writer);
	a->in_cycle[thread] = true;
	a->explained[s->object] = UINT64_MAX;
	if (tell_followers(a, f))
		fr_finding_line(f,
				fr_name_fmt(n, "%s behind it",
					    fr_name_count(n, f->n_threads - 1, "more thread")),
				NULL);
}

enum rule_result fr_rule_self_deadlock(struct analysis *a)
{
	bool found = false;
	uint32_t i;

	for (i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);

		if (s && !a->in_cycle[i] && fr_wait_is_old(a, s) && waits_for_itself(a, i, s)) {
			tell_self(a, i, s);
			found = true;
		}
	}
	return found ? RULE_FOUND : RULE_OK;
}
