/* SPDX-License-Identifier: MIT */
/*
 * test_budget.c - the decision of FR_BUDGET (preload/steer/budget_rule.c), with a clock that the
 * test turns: which class is lowered, when it is tried again, and how the pauses grow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preload/steer/budget.h"

#define SECOND 1000000000ull

/* A process that uses one processor, and what recording costs there. */
struct world {
	struct fr_budget b;
	struct fr_budget_view v;
	double share[FR_CLASSES]; /* percent of the CPU time, at level full */
	double cpu; /* seconds a second */
};

static const uint8_t floor_of[FR_CLASSES] = {
	FR_LEVEL_FULL, FR_LEVEL_SLOW, FR_LEVEL_SLOW, FR_LEVEL_SAMPLED,
	FR_LEVEL_SLOW, FR_LEVEL_FULL, FR_LEVEL_FULL,
};

static struct world world(uint32_t percent)
{
	struct world w = {.v = {.percent = percent, .now_ns = 1000 * SECOND}, .cpu = 1};

	for (int k = 0; k < FR_CLASSES; k++)
		w.v.level[k] = w.v.asked[k] = FR_LEVEL_FULL;
	return w;
}

/* Lets NS pass and looks. True: a step was to be done, and is. */
static bool elapse(struct world *w, uint64_t ns, struct fr_budget_step *step)
{
	w->v.now_ns += ns;
	w->v.cpu_ns += (uint64_t)((double)ns * w->cpu);
	for (int k = 0; k < FR_CLASSES; k++) {
		if (w->v.level[k] == FR_LEVEL_FULL)
			w->v.cost_ns[k] += (uint64_t)((double)ns * w->cpu * w->share[k] / 100);
		w->v.lower[k] = w->v.level[k] == FR_LEVEL_FULL ? floor_of[k] : w->v.level[k];
	}
	if (!fr_budget_decide(&w->b, &w->v, step))
		return false;
	w->v.level[step->klass] = step->level;
	return true;
}

/* Looks once a second; returns after how many seconds, up to MAX, something was done. */
static uint64_t until(struct world *w, uint64_t max, struct fr_budget_step *step)
{
	for (uint64_t s = 1; s <= max; s++) {
		if (elapse(w, SECOND, step))
			return s;
	}
	return 0;
}

static void expect(const struct fr_budget_step *step, int klass, int level, int why)
{
	assert_int_equal(step->klass, klass);
	assert_int_equal(step->level, level);
	assert_int_equal(step->why, why);
}

static void within_the_budget(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_MEM] = 3;
	w.share[FR_CLASS_NET] = 1.9;
	assert_int_equal(until(&w, 3600, &step), 0);
}

/* The one that costs most, then the next one, until the budget is kept. */
static void the_costliest_first(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_MEM] = 8;
	w.share[FR_CLASS_NET] = 4;
	w.share[FR_CLASS_LOCK] = 3;
	assert_int_equal(until(&w, 10, &step), 2); /* the first look only begins */
	expect(&step, FR_CLASS_MEM, FR_LEVEL_SAMPLED, FR_WHY_BUDGET);
	assert_int_equal(until(&w, 10, &step), 1);
	expect(&step, FR_CLASS_NET, FR_LEVEL_SLOW, FR_WHY_BUDGET);
	assert_int_equal(until(&w, 50, &step), 0);
}

/* Threads and annotations stay, whatever they cost; a class that is hardly worth it stays too. */
static void not_all_can_be_lowered(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_USER] = 20;
	w.share[FR_CLASS_THREAD] = 20;
	w.share[FR_CLASS_LOCK] = 0.5;
	assert_int_equal(until(&w, 600, &step), 0);
	w.share[FR_CLASS_LOCK] = 0.7;
	assert_int_equal(until(&w, 2, &step), 1);
	expect(&step, FR_CLASS_LOCK, FR_LEVEL_SLOW, FR_WHY_BUDGET);
}

