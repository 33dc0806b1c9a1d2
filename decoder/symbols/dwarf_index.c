/* SPDX-License-Identifier: MIT */
/*
 * dwarf_index.c - all units of a file and the code that each covers.
 *
 * From the address attributes of each unit's own DIE, by libdwarf. .debug_aranges is a hint only,
 * used when some address is claimed by no unit: clang and rustc do not write it, mixed links have
 * part of it.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "symbols/dwarf_file.h"

/* What libdwarf says of a unit header. */
struct header {
	Dwarf_Unsigned length, type_offset, next, abbrev;
	Dwarf_Half version, address_size, offset_size, extension, kind;
	Dwarf_Sig8 signature;
};

static int next_header(struct dwarf_file *d, struct header *h)
{
	Dwarf_Error err = NULL;
	Dwarf_Off abbrev = 0;
	int rc = dwarf_next_cu_header_d(d->lib.dbg, 1, &h->length, &h->version, &abbrev,
					&h->address_size, &h->offset_size, &h->extension,
					&h->signature, &h->type_offset, &h->next, &h->kind, &err);

	h->abbrev = abbrev;
	if (rc == DW_DLV_ERROR)
		dwarf_dealloc_error(d->lib.dbg, err);
	return rc;
}

static struct unit *push_unit(struct dwarf_file *d, const struct header *h, uint64_t start)
{
	struct unit *u;

	d->units = fr_mem_grow(d->units, &d->cap_units, d->n_units + 1, sizeof(*d->units));
	u = &d->units[d->n_units++];
	u->home = d;
	u->main = d;
	u->header = start;
	u->end = h->next;
	u->abbrev = h->abbrev;
	u->version = h->version;
	u->offset_size = (uint8_t)h->offset_size;
	return u;
}

struct collect {
	struct dwarf_file *d;
	uint32_t unit;
};

static void collect(void *arg, uint64_t lo, uint64_t hi)
{
	struct collect *c = arg;
	struct dwarf_file *d = c->d;

	d->ranges = fr_mem_grow(d->ranges, &d->cap_ranges, d->n_ranges + 1, sizeof(*d->ranges));
	d->ranges[d->n_ranges++] = (struct unit_range){lo, hi, 0, c->unit};
}

static bool is_c(uint64_t language)
{
	return language == DW_LANG_C89 || language == DW_LANG_C || language == DW_LANG_C99 ||
	       language == DW_LANG_C11;
}

/* Completes U from its own DIE. */
static void take_unit(struct dwarf_file *d, struct unit *u, Dwarf_Die die)
{
	struct collect c = {d, (uint32_t)(u - d->units)};
	struct skim_die s = {0};
	uint64_t language = 0;

	u->die = fr_die_offset(die);
	u->tag = fr_die_tag(die);
	u->has_lines = fr_die_raw(d, die, DW_AT_stmt_list, &u->lines);
	u->is_c = fr_die_raw(d, die, DW_AT_language, &language) && is_c(language);
	if (!fr_die_raw(d, die, DW_AT_addr_base, &u->addr_base))
		fr_die_raw(d, die, DW_AT_GNU_addr_base, &u->addr_base);
	fr_die_raw(d, die, DW_AT_rnglists_base, &u->rnglists_base);
	fr_die_raw(d, die, DW_AT_GNU_ranges_base, &u->ranges_base);
	u->has_dwo =
		fr_die_string(d, die, DW_AT_dwo_name) || fr_die_string(d, die, DW_AT_GNU_dwo_name);
	s.low_form = fr_die_raw(d, die, DW_AT_low_pc, &s.low);
	s.high_form = fr_die_raw(d, die, DW_AT_high_pc, &s.high);
	s.ranges_form = fr_die_raw(d, die, DW_AT_ranges, &s.ranges);
	if (s.low_form && !fr_form_address(u, s.low_form, s.low, &u->low))
		u->low = 0;
	if (u->tag == DW_TAG_compile_unit || u->tag == DW_TAG_skeleton_unit)
		fr_ranges_each(u, &s, collect, &c);
}

