/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_index.c - the second reader's units and the code that each claims.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "symbols/libdwarf_reader.h"

static bool next_unit(const struct libdwarf_reader *r, struct libdwarf_unit *u)
{
	Dwarf_Unsigned length, type, next;
	Dwarf_Off abbrev;
	Dwarf_Half address_size, offset_size, extension, kind;
	Dwarf_Sig8 signature;
	Dwarf_Error err = NULL;
	int rc = dwarf_next_cu_header_d(r->lib.dbg, 1, &length, &u->version, &abbrev, &address_size,
					&offset_size, &extension, &signature, &type, &next, &kind,
					&err);

	return fr_libdwarf_got(&r->lib, rc, &err);
}

static bool has(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at)
{
	Dwarf_Error err = NULL;
	Dwarf_Bool yes = 0;

	return fr_libdwarf_got(&r->lib, dwarf_hasattr(die, at, &yes, &err), &err) && yes;
}

static void collect(void *arg, uint64_t lo, uint64_t hi)
{
	struct libdwarf_reader *r = arg;

	r->ranges = fr_mem_grow(r->ranges, &r->cap_ranges, r->n_ranges + 1, sizeof(*r->ranges));
	r->ranges[r->n_ranges++] = (struct libdwarf_range){lo, hi, r->n_units - 1};
}

static void take_unit(struct libdwarf_reader *r, struct libdwarf_unit u)
{
	Dwarf_Error err = NULL;
	Dwarf_Die die = NULL;
	Dwarf_Half tag = 0;

	if (!fr_libdwarf_got(&r->lib, dwarf_siblingof_b(r->lib.dbg, NULL, 1, &die, &err), &err))
		return;
	if (!fr_libdwarf_got(&r->lib, dwarf_lowpc(die, &u.low, &err), &err))
		u.low = 0;
	u.split = has(r, die, DW_AT_dwo_name) || has(r, die, DW_AT_GNU_dwo_name);
	if (fr_libdwarf_got(&r->lib, dwarf_dieoffset(die, &u.die, &err), &err)) {
		r->units = fr_mem_grow(r->units, &r->cap_units, r->n_units + 1, sizeof(*r->units));
		r->units[r->n_units++] = u;
		if (fr_libdwarf_got(&r->lib, dwarf_tag(die, &tag, &err), &err) &&
		    (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit))
			fr_libdwarf_ranges(r, &u, die, collect, r);
	}
	dwarf_dealloc_die(die);
}

void fr_libdwarf_index(struct libdwarf_reader *r)
{
	struct libdwarf_unit u = {0};
	Dwarf_Error err = NULL;

	if (r->indexed)
		return;
	r->indexed = true;
	while (next_unit(r, &u))
		take_unit(r, u);
	if (!fr_libdwarf_got(&r->lib,
			     dwarf_get_aranges(r->lib.dbg, &r->aranges, &r->n_aranges, &err), &err))
		r->aranges = NULL;
}

size_t fr_libdwarf_hint(const struct libdwarf_reader *r, uint64_t addr)
{
	Dwarf_Error err = NULL;
	Dwarf_Arange found;
	Dwarf_Off die;
	size_t i;

	if (!r->aranges ||
	    !fr_libdwarf_got(
		    &r->lib,
		    dwarf_get_arange(r->aranges, (Dwarf_Unsigned)r->n_aranges, addr, &found, &err),
		    &err) ||
	    !fr_libdwarf_got(&r->lib, dwarf_get_cu_die_offset(found, &die, &err), &err))
		return SIZE_MAX;
	for (i = 0; i < r->n_units; i++)
		if (r->units[i].die == die)
			return i;
	return SIZE_MAX;
}

void fr_libdwarf_index_free(struct libdwarf_reader *r)
{
	Dwarf_Signed i;

	for (i = 0; r->aranges && i < r->n_aranges; i++)
		dwarf_dealloc(r->lib.dbg, r->aranges[i], DW_DLA_ARANGE);
	if (r->aranges)
		dwarf_dealloc(r->lib.dbg, r->aranges, DW_DLA_LIST);
	free(r->units);
	free(r->ranges);
	r->aranges = NULL;
	r->units = NULL;
	r->ranges = NULL;
	r->n_units = r->cap_units = r->n_ranges = r->cap_ranges = 0;
	r->indexed = false;
}