/* 60 s, and doubled each time it had to be lowered again, up to an hour. */
static void pauses_grow(void **state)
{
	const uint64_t pauses[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_MEM] = 50;
	assert_int_equal(until(&w, 10, &step), 2);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		assert_int_equal(until(&w, 4000, &step), pauses[i]);
		expect(&step, FR_CLASS_MEM, FR_LEVEL_FULL, FR_WHY_AGAIN);
		assert_int_equal(until(&w, 10, &step), 1);
		expect(&step, FR_CLASS_MEM, FR_LEVEL_SAMPLED, FR_WHY_BUDGET);
	}
}

/* Held for as long as it had waited: the next pause is a short one. Not as long: a longer one. */
static void pauses_shrink(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_MEM] = 50;
	assert_int_equal(until(&w, 10, &step), 2);
	assert_int_equal(until(&w, 100, &step), 60);
	assert_int_equal(until(&w, 10, &step), 1);
	assert_int_equal(until(&w, 200, &step), 120);
	w.share[FR_CLASS_MEM] = 1;
	assert_int_equal(until(&w, 110, &step), 0);
	w.share[FR_CLASS_MEM] = 50;
	assert_int_equal(until(&w, 10, &step), 1);
	assert_int_equal(until(&w, 300, &step), 240);
	w.share[FR_CLASS_MEM] = 1;
	assert_int_equal(until(&w, 250, &step), 0);
	w.share[FR_CLASS_MEM] = 50;
	assert_int_equal(until(&w, 10, &step), 1);
	assert_int_equal(until(&w, 300, &step), 60);
}

/* Each class has its own pause. */
static void two_pauses(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.share[FR_CLASS_MEM] = 8;
	w.share[FR_CLASS_NET] = 7;
	assert_int_equal(until(&w, 10, &step), 2);
	assert_int_equal(until(&w, 10, &step), 1);
	expect(&step, FR_CLASS_NET, FR_LEVEL_SLOW, FR_WHY_BUDGET);
	w.share[FR_CLASS_MEM] = w.share[FR_CLASS_NET] = 0;
	assert_int_equal(until(&w, 100, &step), 59);
	expect(&step, FR_CLASS_MEM, FR_LEVEL_FULL, FR_WHY_AGAIN);
	assert_int_equal(until(&w, 100, &step), 1);
	expect(&step, FR_CLASS_NET, FR_LEVEL_FULL, FR_WHY_AGAIN);
	assert_int_equal(until(&w, 1000, &step), 0);
}

/* Half a second, and a tenth of a second of CPU time: less says nothing, and is kept for later. */
static void short_intervals(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;
	int n = 0;

	w.share[FR_CLASS_MEM] = 50;
	assert_false(elapse(&w, SECOND, &step));
	while (!elapse(&w, SECOND / 100, &step))
		n++;
	assert_int_equal(n, 49);
	w = world(5);
	w.cpu = 0.02; /* hardly anything, and much of it is recording */
	w.share[FR_CLASS_MEM] = 50;
	assert_int_equal(until(&w, 20, &step), 6);
}

/* A clock that has gone back: another process's CPU time. Nothing is concluded. */
static void clocks_that_go_back(void **state)
{
	struct world w = world(5);
	struct fr_budget_step step;

	w.v.cpu_ns = 100 * SECOND;
	w.share[FR_CLASS_MEM] = 50;
	assert_false(elapse(&w, SECOND, &step));
	w.v.cpu_ns = 0;
	assert_false(elapse(&w, SECOND, &step));
	assert_int_equal(until(&w, 10, &step), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_budget),      cmocka_unit_test(the_costliest_first),
		cmocka_unit_test(not_all_can_be_lowered), cmocka_unit_test(pauses_grow),
		cmocka_unit_test(pauses_shrink),          cmocka_unit_test(two_pauses),
		cmocka_unit_test(short_intervals),        cmocka_unit_test(clocks_that_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
