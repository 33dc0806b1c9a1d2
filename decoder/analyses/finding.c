/* SPDX-License-Identifier: MIT */
/*
 * finding.c - what the rules share: filling a finding, and judging a wait.
 *
 * The rules and what runs them stand on this. Must not: know any rule.
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/analysis.h"
#include "base/mem.h"

/* A wait younger than this may be a passing moment of a healthy program. */
#define OLD_NS 100000000ull

const char *fr_severity_name(enum severity s)
{
	static const char *const names[] = {"info", "warn", "crit"};

	return names[s];
}

struct finding *fr_finding_new(struct analysis *a)
{
	struct finding *f = fr_mem_alloc(sizeof(*f));

	a->findings = fr_mem_grow(a->findings, &a->cap, a->n + 1, sizeof(f));
	a->findings[a->n++] = f;
	f->rule = a->now;
	f->severity = a->now->severity;
	f->title = f->why = f->next = "";
	return f;
}

void fr_finding_line(struct finding *f, const char *text, const char *site)
{
	if (f->n_lines < FINDING_LINES)
		f->lines[f->n_lines++] = (struct finding_line){text, site};
}

void fr_finding_stack(struct finding *f, const char *label, uint32_t stack)
{
	if (stack && f->n_stacks < FINDING_STACKS)
		f->stacks[f->n_stacks++] = (struct finding_stack){label, stack};
}

void fr_finding_thread(struct finding *f, uint32_t thread)
{
	size_t i;

	for (i = 0; i < f->n_threads; i++) {
		if (f->threads[i] == thread)
			return;
	}
	if (thread != MODEL_NONE && f->n_threads < FINDING_THREADS)
		f->threads[f->n_threads++] = thread;
}

void fr_finding_event(struct finding *f, uint64_t id)
{
	if (id && f->n_events < FINDING_EVENTS)
		f->events[f->n_events++] = id;
}

unsigned int fr_score(uint64_t value, uint64_t half)
{
	return (unsigned int)(100.0 * (double)value / ((double)value + (double)half) + 0.5);
}

enum severity fr_severity_of(unsigned int score)
{
	if (score >= 70)
		return SEVERITY_CRIT;
	return score >= 25 ? SEVERITY_WARN : SEVERITY_INFO;
}

bool fr_recorded(const struct analysis *a, enum fr_class klass)
{
	return a->m->rec->hdr.levels[klass] >= FR_LEVEL_SLOW;
}

const struct span *fr_open_lock_wait(const struct analysis *a, uint32_t thread)
{
	const struct thread *t = &a->m->threads[thread];
	const struct span *s;

	if (t->open == MODEL_NONE || t->end_ns)
		return NULL;
	s = &a->m->spans[t->open];
	if (!fr_span_is_lock(s) || s->object == MODEL_NONE || fr_span_is_timed(a->m, s))
		return NULL;
	return s;
}

/* How many old waits there are for locks that somebody has, and nobody knows who. */
static unsigned int holders_unknown(const struct analysis *a)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);

		n += s && a->m->locks[s->object].futex && !a->in_cycle[i] &&
		     a->m->locks[s->object].owner == MODEL_NONE && fr_wait_is_old(a, s) &&
		     !fr_futex_taken_before(a, s);
	}
	return n;
}

enum rule_result fr_waits_judged(struct analysis *a, bool found)
{
	unsigned int n = found ? 0 : holders_unknown(a);

	if (!n)
		return found ? RULE_FOUND : RULE_OK;
	a->because_now = fr_name_fmt(a->names, "%u thread%s a lock whose holder is not recorded", n,
				     n == 1 ? " waits for" : "s wait each for");
	return RULE_NO_DATA;
}

bool fr_wait_is_old(const struct analysis *a, const struct span *s)
{
	return a->m->dead || fr_span_ns(s) >= OLD_NS;
}
