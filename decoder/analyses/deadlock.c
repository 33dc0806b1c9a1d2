/* SPDX-License-Identifier: MIT */
/*
 * deadlock.c - rules deadlock and self-deadlock.
 *
 * The graph of the last moment: a blocked thread, the lock it waits for without a time limit, the
 * threads that certainly hold that lock. A cycle is a deadlock only if every wait in it is old, or
 * if the process is gone, when nothing can move any more. An edge that cannot be proven is no
 * edge: a healthy server must never be accused.
 */
#include <stdlib.h>

#include "analyses/analysis.h"
#include "base/mem.h"

#define CYCLE_MAX 64u

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
	const struct span *s = fr_open_lock_wait(a, thread);
	uint32_t owner, i;

	if (!s)
		return MODEL_NONE;
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
	const struct span *s = fr_open_lock_wait(a, thread);

	return a->m->locks[s->object].kind == FR_HELD_MUTEX ? MODEL_NONE - 1 : found + 1;
}

/* ---- one cycle as text ----------------------------------------------------------------------- */

static void tell_member(struct analysis *a, struct finding *f, uint32_t thread, uint32_t owner)
{
	const struct span *s = &a->m->spans[a->m->threads[thread].open];
	const struct held *h = fr_model_held(a->m, owner, s->object);
	struct names *n = a->names;
	const char *who = fr_name_thread(n, thread), *whose = fr_name_thread(n, owner);
	const char *lock = fr_name_lock(n, s->object);

	fr_finding_line(f,
			fr_name_fmt(n, "%s waits for %s %s held by %s%s", who,
				    fr_name_lock_kind(a->m, s->object), lock, whose,
				    fr_span_ns(s) ? fr_name_fmt(n, ", since %s",
								fr_name_ns(n, fr_span_ns(s)))
						  : ""),
			fr_name_site(n, s->stack));
	fr_finding_stack(f, fr_name_fmt(n, "%s waits for %s here", who, lock), s->stack);
	if (h || a->m->locks[s->object].futex)
		fr_finding_stack(f, fr_name_fmt(n, "%s had taken %s here", whose, lock),
				 h ? h->stack : a->m->locks[s->object].owner_stack);
	fr_finding_thread(f, thread);
	f->impact_ns += fr_span_ns(s);
	a->in_cycle[thread] = true;
	a->explained[s->object] = UINT64_MAX;
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
			a->in_cycle[i] = again = true;
			fr_finding_thread(f, i);
			f->impact_ns += fr_span_ns(&m->spans[m->threads[i].open]);
			n++;
		}
	}
	free(to);
	return n;
}

static void tell(struct analysis *a, const uint32_t *path, unsigned int n)
{
	struct finding *f = fr_finding_new(a);
	struct names *names = a->names;
	const char *list = "";
	unsigned int i, behind;

	f->score = 100;
	f->show_stacks = true;
	for (i = 0; i < n; i++) {
		const char *join = i + 2 < n ? ", " : i + 1 < n ? " and " : "";

		list = fr_name_fmt(names, "%s%s%s", list, fr_name_thread_tid(names, path[i]), join);
		tell_member(a, f, path[i], path[(i + 1) % n]);
	}
	behind = tell_followers(a, f);
	f->title = fr_name_fmt(
		names, "deadlock: %s wait for each other's locks and will never go on", list);
	f->site = fr_name_site(names, a->m->spans[a->m->threads[path[0]].open].stack);
	if (behind)
		fr_finding_line(f,
				fr_name_fmt(names, "%u more thread%s wait%s behind them", behind,
					    behind == 1 ? "" : "s", behind == 1 ? "s" : ""),
				NULL);
	f->rank = f->impact_ns;
	f->why = "each holds what the next one needs; the locks are taken in different orders";
	f->next = "take these locks in one order everywhere, or both under one lock; restart the "
		  "process to get it going again";
}

/* ---- the search ------------------------------------------------------------------------------ */

/* The part of PATH from the thread that closes the circle on. */
static bool all_old(const struct analysis *a, const uint32_t *path, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!fr_wait_is_old(a, &a->m->spans[a->m->threads[path[i]].open]))
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

	if (!fr_recorded(a, FR_CLASS_LOCK))
		return RULE_NO_DATA;
	mark = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*mark));
	for (i = 0; i < a->m->n_threads; i++) {
		if (!mark[i] && fr_open_lock_wait(a, i))
			found |= walk(a, i, mark, path, from);
	}
	free(mark);
	return fr_waits_judged(a, found);
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
				fr_name_fmt(n, "%zu more threads wait behind it", f->n_threads - 1),
				NULL);
}

enum rule_result fr_rule_self_deadlock(struct analysis *a)
{
	bool found = false;
	uint32_t i;

	if (!fr_recorded(a, FR_CLASS_LOCK))
		return RULE_NO_DATA;
	for (i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);

		if (s && fr_wait_is_old(a, s) && waits_for_itself(a, i, s)) {
			tell_self(a, i, s);
			found = true;
		}
	}
	return fr_waits_judged(a, found);
}
