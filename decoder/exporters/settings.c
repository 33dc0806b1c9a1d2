/* SPDX-License-Identifier: MIT */
/*
 * settings.c - settings in words and as JSON. What a recording says of them may be anything: a unit
 * that this fr does not know is shown as the text that the recording has.
 */
#include "exporters/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "exporters/json.h"
#include "exporters/levels.h"
#include "exporters/words.h"

void fr_setting_number_text(struct sbuf *b, uint32_t unit, uint64_t v)
{
	char buf[FR_UNITS_LEN];

	if (unit == FR_UNIT_NS)
		fr_sbuf_str(b, fr_units_ns(buf, v));
	else if (unit == FR_UNIT_BYTES)
		fr_sbuf_str(b, fr_units_bytes(buf, v));
	else if (unit == FR_UNIT_FLAG)
		fr_sbuf_str(b, v ? "yes" : "no");
	else if (unit == FR_UNIT_PERCENT && !v)
		fr_sbuf_str(b, "none");
	else
		fr_sbuf_fmt(b, "%" PRIu64 "%s", v, unit == FR_UNIT_PERCENT ? " %" : "");
}

static bool is_number(uint32_t unit)
{
	return unit >= FR_UNIT_NUMBER && unit <= FR_UNIT_FLAG;
}

void fr_setting_text(struct sbuf *b, const struct fr_setting_rec *r, const struct fr_control *c)
{
	if (r->unit == FR_UNIT_LEVELS && c)
		fr_levels_text(b, c->in_force.levels, FR_CLASS_RECORDER);
	else if (r->unit == FR_UNIT_RULES && c)
		fr_rules_text(b, c);
	else if (r->unit == FR_UNIT_PERCENT && c)
		fr_budget_text(b, c);
	else if (is_number(r->unit))
		fr_setting_number_text(b, r->unit, r->x_value);
	else
		fr_sbuf_text(b, r->text, strlen(r->text));
}

void fr_levels_text(struct sbuf *b, const uint8_t *levels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		fr_sbuf_fmt(b, "%s%s=%s", i ? " " : "", fr_word_class(i), fr_word_level(levels[i]));
}

void fr_rules_text(struct sbuf *b, const struct fr_control *c)
{
	const char *between = "";

	for (uint32_t i = 0; i < c->n_rules && i < FR_RULES_MAX; i++) {
		const struct fr_rule_rec *r = &c->rules[i];
		uint64_t limit = c->in_force.limit[i];

		if (!limit || !r->name[0])
			continue;
		fr_sbuf_str(b, between);
		between = ", ";
		fr_sbuf_text(b, r->name, strnlen(r->name, sizeof(r->name)));
		if (r->unit != FR_RULE_FLAG) {
			fr_sbuf_str(b, " > ");
			fr_setting_number_text(
				b, r->unit == FR_RULE_BYTES ? FR_UNIT_BYTES : FR_UNIT_NS, limit);
		}
		if (r->x_fired)
			fr_sbuf_fmt(b, " (%u times)", r->x_fired);
	}
	if (!*between)
		fr_sbuf_str(b, "none");
}

static json_t *setting_json(const struct fr_setting_rec *r)
{
	static const char *const units[] = {"text",    "number", "ns",     "bytes",
					    "percent", "flag",   "levels", "rules"};
	json_t *o = json_object();

	json_object_set_new(o, "value",
			    is_number(r->unit) ? fr_json_u64(r->x_value) : fr_json_text(r->text));
	json_object_set_new(
		o, "unit",
		fr_json_text(r->unit < sizeof(units) / sizeof(*units) ? units[r->unit] : "?"));
	json_object_set_new(o, "at_start", fr_json_text(r->text));
	json_object_set_new(o, "given", json_boolean(r->flags & FR_SETTING_GIVEN));
	json_object_set_new(o, "refused", json_boolean(r->flags & FR_SETTING_REFUSED));
	json_object_set_new(o, "live", json_boolean(r->flags & FR_SETTING_LIVE));
	return o;
}

json_t *fr_settings_json(const struct fr_setting_rec *recs, size_t n)
{
	json_t *all = json_object();

	for (size_t i = 0; i < n; i++) {
		struct sbuf name = {0};

		fr_sbuf_utf8(&name, recs[i].name, strlen(recs[i].name));
		json_object_set_new(all, fr_sbuf_cstr(&name), setting_json(&recs[i]));
		fr_sbuf_free(&name);
	}
	return all;
}
