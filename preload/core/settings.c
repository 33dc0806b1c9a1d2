/* SPDX-License-Identifier: MIT */
/*
 * settings.c - the settings in the recording, by the rows of config.def.
 *
 * Context: describe at birth, the others in any hook, perhaps a signal handler, under the gate's
 * settings_lock. Must not: look at a byte that `fr ctl` may write a second time, after the check.
 */
#include "core/settings.h"

#include <stddef.h>
#include <string.h>

#include "core/config.h"
#include "core/mask.h"
#include "core/text.h"

/* Levels and conditions are LIVE too, and no number. */
static bool is_number(const struct fr_config_row *row)
{
	return row->unit != FR_UNIT_TEXT && row->unit != FR_UNIT_LEVELS &&
	       row->unit != FR_UNIT_RULES;
}

static uint64_t number(const struct fr_config_row *row)
{
	const char *field = (const char *)&fr_config + row->at;

	if (row->unit == FR_UNIT_FLAG)
		return *(const bool *)field;
	return is_number(row) ? *(const uint64_t *)field : 0;
}

/* In one store: other threads read it meanwhile. */
static void set_number(const struct fr_config_row *row, uint64_t v)
{
	char *field = (char *)&fr_config + row->at;

	if (row->unit == FR_UNIT_FLAG)
		__atomic_store_n((bool *)field, v, __ATOMIC_RELAXED);
	else
		__atomic_store_n((uint64_t *)field, v, __ATOMIC_RELAXED);
}

/* The low bytes of a field come first. */
static uint64_t number_asked(const struct fr_settings *fields, enum fr_setting i)
{
	uint64_t v = 0;

	memcpy(&v, (const char *)fields + fr_setting_fields[i].at, fr_setting_fields[i].size);
	return v;
}

void fr_settings_describe(struct fr_setting_rec *recs)
{
	for (unsigned int i = 0; i < FR_SETTINGS; i++) {
		struct fr_setting_rec *r = &recs[i];

		fr_text_copy(r->name, sizeof(r->name), fr_config_rows[i].name);
		fr_mask_copy(r->text, fr_config_sources[i].text,
			     (uint32_t)strnlen(fr_config_sources[i].text, sizeof(r->text) - 1));
		r->unit = fr_config_rows[i].unit;
		r->flags = fr_config_rows[i].flags | fr_config_sources[i].flags;
		r->least = fr_config_rows[i].least;
		r->most = fr_config_rows[i].most;
		r->x_wanted = number(&fr_config_rows[i]);
		r->x_seal = fr_setting_seal(r->x_wanted);
	}
}

void fr_settings_show(struct fr_setting_rec *recs, struct fr_settings *in_force)
{
	for (unsigned int i = 0; i < FR_SETTINGS; i++) {
		const struct fr_setting_field *field = &fr_setting_fields[i];
		uint64_t v = number(&fr_config_rows[i]);

		memcpy((char *)in_force + field->at, &v, field->size);
		__atomic_store_n(&recs[i].x_value, v, __ATOMIC_RELAXED);
	}
}

static bool is_live_number(const struct fr_config_row *row)
{
	return row->flags & FR_SETTING_LIVE && is_number(row);
}

static bool written_whole(const struct fr_setting_rec *rec, uint64_t *v)
{
	uint64_t seal = __atomic_load_n(&rec->x_seal, __ATOMIC_RELAXED);

	*v = __atomic_load_n(&rec->x_wanted, __ATOMIC_RELAXED);
	return fr_setting_seal(*v) == seal;
}

bool fr_settings_take(const struct fr_setting_rec *recs, const struct fr_settings *fields,
		      struct fr_settings_wanted *wanted)
{
	for (unsigned int i = 0; i < FR_SETTINGS; i++) {
		uint64_t *v = &wanted->value[i];

		if (!is_live_number(&fr_config_rows[i]))
			continue;
		if (fr_setting_fields[i].size)
			*v = number_asked(fields, (enum fr_setting)i);
		else if (!written_whole(&recs[i], v))
			return false;
		if (*v < fr_config_rows[i].least || *v > fr_config_rows[i].most)
			return false;
	}
	return true;
}

void fr_settings_obey(const struct fr_settings_wanted *wanted)
{
	for (unsigned int i = 0; i < FR_SETTINGS; i++) {
		if (is_live_number(&fr_config_rows[i]))
			set_number(&fr_config_rows[i], wanted->value[i]);
	}
}
