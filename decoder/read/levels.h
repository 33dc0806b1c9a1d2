/* SPDX-License-Identifier: MIT */
/*
 * levels.h - classes of events and the levels at which they are recorded.
 */
#ifndef FR_READ_LEVELS_H
#define FR_READ_LEVELS_H

#include "preload/wire/wire.h"
#include "preload/wire/wire_control.h"

const char *fr_word_class(uint32_t klass); /* "lock"; "unknown" */
const char *fr_word_level(uint32_t level); /* "slow" */
const char *fr_word_why(uint32_t why); /* enum fr_level_why: "budget" */

/* What the process was started with, or fr ctl has asked for since. */
const uint8_t *fr_levels_asked(const struct fr_control *c);

#endif
