/* SPDX-License-Identifier: MIT */
/*
 * budget_rule.c - the decision: which class is lowered, or tried again, and when.
 *
 * A class that was lowered is tried again after a pause; where it had to be lowered again, the
 * pause doubles. It is short again once the class has stayed raised for as long as the pause was.
 *
 * Context: any, one at a time. Must not: look at anything but its arguments.
 */
#include <string.h>

#include "steer/budget.h"

/* To lower a class that costs less than this part of the budget would win nothing. */
#define WORTH 8

static void begin(struct fr_budget *b, const struct fr_budget_view *v)
{
	b->begun = true;
	b->now_ns = v->now_ns;
	b->cpu_ns = v->cpu_ns;
	memcpy(b->cost_ns, v->cost_ns, sizeof(b->cost_ns));
}

/* Over the time that is judged: since the last begin(). */
static bool is_passed(const struct fr_budget *b, const struct fr_budget_view *v)
{
	uint64_t cost = 0;

	for (int k = 0; k < FR_CLASSES; k++)
		cost += v->cost_ns[k] - b->cost_ns[k];
	return cost * 100 > (v->cpu_ns - b->cpu_ns) * v->percent;
}

/* The class that costs most of those that can be lowered and are worth it; -1 = none. */
static int costliest(const struct fr_budget *b, const struct fr_budget_view *v)
{
	uint64_t most = (v->cpu_ns - b->cpu_ns) * v->percent / 100 / WORTH;
	int found = -1;

	for (int k = 0; k < FR_CLASSES; k++) {
		uint64_t cost = v->cost_ns[k] - b->cost_ns[k];

		if (v->lower[k] == v->level[k] || cost <= most)
			continue;
		most = cost;
		found = k;
	}
	return found;
}

static struct fr_budget_step lowered(struct fr_budget *b, const struct fr_budget_view *v, int k)
{
	struct fr_budget_pause *p = &b->pause[k];

	p->length = p->length ? p->length * 2 : FR_BUDGET_PAUSE;
	if (p->length > FR_BUDGET_PAUSE_MAX)
		p->length = FR_BUDGET_PAUSE_MAX;
	p->until = v->now_ns + p->length;
	p->raised = 0;
	return (struct fr_budget_step){(uint8_t)k, v->lower[k], FR_WHY_BUDGET};
}

/* Classes that were tried again and have stayed raised for as long as the pause was. */
static void settle(struct fr_budget *b, uint64_t now)
{
	for (int k = 0; k < FR_CLASSES; k++) {
		struct fr_budget_pause *p = &b->pause[k];

		if (p->raised && now - p->raised >= p->length)
			*p = (struct fr_budget_pause){0};
	}
}

/* The class whose pause is over, -1 = none. */
static int rested(const struct fr_budget *b, uint64_t now)
{
	for (int k = 0; k < FR_CLASSES; k++) {
		if (b->pause[k].until && now >= b->pause[k].until)
			return k;
	}
	return -1;
}

bool fr_budget_decide(struct fr_budget *b, const struct fr_budget_view *v,
		      struct fr_budget_step *step)
{
	int k = rested(b, v->now_ns);
	bool passed;

	if (k >= 0) {
		b->pause[k].until = 0;
		b->pause[k].raised = v->now_ns;
		begin(b, v);
		*step = (struct fr_budget_step){(uint8_t)k, v->asked[k], FR_WHY_AGAIN};
		return true;
	}
	if (!b->begun || v->cpu_ns < b->cpu_ns || v->now_ns < b->now_ns) {
		begin(b, v);
		return false;
	}
	if (v->now_ns - b->now_ns < FR_BUDGET_WALL || v->cpu_ns - b->cpu_ns < FR_BUDGET_CPU)
		return false;
	passed = is_passed(b, v);
	k = passed ? costliest(b, v) : -1;
	begin(b, v);
	if (!passed)
		settle(b, v->now_ns);
	if (k < 0)
		return false;
	*step = lowered(b, v, k);
	return true;
}
