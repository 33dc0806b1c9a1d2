/* SPDX-License-Identifier: MIT */
/*
 * control.h - settings of the live process, changed through the region by `fr ctl`.
 *
 * Whoever may write the region's file may ask: the same user, or root. What is asked for is data
 * from outside all the same: copied once, checked, then believed.
 */
#ifndef FR_CONTROL_H
#define FR_CONTROL_H

#include <stdbool.h>

#include "core/arch.h"
#include "record/upcalls.h"
#include "store/region.h"

struct fr_budget_step;
struct fr_thread;

/* Fills in the section of a new region. At birth. */
void fr_control_init(void);

/* Shows the levels in force: header and gate. At birth. */
void fr_control_levels(void);

/* What is in force, and what would be below that: the same where there is nothing. */
void fr_control_view(uint8_t level[FR_CLASSES], uint8_t lower[FR_CLASSES]);

/* Does what the budget decided. Under the gate's settings_lock. */
void fr_control_step(struct fr_thread *t, uint64_t ticks, const struct fr_budget_step *step);

/* A hook of a sleeping process came by: the class's level, after waking up if that is asked for. */
enum fr_level fr_control_wake(enum fr_class klass);

/* Does what was asked for, or refuses it. T may be NULL: then nothing is recorded. */
void fr_control_apply(struct fr_thread *t, uint64_t ticks);

#endif
