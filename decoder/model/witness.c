/* SPDX-License-Identifier: MIT */
/*
 * witness.c - holds that no release proves: the release was overwritten, or is still to come.
 *
 *   owner     |------- blocked in recv -------|
 *   waiter            a: "the owner has it"      it had the lock all that time
 *
 * A waiter saw the owner when its wait began, and the owner was blocked in a call then: it can
 * neither have taken nor given back the lock during that call.
 */
#include "base/search.h"
#include "model/build.h"

#define SAME_CALL 8u /* how far back equal entries are looked for */
#define MIN_WAIT_NS 100000u /* shorter waits are not worth the search */

const struct span *fr_build_blocked(const struct model *m, uint32_t thread, uint32_t lock,
				    uint64_t ns)
{
	const struct thread *t = &m->threads[thread];
	const uint32_t *spans = m->thread_spans + t->first_span;
	uint32_t i = fr_spans_over(m, spans, t->n_spans, ns);
	const struct span *s;

	if (i == t->n_spans)
		return NULL;
	s = &m->spans[spans[i]];
	if (s->kind == SPAN_TLS) /* runs the program's own callbacks: they may lock */
		return NULL;
	if (s->start_ns >= ns || s->object2 == lock || (fr_span_is_lock(s) && s->object == lock))
		return NULL;
	return s;
}

static bool ended_before(const void *hold, const void *ns)
{
	return ((const struct hold *)hold)->end_ns < *(const uint64_t *)ns;
}

/* The first hold of L that ended at NS or later; NULL = none. */
static const struct hold *hold_after(const struct model *m, const struct lock *l, uint64_t ns)
{
	const struct hold *h = &m->holds[l->first_hold];
	size_t i = fr_search(h, l->n_holds, sizeof(*h), ended_before, &ns);

	return i < l->n_holds ? &h[i] : NULL;
}

static bool already(const struct witnessed *seen, uint32_t lock, const struct span *call)
{
	size_t k;

	for (k = 1; k <= seen->n && k <= SAME_CALL; k++) {
		const struct hold *h = &seen->holds[seen->n - k];

		if (h->lock == lock && h->thread == call->thread && h->start_ns == call->start_ns)
			return true;
	}
	return false;
}

void fr_build_witness(const struct model *m, const struct lock *l, struct witnessed *seen)
{
	uint32_t i, lock = (uint32_t)(l - m->locks);

	for (i = 0; i < l->waits; i++) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]], *call;
		const struct hold *h;

		if (s->owner == MODEL_NONE || s->owner == s->thread || fr_span_ns(s) < MIN_WAIT_NS)
			continue;
		call = fr_build_blocked(m, s->owner, lock, s->start_ns);
		if (!call || call->flags & SPAN_OPEN) /* those are in owners.c */
			continue;
		h = hold_after(m, l, call->start_ns);
		if ((h && h->start_ns < call->end_ns) || already(seen, lock, call))
			continue;
		seen->holds = fr_mem_grow(seen->holds, &seen->cap, seen->n + 1, sizeof(*h));
		seen->holds[seen->n++] = (struct hold){
			.start_ns = call->start_ns,
			.end_ns = call->end_ns,
			.thread = s->owner,
			.lock = lock,
			.quality = HOLD_AT_LEAST,
			.witnessed = true,
		};
	}
}
