/* SPDX-License-Identifier: MIT */
/*
 * wire_settings.h - what the columns of config.def mean, and a setting as it stands in a recording:
 * the section FR_SEC_SETTINGS has one record per row. A part of wire.h, under the same rules.
 */
#ifndef FR_WIRE_SETTINGS_H
#define FR_WIRE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "wire_control.h"

/* How a setting's number is to be shown; TEXT: its text says it all. */
enum fr_setting_unit {
	FR_UNIT_TEXT = 0,
	FR_UNIT_NUMBER = 1,
	FR_UNIT_NS = 2,
	FR_UNIT_BYTES = 3,
	FR_UNIT_PERCENT = 4, /* 0 = no limit */
	FR_UNIT_FLAG = 5,
	FR_UNIT_LEVELS = 6, /* in fr_control.in_force: levels */
	FR_UNIT_RULES = 7, /* in fr_control.in_force: limit */
};

/* Each type of config.def: its unit, and what a value is called in a help. */
#define FR_UNIT_OF_path FR_UNIT_TEXT
#define FR_UNIT_OF_text FR_UNIT_TEXT
#define FR_UNIT_OF_bytes FR_UNIT_BYTES
#define FR_UNIT_OF_duration FR_UNIT_NS
#define FR_UNIT_OF_number FR_UNIT_NUMBER
#define FR_UNIT_OF_budget FR_UNIT_PERCENT
#define FR_UNIT_OF_flag FR_UNIT_FLAG
#define FR_UNIT_OF_events FR_UNIT_LEVELS
#define FR_UNIT_OF_trigger FR_UNIT_RULES
#define FR_UNIT_OF_signal FR_UNIT_TEXT
#define FR_UNIT_OF_keep_max FR_UNIT_TEXT
#define FR_UNIT_OF_unwind FR_UNIT_TEXT
#define FR_UNIT_OF_clock FR_UNIT_TEXT

#define FR_VALUE_OF_path "DIR"
#define FR_VALUE_OF_text "NAMES"
#define FR_VALUE_OF_bytes "SIZE"
#define FR_VALUE_OF_duration "TIME"
#define FR_VALUE_OF_number "N"
#define FR_VALUE_OF_budget "SHARE"
#define FR_VALUE_OF_flag "0|1"
#define FR_VALUE_OF_events "LEVELS"
#define FR_VALUE_OF_trigger "LIST"
#define FR_VALUE_OF_signal "NAME"
#define FR_VALUE_OF_keep_max "BOUND"
#define FR_VALUE_OF_unwind "WAY"
#define FR_VALUE_OF_clock "CLOCK"

/* Each kind of change: may fr ctl do it? */
#define FR_LIVE_START 0
#define FR_LIVE_LIVE 1
#define FR_LIVE_OWN 1

#define FR_YEAR (86400ull * 365 * 1000000000)

#define SETTING(name, ...) FR_SETTING_##name,
enum fr_setting {
#include "config.def"
	FR_SETTINGS
};
#undef SETTING

/*
 * Where a setting that is LIVE is asked for: these stand in struct fr_settings since before a
 * setting had a record, all others in their record.
 */
struct fr_setting_field {
	size_t at, size; /* 0 bytes = none */
};
static const struct fr_setting_field fr_setting_fields[FR_SETTINGS] = {
	[FR_SETTING_budget] = {offsetof(struct fr_settings, budget), sizeof(uint32_t)},
	[FR_SETTING_slow] = {offsetof(struct fr_settings, slow), sizeof(uint64_t)},
	[FR_SETTING_cooldown] = {offsetof(struct fr_settings, cooldown), sizeof(uint64_t)},
	[FR_SETTING_trigger_max] = {offsetof(struct fr_settings, trigger_max), sizeof(uint64_t)},
};

/* Flags of a record. */
#define FR_SETTING_GIVEN 1u /* the environment had a value that was understood */
#define FR_SETTING_REFUSED 2u /* or one that was not */
#define FR_SETTING_LIVE 4u /* fr ctl may change it */

/*
 * Found by its name. x_value is the number in force. `fr ctl` writes x_wanted and x_seal, then asks
 * as wire_control.h says; what is not to change is wanted as it is.
 */
struct fr_setting_rec {
	char name[24]; /* "max_bytes" */
	uint32_t unit; /* enum fr_setting_unit */
	uint32_t flags; /* FR_SETTING_... */
	uint64_t least; /* of x_value */
	uint64_t most;
	uint64_t x_value;
	uint64_t x_wanted;
	uint64_t x_seal; /* fr_setting_seal() of x_wanted: it was written whole */
	char text[120]; /* the value at start as it was written, cut; the notes have all of it */
};

static inline uint64_t fr_setting_seal(uint64_t wanted)
{
	return (wanted ^ 0xcbf29ce484222325ull) * 0x9e3779b97f4a7c15ull;
}

#endif
