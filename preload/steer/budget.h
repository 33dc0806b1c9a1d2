/* SPDX-License-Identifier: MIT */
/*
 * budget.h - FR_BUDGET: how much of the process's CPU time recording may take, about.
 *
 *   a full chunk ──> charge, by class ──┐
 *   CPU time, clock ────────────────────┴──> once a second: a step, down or up again, or none
 *
 * Events are not counted one by one: when a chunk is full, all its events are charged to the class
 * of the event that the chunk was taken for. Over many chunks each class is charged by its share of
 * the bytes.
 */
#ifndef FR_BUDGET_H
#define FR_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/events.h"
#include "wire/wire.h"

struct fr_thread;

/* ---- the rule (budget_rule.c): no clock, no memory but its own ------------------------------- */

#define FR_BUDGET_PAUSE (60ull * 1000000000) /* before a lowered class is tried again */
#define FR_BUDGET_PAUSE_MAX (3600ull * 1000000000)
/* Less is not judged: the cost comes in whole chunks. */
#define FR_BUDGET_WALL 500000000ull
#define FR_BUDGET_CPU 100000000ull

struct fr_budget_pause {
	uint64_t until; /* is tried again then; 0 = not lowered */
	uint64_t length; /* of this pause, or of the last until the class stays raised; 0 = none */
	uint64_t raised; /* when it was tried again; 0 = not lately */
};

struct fr_budget {
	bool begun; /* what follows was measured */
	uint64_t now_ns, cpu_ns;
	uint64_t cost_ns[FR_CLASSES];
	struct fr_budget_pause pause[FR_CLASSES];
};

/* What one check goes by. The costs are sums since the start, as is the CPU time. */
struct fr_budget_view {
	uint64_t now_ns, cpu_ns;
	uint64_t cost_ns[FR_CLASSES];
	uint32_t percent;
	uint8_t level[FR_CLASSES]; /* in force */
	uint8_t asked[FR_CLASSES]; /* to go back to */
	uint8_t lower[FR_CLASSES]; /* the level below; the same as in force: there is none */
};

struct fr_budget_step {
	uint8_t klass;
	uint8_t level;
	uint8_t why; /* enum fr_level_why */
};

/* True: STEP is to be done. */
bool fr_budget_decide(struct fr_budget *b, const struct fr_budget_view *view,
		      struct fr_budget_step *step);

/* ---- the check (budget.c) -------------------------------------------------------------------- */

/* A new region: nothing has been charged, nothing lowered. */
void fr_budget_init(void);

/* Lowers a class, or tries one again, if it is time. Under the guard. */
void fr_budget_check(struct fr_thread *t, uint64_t ticks);

/* Somebody has said what level KLASS is to have: no pause goes on. */
void fr_budget_forget(enum fr_class klass);

#endif
