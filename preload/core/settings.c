/* SPDX-License-Identifier: MIT */
/*
 * settings.c - the settings in the recording, by the rows of config.def.
 *
 * Context: describe at birth, the others in any hook, perhaps a signal handler, under the gate's
 * settings_lock. Must not: look at a byte that `fr ctl` may write a second time, after the check.
 */
#include "core/settings.h"

#include "core/config.h"
#include "core/text.h"

struct row {
	const char *name;
	uint64_t least, most;
	enum fr_setting_unit unit;
	uint32_t flags;
};

#define SETTING(name, variable, type, dflt, least, most, change, ...)                              \
	[FR_SETTING_##name] = {#name, least, most, FR_UNIT_OF_##type,                              \
			       FR_LIVE_##change * FR_SETTING_LIVE},
static const struct row rows[FR_SETTINGS] = {
#include "wire/config.def"
};
#undef SETTING

static uint64_t of_number(const void *field)
{
	return *(const uint64_t *)field;
}

static uint64_t of_flag(const void *field)
{
	return *(const bool *)field;
}

static uint64_t of_other(const void *field)
{
	return 0;
}

/* The number that a field is; 0 = it is none. */
#define NUMBER(field)                                                                              \
	_Generic((field), uint64_t : of_number, bool : of_flag, default : of_other)(&(field))

static uint64_t number(enum fr_setting i)
{
#define SETTING(name, ...)                                                                         \
	case FR_SETTING_##name:                                                                    \
		return NUMBER(fr_config.name);
	switch (i) {
#include "wire/config.def"
	default:
		return 0;
	}
#undef SETTING
}

void fr_settings_describe(struct fr_setting_rec *recs)
{
	for (unsigned int i = 0; i < FR_SETTINGS; i++) {
		struct fr_setting_rec *r = &recs[i];

		fr_text_copy(r->name, sizeof(r->name), rows[i].name);
		fr_text_copy(r->text, sizeof(r->text), fr_config_sources[i].text);
		r->unit = rows[i].unit;
		r->flags = rows[i].flags | fr_config_sources[i].flags;
		r->least = rows[i].least;
		r->most = rows[i].most;
		r->x_wanted = number((enum fr_setting)i);
		r->x_seal = fr_setting_seal(r->x_wanted);
	}
}

/* What each kind of change makes of a row; START and OWN are not changed here. */
#define SHOW_START(name)
#define SHOW_LIVE(name)
#define SHOW_FIELD(name) in_force->name = (__typeof__(in_force->name))fr_config.name;
#define SHOW_OWN(name)

void fr_settings_show(struct fr_setting_rec *recs, struct fr_settings *in_force)
{
#define SETTING(name, variable, type, dflt, least, most, change, ...) SHOW_##change(name)
#include "wire/config.def"
#undef SETTING
	for (unsigned int i = 0; i < FR_SETTINGS; i++)
		__atomic_store_n(&recs[i].x_value, number((enum fr_setting)i), __ATOMIC_RELAXED);
}

static bool in_range(enum fr_setting i, uint64_t v)
{
	return v >= rows[i].least && v <= rows[i].most;
}

static bool take(const struct fr_setting_rec *recs, enum fr_setting i, uint64_t *v)
{
	uint64_t seal = __atomic_load_n(&recs[i].x_seal, __ATOMIC_RELAXED);

	*v = __atomic_load_n(&recs[i].x_wanted, __ATOMIC_RELAXED);
	return fr_setting_seal(*v) == seal && in_range(i, *v);
}

#define TAKE_START(i, name) true
#define TAKE_LIVE(i, name) take(recs, i, &wanted->value[i])
#define TAKE_FIELD(i, name) in_range(i, fields->name)
#define TAKE_OWN(i, name) true

bool fr_settings_take(const struct fr_setting_rec *recs, const struct fr_settings *fields,
		      struct fr_settings_wanted *wanted)
{
	bool good = true;

#define SETTING(name, variable, type, dflt, least, most, change, ...)                              \
	good = TAKE_##change(FR_SETTING_##name, name) && good;
#include "wire/config.def"
#undef SETTING
	return good;
}

#define OBEY_START(i, name)
#define OBEY_LIVE(i, name) fr_config.name = (__typeof__(fr_config.name))wanted->value[i];
#define OBEY_FIELD(i, name) fr_config.name = fields->name;
#define OBEY_OWN(i, name)

void fr_settings_obey(const struct fr_settings *fields, const struct fr_settings_wanted *wanted)
{
#define SETTING(name, variable, type, dflt, least, most, change, ...)                              \
	OBEY_##change(FR_SETTING_##name, name)
#include "wire/config.def"
#undef SETTING
}
