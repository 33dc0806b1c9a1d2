/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_die.c - the second reader's view of one DIE: ranges, numbers, names.
 *
 * The same rules as the own reader's: the first linkage name on the way through origins and
 * specifications, else the first name; addresses 0, 1 and the two highest belong to functions that
 * the linker dropped.
 */
#include <stdlib.h>

#include "symbols/demangle.h"
#include "symbols/libdwarf_reader.h"

#define HOPS_MAX 16

static Dwarf_Attribute attribute(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at)
{
	Dwarf_Error err = NULL;
	Dwarf_Attribute a = NULL;

	return fr_libdwarf_got(&r->lib, dwarf_attr(die, at, &a, &err), &err) ? a : NULL;
}

static Dwarf_Half form_of(const struct libdwarf_reader *r, Dwarf_Attribute a)
{
	Dwarf_Error err = NULL;
	Dwarf_Half form = 0;

	return fr_libdwarf_got(&r->lib, dwarf_whatform(a, &form, &err), &err) ? form : 0;
}

static bool unsigned_of(const struct libdwarf_reader *r, Dwarf_Attribute a, Dwarf_Unsigned *v)
{
	Dwarf_Error err = NULL;
	Dwarf_Signed s;

	if (fr_libdwarf_got(&r->lib, dwarf_formudata(a, v, &err), &err))
		return true;
	if (!fr_libdwarf_got(&r->lib, dwarf_formsdata(a, &s, &err), &err))
		return false;
	*v = (Dwarf_Unsigned)s;
	return true;
}

