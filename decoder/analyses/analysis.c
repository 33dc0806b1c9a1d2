/* SPDX-License-Identifier: MIT */
/*
 * analysis.c - runs the rules, orders and numbers what they found.
 */
#include "analyses/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "analyses/needs.h"
#include "base/mem.h"

#define RULE(id, name, function, severity, needs, ok)                                              \
	{name, function, SEVERITY_##severity, needs, ok},
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

static void run(struct analysis *a, size_t i)
{
	const struct rule *r = &fr_rules[i];

	a->now = r;
	a->missing[i] = fr_need_missing(a, r->needs, true);
	a->results[i] = a->missing[i] ? RULE_NO_DATA : r->run(a);
	if (a->results[i] == RULE_OK)
		a->missing[i] = fr_need_missing(a, r->needs, false);
}

static struct analysis *run_child(const struct model *m, struct names *names);

static struct analysis *run_all(const struct model *m, struct names *names, bool is_child)
{
	struct analysis *a = fr_mem_alloc(sizeof(*a));
	size_t i;

	a->m = m;
	a->names = names;
	a->is_child = is_child;
	a->run_child = run_child;
	a->free_child = fr_analysis_free;
	a->results = fr_mem_alloc(fr_n_rules * sizeof(*a->results));
	a->missing = fr_mem_alloc(fr_n_rules * sizeof(*a->missing));
	a->explained = fr_mem_alloc((m->n_locks + 1) * sizeof(*a->explained));
	a->in_cycle = fr_mem_alloc(m->n_threads + 1);
	a->seen = fr_need_seen(a);
	for (i = 0; i < fr_n_rules; i++) {
		run(a, i);
	}
	if (a->n)
		qsort(a->findings, a->n, sizeof(a->findings[0]), by_weight);
	return a;
}

static struct analysis *run_child(const struct model *m, struct names *names)
{
	return run_all(m, names, true);
}

struct analysis *fr_analysis_run(const struct model *m, struct names *names)
{
	return run_all(m, names, false);
}

void fr_analysis_free(struct analysis *a)
{
	size_t i;

	if (!a)
		return;
	for (i = 0; i < a->n; i++)
		free(a->findings[i]);
	free(a->findings);
	if (a->child)
		a->child_close(a->child);
	free(a->results);
	free(a->missing);
	free(a->explained);
	free(a->in_cycle);
	free(a);
}
