/* SPDX-License-Identifier: MIT */
/*
 * levels.c - the levels of the classes in words. Numbers come from the recording and may be any.
 */
#include "exporters/levels.h"

#include "exporters/json.h"
#include "exporters/words.h"

void fr_budget_text(struct sbuf *b, const struct fr_control *c)
{
	const uint8_t *asked = fr_levels_asked(c), *now = c->in_force.levels;
	const char *between = "; lowered now: ";

	if (!c->in_force.budget) {
		fr_sbuf_str(b, "none");
		return;
	}
	fr_sbuf_fmt(b, "%u %% of the CPU time", c->in_force.budget);
	for (uint32_t k = 0; k < FR_CLASS_RECORDER; k++) {
		if (now[k] == asked[k])
			continue;
		fr_sbuf_fmt(b, "%s%s from %s to %s", between, fr_word_class(k),
			    fr_word_level(asked[k]), fr_word_level(now[k]));
		between = ", ";
	}
}

json_t *fr_levels_json(const uint8_t *levels, uint32_t n)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < n; i++)
		json_object_set_new(o, fr_word_class(i), fr_json_text(fr_word_level(levels[i])));
	return o;
}
