/* SPDX-License-Identifier: MIT */
/*
 * describe.c - what makes a recording explain itself: its events, its hooks and the notes.
 *
 * Context: birth, one thread; fr_describe_notes also later. Must not: allocate.
 */
#include "store/describe.h"

#include <string.h>

#include "core/config.h"
#include "core/mask.h"
#include "core/real.h"
#include "core/text.h"
#include "core/trigger_rules.h"
#include "store/region.h"
#include "wire/events.h"

#define ARG(type, name) {FR_ARG_##type, #name},
#define EVENT(id, NAME, text, klass, tier, n_short, args)                                          \
	{id, n_short, FR_CLASS_##klass, text, {args}},
struct event_row {
	uint32_t id, n_short, klass;
	char name[24]; /* not by pointers: see struct fr_hook_row */
	struct {
		uint8_t type;
		char name[12]; /* NUL-terminated unless 12 long */
	} arg[FR_ARGS_MAX];
};
static const struct event_row event_rows[] = {
#include "wire/events.def"
};
#undef EVENT
#undef ARG

static void describe_events(struct fr_event_rec *rec)
{
	for (size_t i = 0; i < FR_EVENTS; i++, rec++) {
		const struct event_row *row = &event_rows[i];

		rec->id = row->id;
		rec->n_short = row->n_short;
		rec->klass = row->klass;
		fr_text_copy(rec->name, sizeof(rec->name), row->name);
		for (uint32_t a = 0; a < FR_ARGS_MAX && row->arg[a].type; a++) {
			rec->type[a] = row->arg[a].type;
			fr_text_copy(rec->arg[a], sizeof(rec->arg[a]), row->arg[a].name);
			rec->n_args = a + 1;
		}
	}
	fr_section_used(FR_SEC_SCHEMA, FR_EVENTS * sizeof(struct fr_event_rec));
}

static uint32_t hook_flags(const struct fr_hook_row *row)
{
	int rule = fr_trigger_rule_of(row->id);
	bool stuck = rule >= 0 && (fr_trigger_where((unsigned int)rule) & FR_WHERE_STUCK);

	return FR_HOOK_TOLD | (stuck ? FR_HOOK_STUCK : 0) |
	       (uint32_t)row->wait << FR_HOOK_WAIT_SHIFT |
	       (fr_hook_shadows[row->id] ? FR_HOOK_SHADOWED : 0);
}

static void describe_hooks(struct fr_hook_rec *recs)
{
	uint32_t top = 0;

	for (unsigned int i = 0; i < fr_hook_count; i++) {
		const struct fr_hook_row *row = &fr_hook_rows[i];
		struct fr_hook_rec *rec = &recs[row->id];

		fr_text_copy(rec->name, sizeof(rec->name), row->name);
		rec->id = row->id;
		rec->klass = row->klass;
		rec->provider = (uint64_t)fr_real_slot(row);
		rec->taken = rec->provider != 0;
		rec->flags = hook_flags(row);
		if (rec->id >= top)
			top = rec->id + 1;
	}
	fr_section_used(FR_SEC_HOOKS, top * sizeof(*recs));
}

void fr_describe_notes(void)
{
	fr_mask_copy(fr_section_base(FR_SEC_NOTES), fr_notes, (uint32_t)fr_notes_len);
	fr_section_used(FR_SEC_NOTES, fr_notes_len);
}

static void describe_shadows(struct fr_hook_rec *recs)
{
	for (unsigned int i = 0; i < fr_hook_count; i++) {
		const struct fr_hook_row *row = &fr_hook_rows[i];

		if (!fr_hook_shadows[row->id])
			continue;
		recs[row->id].provider = (uint64_t)fr_hook_shadows[row->id];
		recs[row->id].flags = hook_flags(row);
	}
}

void fr_describe_shadows(void)
{
	describe_shadows(fr_section_base(FR_SEC_HOOKS));
	fr_describe_notes();
}

void fr_describe(void)
{
	describe_events(fr_section_base(FR_SEC_SCHEMA));
	describe_hooks(fr_section_base(FR_SEC_HOOKS));
	fr_describe_shadows(); /* a forked child's are known already */
}
