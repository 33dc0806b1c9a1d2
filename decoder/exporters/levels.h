/* SPDX-License-Identifier: MIT */
/*
 * levels.h - the levels of the classes: in force, asked for, and lowered by FR_BUDGET.
 */
#ifndef FR_EXPORTERS_LEVELS_H
#define FR_EXPORTERS_LEVELS_H

#include <jansson.h>

#include "base/sbuf.h"
#include "preload/wire/wire.h"
#include "preload/wire/wire_control.h"

/* "5 % of the CPU time; lowered now: mem from full to sampled", "none". */
void fr_budget_text(struct sbuf *b, const struct fr_control *c);

/* {"lock": "slow", ...} of the first N classes. */
json_t *fr_levels_json(const uint8_t *levels, uint32_t n);

#endif
