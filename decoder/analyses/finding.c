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
/* So long a process starts; what has been over for so long was not why somebody looks now. */
#define AT_START_NS 2000000000ull
#define OVER_NS 2000000000ull

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
		f->stacks[f->n_stacks++] = (struct finding_stack){label, stack, NULL, 0};
}

void fr_finding_frames(struct finding *f, const char *label, const struct frame *frames, size_t n)
{
	if (n && f->n_stacks < FINDING_STACKS)
		f->stacks[f->n_stacks++] = (struct finding_stack){label, 0, frames, n};
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
	const struct span *s = fr_open_span(a->m, t);

	if (!s || t->end_ns)
		return NULL;
	if (!fr_span_is_lock(s) || s->object == MODEL_NONE || fr_span_is_timed(a->m, s))
		return NULL;
	return a->m->locks[s->object].is_passed ? NULL : s;
}

/*
 * Threads that begin wait until the program is ready: all waits began with the process, one of each
 * thread, and have been over for long.
 */
bool fr_only_at_start(const struct analysis *a, uint32_t lock)
{
	const struct model *m = a->m;
	const struct lock *l = &m->locks[lock];
	const uint64_t start = m->rec->hdr.start_mono_ns;

	for (uint32_t i = 0; i < l->waits; i++) {
		const struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (s->flags & SPAN_OPEN || s->start_ns > start + AT_START_NS ||
		    s->end_ns + OVER_NS > m->end_ns)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (m->spans[m->lock_waits[l->first_wait + k]].thread == s->thread)
				return false;
	}
	return l->waits && l->waits == l->life_waits;
}

bool fr_wait_is_old(const struct analysis *a, const struct span *s)
{
	return a->m->dead || fr_span_ns(s) >= OLD_NS;
}
