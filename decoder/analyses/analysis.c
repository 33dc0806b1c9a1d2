/* SPDX-License-Identifier: MIT */
/*
 * analysis.c - runs the rules, orders and numbers what they found.
 */
#include "analyses/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RULE(id, name, function, severity, ok, no_data)                                            \
	{name, function, SEVERITY_##severity, ok, no_data},
const struct rule fr_rules[] = {
#include "analyses/rules.def"
};
#undef RULE
const size_t fr_n_rules = sizeof(fr_rules) / sizeof(fr_rules[0]);

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
	a->because = fr_mem_alloc(fr_n_rules * sizeof(*a->because));
	a->explained = fr_mem_alloc((m->n_locks + 1) * sizeof(*a->explained));
	a->in_cycle = fr_mem_alloc(m->n_threads + 1);
	for (i = 0; i < fr_n_rules; i++) {
		a->now = &fr_rules[i];
		a->because_now = NULL;
		a->results[i] = fr_rules[i].run(a);
		a->because[i] = a->because_now;
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
	free(a->because);
	free(a->explained);
	free(a->in_cycle);
	free(a);
}
