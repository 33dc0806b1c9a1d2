/* SPDX-License-Identifier: MIT */
/*
 * stuck.c - rule stuck-thread: threads that have been waiting for one thing for long.
 *
 * Only waits that are not over count, and only for what somebody owes: see model/stands.c. An
 * answer that takes long may be a long poll: it is a fault only where the same place got its
 * answers much sooner before, or where others wait for the thread.
 */
#include <stdlib.h>

#include "analyses/children.h"
#include "analyses/holders.h"
#include "base/mem.h"
#include "model/stands.h"

#define HALF_SCORE_NS 10000000000ull
#define CHAIN_MAX 64u
#define USUAL_MIN 3u /* waits from which on what is usual at a place is known */
#define USUAL_TIMES 4u /* so much longer than the longest of them is not usual */

/* Of a chain of holders that wait for locks themselves: the last lock. */
static uint32_t root_of(const struct model *m, const struct span *s)
{
	uint32_t lock = s->object;

	for (unsigned int i = 0; i < CHAIN_MAX; i++) {
		uint32_t owner = m->locks[lock].owner;

		s = owner == MODEL_NONE || m->threads[owner].open == MODEL_NONE
			    ? NULL
			    : &m->spans[m->threads[owner].open];
		if (!s || !fr_span_is_lock(s) || s->object == MODEL_NONE)
			break;
		lock = s->object;
	}
	return lock;
}

/* Another finding tells why S, a wait for LOCK or behind it, lasts. */
static bool is_explained(const struct analysis *a, uint32_t lock, const struct span *s)
{
	return a->explained[lock] && a->explained[lock] >= fr_span_ns(s) / 2;
}

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
	const struct span *s;
	uint32_t lock;

	if (a->in_cycle[thread] || !fr_thread_is_stuck(a->m, thread))
		return 0;
	s = &a->m->spans[a->m->threads[thread].open];
	if (!fr_span_is_lock(s))
		return (2ull << 40) + s->stack;
	lock = root_of(a->m, s);
	if (is_explained(a, s->object, s) || is_explained(a, lock, s))
		return 0;
	if (nobody_known(a->m, s))
		return 3ull << 40;
	return (1ull << 40) + lock;
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
		const struct span *s = fr_open_span(m, &m->threads[i]);

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

/* OWNER has LOCK and is in no recorded wait. */
static const char *runs(struct analysis *a, uint32_t owner, uint32_t lock)
{
	const struct held *h = fr_model_held(a->m, owner, lock);
	const char *since;

	if (fr_name_task(a->names, a->m, owner))
		return fr_name_fmt(a->names, "is %s", fr_name_task(a->names, a->m, owner));
	if (fr_thread_stand(a->m, owner) != STAND_UNEXPLAINED)
		return "is running or runnable";
	since = fr_name_ns(a->names, fr_thread_unexplained_ns(a->m, owner));
	if (h && h->kind == FR_HELD_RDLOCK)
		return fr_name_fmt(
			a->names,
			"has done nothing that is recorded for %s: it computes, or waits "
			"in a call that is not recorded; a reader that reads the same "
			"lock again, behind a writer that waits, hangs so",
			since);
	return fr_name_fmt(a->names,
			   "has done nothing that is recorded for %s: it computes, or waits in a "
			   "call that is not recorded",
			   since);
}

static void tell_last_release(struct analysis *a, struct finding *f, uint32_t lock)
{
	const struct hold *h = fr_model_last_release(a->m, lock);
	struct names *n = a->names;

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
	const char *who = fr_holder_text(n, a->m, lock);
	const struct thread *t = owner == MODEL_NONE ? NULL : &a->m->threads[owner];
	const struct span *s = t ? fr_open_span(a->m, t) : NULL;

	if (!t) {
		fr_finding_line(f,
				who ? fr_name_fmt(n, "it is held by %s", who)
				    : "who holds the lock is not known",
				NULL);
		tell_last_release(a, f, lock);
		return;
	}
	fr_finding_thread(f, owner);
	fr_finding_line(
		f,
		fr_name_fmt(n, "it is held by %s, which %s", who,
			    s ? fr_name_fmt(n, "is blocked in %s for %s", fr_name_wait(n, s),
					    fr_name_ns(n, fr_span_ns(s)))
			      : runs(a, owner, lock)),
		fr_name_site(n, s ? s->stack : t->last_stack));
	fr_finding_stack(f,
			 fr_name_fmt(n, s ? "%s is blocked here" : "last event of %s",
				     fr_name_thread(n, owner)),
			 s ? s->stack : t->last_stack);
}

/* Whoever waits for the last lock of the chain itself tells more than those behind. */
static bool is_worse(const struct model *m, const struct span *s, const struct span *than)
{
	bool root = fr_span_is_lock(s) && root_of(m, s) == s->object;
	bool other = fr_span_is_lock(than) && root_of(m, than) == than->object;

	return root != other ? root : s->start_ns < than->start_ns;
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

		worst = is_worse(m, s, worst) ? s : worst;
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
		if (nobody_known(m, worst))
			tell_each(a, f, worst, threads, count);
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
	found |= fr_child_stuck(a);
	return found ? RULE_FOUND : RULE_OK;
}
