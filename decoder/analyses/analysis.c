/* SPDX-License-Identifier: MIT */
/*
 * analysis.c - runs the rules, orders and numbers what they found.
 */
#include "analyses/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A wait younger than this may be a passing moment of a healthy program. */
#define OLD_NS 100000000ull

#define RULE(id, name, function, severity, ok, no_data)                                            \
	{name, function, SEVERITY_##severity, ok, no_data},
const struct rule fr_rules[] = {
#include "analyses/rules.def"
};
#undef RULE
const size_t fr_n_rules = sizeof(fr_rules) / sizeof(fr_rules[0]);

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

bool fr_wait_is_old(const struct analysis *a, const struct span *s)
{
	return a->m->dead || fr_span_ns(s) >= OLD_NS;
}

static int by_weight(const void *x, const void *y)
{
	const struct finding *a = *(struct finding *const *)x, *b = *(struct finding *const *)y;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	return strcmp(a->title, b->title);
}

struct analysis *fr_analysis_run(const struct model *m, struct names *names)
{
	struct analysis *a = fr_mem_alloc(sizeof(*a));
	size_t i;

	a->m = m;
	a->names = names;
	a->results = fr_mem_alloc(fr_n_rules * sizeof(*a->results));
	a->explained = fr_mem_alloc((m->n_locks + 1) * sizeof(*a->explained));
	a->in_cycle = fr_mem_alloc(m->n_threads + 1);
	for (i = 0; i < fr_n_rules; i++) {
		a->now = &fr_rules[i];
		a->results[i] = fr_rules[i].run(a);
	}
	if (a->n)
		qsort(a->findings, a->n, sizeof(a->findings[0]), by_weight);
	return a;
}

void fr_analysis_free(struct analysis *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < a->n; i++)
		free(a->findings[i]);
	free(a->findings);
	free(a->results);
	free(a->explained);
	free(a->in_cycle);
	free(a);
}
