/* SPDX-License-Identifier: MIT */
/*
 * trigger_rules.c - the table of conditions: by name for FR_TRIGGER, by hook for the ends of waits.
 *
 * Context: fr_trigger_parse and fr_trigger_describe at birth, the others anywhere. Must not:
 * allocate.
 */
#include <string.h>

#include "core/arch.h"
#include "core/real.h"
#include "core/text.h"
#include "core/trigger_rules.h"
#include "core/units.h"

#define WAIT FR_WHERE_WAIT
#define WAIT_FD (FR_WHERE_WAIT | FR_WHERE_FD)
#define WAIT_STUCK (FR_WHERE_WAIT | FR_WHERE_STUCK)
#define WAIT_FD_STUCK (FR_WHERE_WAIT | FR_WHERE_FD | FR_WHERE_STUCK)
#define HOLD FR_WHERE_HOLD
#define PERIODIC FR_WHERE_PERIODIC
#define END FR_WHERE_END

struct rule {
	const char *name;
	enum fr_rule_unit unit;
	unsigned int where;
};

#define TRIGGER(number, name, unit, where, help) [number] = {#name, FR_RULE_##unit, where},
static const struct rule rules[FR_RULES_MAX] = {
#include "wire/triggers.def"
};
#undef TRIGGER

/* Rule + 1 of each hook. */
#define HOOK(id, fn, klass, wait, trigger, version) [id] = FR_RULE_##trigger + 1,
static const uint8_t of_hook[FR_HOOK_MAX] = {
#include "wire/hooks.def"
};
#undef HOOK

const char *fr_trigger_name(unsigned int rule)
{
	return rule < FR_RULES_MAX && rules[rule].name ? rules[rule].name : "?";
}

unsigned int fr_trigger_where(unsigned int rule)
{
	return rule < FR_RULES_MAX ? rules[rule].where : 0;
}

bool fr_trigger_possible(unsigned int rule, uint64_t limit)
{
	if (!rules[rule].name)
		return limit == 0;
	switch (rules[rule].unit) {
	case FR_RULE_FLAG:
		return limit <= 1;
	case FR_RULE_NS:
		return limit <= 86400ull * 365 * 1000000000; /* a year */
	default:
		return limit <= 1ull << 50;
	}
}

int fr_trigger_rule_of(uint32_t call)
{
	return call < FR_HOOK_MAX ? of_hook[call] - 1 : FR_RULE_none;
}

void fr_trigger_describe(struct fr_control *c)
{
	c->n_rules = FR_RULES_MAX;
	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		if (!rules[i].name)
			continue;
		fr_text_copy(c->rules[i].name, sizeof(c->rules[i].name), rules[i].name);
		c->rules[i].unit = rules[i].unit;
	}
}

/* ---- FR_TRIGGER ------------------------------------------------------------------------------ */

static bool parse_item(char *item, uint64_t *limit)
{
	char *value = strchr(item, '>');
	uint64_t v = 1;

	if (value)
		*value++ = '\0';
	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		const struct rule *r = &rules[i];

		if (!r->name || strcmp(r->name, item) != 0)
			continue;
		if ((r->unit == FR_RULE_FLAG) != !value)
			return false;
		if (r->unit == FR_RULE_NS && !fr_units_time(value, &v))
			return false;
		if (r->unit == FR_RULE_BYTES && !fr_units_bytes(value, &v))
			return false;
		if (!v || !fr_trigger_possible(i, v))
			return false;
		limit[i] = v;
		return true;
	}
	return false;
}

void fr_trigger_parse(const char *list, uint64_t limit[FR_RULES_MAX],
		      void (*refuse)(const char *item))
{
	memset(limit, 0, FR_RULES_MAX * sizeof(*limit));
	while (*list) {
		size_t n = strcspn(list, ",");
		char item[64], copy[64];
		struct fr_text t = fr_text_on(item, sizeof(item));

		fr_text_bytes(&t, list, n);
		fr_text_copy(copy, sizeof(copy), item);
		if (n && (n >= sizeof(item) || !parse_item(copy, limit)))
			refuse(item);
		list += n + (list[n] == ',');
	}
}