/* A unit whose own DIE cannot be read keeps tag 0, and is never walked. */
static void index_unit(struct dwarf_file *d, struct unit *u)
{
	Dwarf_Error err = NULL;
	Dwarf_Die die = NULL;

	/* The DIE of the header read last: by its offset libdwarf would search all units. */
	if (!fr_libdwarf_got(&d->lib, dwarf_siblingof_b(d->lib.dbg, NULL, 1, &die, &err), &err))
		return;
	take_unit(d, u, die);
	fr_die_done(die);
}

static int by_lo(const void *x, const void *y)
{
	const struct unit_range *a = x, *b = y;

	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi < b->hi ? -1 : a->hi > b->hi;
}

static void sort_ranges(struct dwarf_file *d)
{
	size_t i;

	if (d->n_ranges)
		qsort(d->ranges, d->n_ranges, sizeof(*d->ranges), by_lo);
	for (i = 0; i < d->n_ranges; i++) {
		struct unit_range *r = &d->ranges[i];

		r->reach = i && r[-1].reach > r->hi ? r[-1].reach : r->hi;
	}
}

static void take_arange(struct dwarf_file *d, Dwarf_Arange arange)
{
	Dwarf_Error err = NULL;
	Dwarf_Addr lo;
	Dwarf_Unsigned length;
	Dwarf_Off die;
	struct collect c = {d, 0};
	struct unit *u;

	if (fr_dwarf_arange(arange, &lo, &length, &die, &err) != DW_DLV_OK)
		return;
	u = fr_index_unit(d, die);
	if (!u || lo <= 1 || lo + length <= lo)
		return;
	c.unit = (uint32_t)(u - d->units);
	collect(&c, lo, lo + length);
}

void fr_index_hints(struct dwarf_file *d)
{
	Dwarf_Error err = NULL;
	Dwarf_Arange *a = NULL;
	Dwarf_Signed n = 0, i;
	int rc;

	d->hinted = true;
	rc = dwarf_get_aranges(d->lib.dbg, &a, &n, &err);

	if (rc == DW_DLV_ERROR)
		dwarf_dealloc_error(d->lib.dbg, err);
	if (rc != DW_DLV_OK)
		return;
	for (i = 0; i < n; i++) {
		take_arange(d, a[i]);
		dwarf_dealloc(d->lib.dbg, a[i], DW_DLA_ARANGE);
	}
	dwarf_dealloc(d->lib.dbg, a, DW_DLA_LIST);
	sort_ranges(d);
}

void fr_index_make(struct dwarf_file *d)
{
	uint64_t start = 0;
	struct header h;
	int rc;

	if (d->indexed)
		return;
	d->indexed = true;
	memset(&h, 0, sizeof(h));
	while ((rc = next_header(d, &h)) == DW_DLV_OK) {
		/* Must move on: damaged lengths must not make a loop. */
		if (h.next <= start || h.next > d->sec.info.size || h.address_size != 8)
			break;
		index_unit(d, push_unit(d, &h, start));
		start = h.next;
	}
	if (rc != DW_DLV_NO_ENTRY)
		d->problem = "part of its debug information is damaged";
	sort_ranges(d);
}

static bool ends_by(const void *unit, const void *off)
{
	return ((const struct unit *)unit)->end <= *(const uint64_t *)off;
}

struct unit *fr_index_unit(struct dwarf_file *d, uint64_t off)
{
	size_t i;

	fr_index_make(d);
	i = fr_search(d->units, d->n_units, sizeof(*d->units), ends_by, &off);
	return i < d->n_units && off >= d->units[i].header ? &d->units[i] : NULL;
}

static bool begins_by(const void *range, const void *addr)
{
	return ((const struct unit_range *)range)->lo <= *(const uint64_t *)addr;
}

const struct unit_range *fr_index_cover(const struct dwarf_file *d, uint64_t addr, size_t *i)
{
	if (*i == d->n_ranges)
		*i = fr_search(d->ranges, d->n_ranges, sizeof(*d->ranges), begins_by, &addr);
	while (*i > 0 && d->ranges[*i - 1].reach > addr) {
		const struct unit_range *r = &d->ranges[--*i];

		if (addr < r->hi)
			return r;
	}
	return NULL;
}