bool fr_libdwarf_number(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at, uint64_t *v)
{
	Dwarf_Attribute a = attribute(r, die, at);
	Dwarf_Unsigned u;
	bool ok = a && unsigned_of(r, a, &u);

	if (ok)
		*v = u;
	if (a)
		dwarf_dealloc_attribute(a);
	return ok;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void show(libdwarf_range_fn fn, void *arg, uint64_t lo, uint64_t hi)
{
	if (lo > 1 && lo < hi && lo < UINT64_MAX - 1)
		fn(arg, lo, hi);
}

/* Where a list starts: an offset, or with DW_FORM_rnglistx an index. */
static bool list_at(const struct libdwarf_reader *r, Dwarf_Attribute a, Dwarf_Unsigned *at)
{
	Dwarf_Error err = NULL;
	Dwarf_Half form = form_of(r, a);

	if (form == DW_FORM_sec_offset)
		return fr_libdwarf_got(&r->lib, dwarf_global_formref(a, at, &err), &err);
	return unsigned_of(r, a, at);
}

static void old_list(const struct libdwarf_reader *r, const struct libdwarf_unit *u, Dwarf_Die die,
		     Dwarf_Unsigned at, libdwarf_range_fn fn, void *arg)
{
	Dwarf_Error err = NULL;
	Dwarf_Ranges *list = NULL;
	Dwarf_Signed n = 0, i;
	Dwarf_Unsigned bytes;
	Dwarf_Off where;
	uint64_t base = u->low;

	if (!fr_libdwarf_got(
		    &r->lib,
		    dwarf_get_ranges_b(r->lib.dbg, at, die, &where, &list, &n, &bytes, &err), &err))
		return;
	for (i = 0; i < n && list[i].dwr_type != DW_RANGES_END; i++) {
		if (list[i].dwr_type == DW_RANGES_ADDRESS_SELECTION)
			base = list[i].dwr_addr2;
		else if (list[i].dwr_addr1 != list[i].dwr_addr2)
			show(fn, arg, base + list[i].dwr_addr1, base + list[i].dwr_addr2);
	}
	fr_dwarf_ranges_done(r->lib.dbg, list, n);
}

static void new_list(const struct libdwarf_reader *r, Dwarf_Attribute a, Dwarf_Unsigned at,
		     libdwarf_range_fn fn, void *arg)
{
	Dwarf_Error err = NULL;
	Dwarf_Rnglists_Head head = NULL;
	Dwarf_Unsigned n = 0, i, raw[2], where, lo, hi;
	unsigned int length, kind;
	Dwarf_Bool missing;

	if (!fr_libdwarf_got(
		    &r->lib,
		    dwarf_rnglists_get_rle_head(a, form_of(r, a), at, &head, &n, &where, &err),
		    &err))
		return;
	for (i = 0; i < n; i++) {
		if (!fr_libdwarf_got(&r->lib,
				     dwarf_get_rnglists_entry_fields_a(head, i, &length, &kind,
								       &raw[0], &raw[1], &missing,
								       &lo, &hi, &err),
				     &err) ||
		    kind == DW_RLE_end_of_list)
			break;
		if (!missing && kind != DW_RLE_base_address && kind != DW_RLE_base_addressx)
			show(fn, arg, lo, hi);
	}
	dwarf_dealloc_rnglists_head(head);
}

static void one_range(const struct libdwarf_reader *r, Dwarf_Die die, libdwarf_range_fn fn,
		      void *arg)
{
	enum Dwarf_Form_Class class = DW_FORM_CLASS_UNKNOWN;
	Dwarf_Error err = NULL;
	Dwarf_Addr lo, hi;
	Dwarf_Half form;

	if (!fr_libdwarf_got(&r->lib, dwarf_lowpc(die, &lo, &err), &err) ||
	    !fr_libdwarf_got(&r->lib, dwarf_highpc_b(die, &hi, &form, &class, &err), &err))
		return;
	show(fn, arg, lo, class == DW_FORM_CLASS_ADDRESS ? hi : lo + hi);
}

void fr_libdwarf_ranges(const struct libdwarf_reader *r, const struct libdwarf_unit *u,
			Dwarf_Die die, libdwarf_range_fn fn, void *arg)
{
	Dwarf_Attribute a = attribute(r, die, DW_AT_ranges);
	Dwarf_Unsigned at;

	if (!a) {
		one_range(r, die, fn, arg);
		return;
	}
	if (list_at(r, a, &at)) {
		if (u->version >= 5)
			new_list(r, a, at, fn, arg);
		else
			old_list(r, u, die, at, fn, arg);
	}
	dwarf_dealloc_attribute(a);
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *text(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at)
{
	Dwarf_Attribute a = attribute(r, die, at);
	Dwarf_Error err = NULL;
	char *s = NULL;

	if (!a)
		return NULL;
	if (!fr_libdwarf_got(&r->lib, dwarf_formstring(a, &s, &err), &err))
		s = NULL;
	dwarf_dealloc_attribute(a);
	return s;
}

static Dwarf_Die follow(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at)
{
	Dwarf_Attribute a = attribute(r, die, at);
	Dwarf_Error err = NULL;
	Dwarf_Die to = NULL;
	Dwarf_Off off;

	if (!a)
		return NULL;
	if (!fr_libdwarf_got(&r->lib, dwarf_global_formref(a, &off, &err), &err) ||
	    !fr_libdwarf_got(&r->lib, dwarf_offdie_b(r->lib.dbg, off, 1, &to, &err), &err))
		to = NULL;
	dwarf_dealloc_attribute(a);
	return to;
}

static const char *linkage_name(const struct libdwarf_reader *r, Dwarf_Die die)
{
	const char *s = text(r, die, DW_AT_linkage_name);

	return s ? s : text(r, die, DW_AT_MIPS_linkage_name);
}

uint32_t fr_libdwarf_name(const struct libdwarf_reader *r, Dwarf_Die die, struct image_builder *b,
			  bool *bare)
{
	const char *name = text(r, die, DW_AT_name), *linkage = linkage_name(r, die);
	Dwarf_Die next, at = NULL;
	unsigned int hops;
	uint32_t str;
	char *nice;

	for (hops = 0; hops < HOPS_MAX && !linkage; hops++) {
		next = follow(r, at ? at : die, DW_AT_abstract_origin);
		if (!next)
			next = follow(r, at ? at : die, DW_AT_specification);
		if (!next)
			break;
		if (at)
			dwarf_dealloc_die(at);
		at = next;
		linkage = linkage_name(r, at);
		if (!name)
			name = text(r, at, DW_AT_name);
	}
	if (at)
		dwarf_dealloc_die(at);
	*bare = !linkage;
	nice = linkage ? fr_demangle(linkage) : NULL;
	str = fr_image_intern(b, nice ? nice : linkage ? linkage : name);
	free(nice);
	return str;
}
