/* SPDX-License-Identifier: MIT */
/*
 * settings.h - struct fr_config as a recording shows it, and as `fr ctl` changes it.
 */
#ifndef FR_SETTINGS_H
#define FR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire_control.h"
#include "wire/wire_settings.h"

/* What a request wants of the settings that are LIVE; by enum fr_setting. */
struct fr_settings_wanted {
	uint64_t value[FR_SETTINGS];
};

/* Fills in the section of a new region. At birth. */
void fr_settings_describe(struct fr_setting_rec *recs);

/* Shows the numbers that are in force. */
void fr_settings_show(struct fr_setting_rec *recs, struct fr_settings *in_force);

/*
 * Takes a copy of what a request wants: false = one of its numbers was not written whole, or is
 * out of its range. FIELDS: the copy of the other half.
 */
bool fr_settings_take(const struct fr_setting_rec *recs, const struct fr_settings *fields,
		      struct fr_settings_wanted *wanted);

/* All numbers that can change: from now on in force. */
void fr_settings_obey(const struct fr_settings_wanted *wanted);

#endif
