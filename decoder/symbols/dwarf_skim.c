/* SPDX-License-Identifier: MIT */
/*
 * dwarf_skim.c - steps over the DIEs of a unit and shows those of one kind.
 *
 * Only the attributes that say where something is are read; the values of all other DIEs are
 * stepped over, mostly by one addition, because the abbreviation gives their size.
 */
#include "symbols/dwarf_file.h"

#define DEPTH_MAX 1024

static bool is_shown(enum skim_what what, uint16_t tag)
{
	if (what == SKIM_DATA)
		return tag == DW_TAG_variable;
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static void skip_values(struct bytes *b, const struct unit *u, const struct abbrev_table *t,
			const struct abbrev *a)
{
	struct form_value v;
	uint16_t i;

	if (a->fixed != UINT32_MAX) {
		bytes_skip(b, a->fixed);
		return;
	}
	for (i = 0; i < a->n && !b->bad; i++) {
		bytes_skip(b, t->specs[a->first + i].skip);
		fr_form_read(b, u, t->specs[a->first + i].form, 0, &v);
	}
	bytes_skip(b, a->skip);
}

static void take(struct skim_die *die, const struct attr_spec *s, const struct form_value *v)
{
	switch (s->at) {
	case DW_AT_low_pc:
		die->low_form = s->form;
		die->low = v->u;
		break;
	case DW_AT_high_pc:
		die->high_form = s->form;
		die->high = v->u;
		break;
	case DW_AT_ranges:
		die->ranges_form = s->form;
		die->ranges = v->u;
		break;
	case DW_AT_sibling: /* from the unit's start; the other forms are never used for it */
		die->sibling = s->form == DW_FORM_ref4 ? v->u : 0;
		break;
	case DW_AT_location:
		die->loc = v->block;
		die->loc_size = v->block_size;
		break;
	}
}

static void read_values(struct bytes *b, const struct unit *u, const struct abbrev_table *t,
			const struct abbrev *a, struct skim_die *die)
{
	uint16_t i;

	for (i = 0; i < a->n && !b->bad; i++) {
		const struct attr_spec *s = &t->specs[a->first + i];
		struct form_value v;

		bytes_skip(b, s->skip);
		fr_form_read(b, u, s->form, s->implicit, &v);
		take(die, s, &v);
	}
	bytes_skip(b, a->skip);
}

/* Nothing below such a DIE is code or data: of C++ and the like that holds for fewer kinds. */
static bool is_barren(const struct unit *u, const struct abbrev *a)
{
	if (!a->children || !a->sibling)
		return false;
	switch (a->tag) {
	case DW_TAG_enumeration_type:
	case DW_TAG_array_type:
	case DW_TAG_subroutine_type:
		return true;
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return u->is_c;
	}
	return false;
}

/* Goes behind the children of DIE, whose values have been read; false = that is not known. */
static bool jump(struct bytes *b, const struct unit *u, const struct skim_die *die)
{
	const uint8_t *start = u->home->sec.info.data + u->header;

	if (b->bad || die->sibling <= (uint64_t)(b->p - start) ||
	    die->sibling >= (uint64_t)(b->end - start))
		return false;
	b->p = start + die->sibling;
	return true;
}

bool fr_skim(const struct unit *u, enum skim_what what, skim_fn fn, void *arg)
{
	const struct abbrev_table *t = fr_abbrev_table(u);
	struct span info = u->home->sec.info;
	struct bytes b = bytes_at(info, u->die);
	uint32_t depth = 0;

	if (!t || u->end > info.size || b.bad)
		return false;
	b.end = info.data + u->end;
	while (bytes_left(&b)) {
		struct skim_die die = {.off = (uint64_t)(b.p - info.data), .depth = depth};
		uint64_t code = bytes_uleb(&b);
		const struct abbrev *a = code ? fr_abbrev_find(t, code) : NULL;

		if (!code) {
			/* Padding after the unit's own DIE is allowed. */
			if (depth && !--depth)
				break;
			continue;
		}
		if (!a || depth > DEPTH_MAX)
			return false;
		die.tag = a->tag;
		if (is_barren(u, a)) {
			read_values(&b, u, t, a, &die);
			if (jump(&b, u, &die))
				continue;
		} else if (!is_shown(what, a->tag)) {
			skip_values(&b, u, t, a);
		} else {
			read_values(&b, u, t, a, &die);
			if (b.bad || !fn(arg, &die))
				break;
		}
		depth += a->children;
	}
	return !b.bad;
}
