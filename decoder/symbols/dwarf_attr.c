/* SPDX-License-Identifier: MIT */
/*
 * dwarf_attr.c - libdwarf's DIEs and attributes with every error given back by hand.
 *
 * De-allocation by libdwarf is off (dwarf_open.c), so whatever it hands out ends here.
 */
#include "symbols/dwarf_file.h"

static void drop_error(struct dwarf_file *d, Dwarf_Error err)
{
	if (err)
		dwarf_dealloc_error(d->lib.dbg, err);
}

Dwarf_Die fr_die_at(struct dwarf_file *d, uint64_t off)
{
	Dwarf_Error err = NULL;
	Dwarf_Die die = NULL;

	if (dwarf_offdie_b(d->lib.dbg, off, 1, &die, &err) == DW_DLV_OK)
		return die;
	drop_error(d, err);
	return NULL;
}

void fr_die_done(Dwarf_Die die)
{
	if (die)
		dwarf_dealloc_die(die);
}

static Dwarf_Attribute attribute(struct dwarf_file *d, Dwarf_Die die, uint16_t at, uint16_t *form)
{
	Dwarf_Error err = NULL;
	Dwarf_Attribute a = NULL;

	if (dwarf_attr(die, at, &a, &err) != DW_DLV_OK) {
		drop_error(d, err);
		return NULL;
	}
	if (dwarf_whatform(a, form, &err) == DW_DLV_OK)
		return a;
	drop_error(d, err);
	dwarf_dealloc_attribute(a);
	return NULL;
}

static int signed_value(Dwarf_Attribute a, Dwarf_Unsigned *v, Dwarf_Error *err)
{
	Dwarf_Signed s = 0;
	int rc = dwarf_formsdata(a, &s, err);

	*v = (Dwarf_Unsigned)s;
	return rc;
}

static int raw_value(Dwarf_Attribute a, uint16_t form, Dwarf_Unsigned *v, Dwarf_Error *err)
{
	switch (form) {
	case DW_FORM_addr:
		return dwarf_formaddr(a, v, err);
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
		return dwarf_get_debug_addr_index(a, v, err);
	case DW_FORM_sec_offset:
		return dwarf_global_formref(a, v, err);
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		return signed_value(a, v, err);
	default:
		return dwarf_formudata(a, v, err);
	}
}

uint16_t fr_die_raw(struct dwarf_file *d, Dwarf_Die die, uint16_t at, uint64_t *v)
{
	Dwarf_Error err = NULL;
	Dwarf_Unsigned u;
	uint16_t form;
	Dwarf_Attribute a = attribute(d, die, at, &form);
	bool ok;

	if (!a)
		return 0;
	ok = fr_libdwarf_got(&d->lib, raw_value(a, form, &u, &err), &err);
	if (ok)
		*v = u;
	dwarf_dealloc_attribute(a);
	return ok ? form : 0;
}

/* libdwarf 20210528 reads strx3 wrongly and knows nothing of strings in a dwz file. */
static const char *string_of(struct dwarf_file *d, Dwarf_Attribute a, uint16_t form)
{
	Dwarf_Error err = NULL;
	Dwarf_Off off;
	char *s = NULL;

	if (form == DW_FORM_strx3)
		return NULL;
	if (form == DW_FORM_GNU_strp_alt || form == DW_FORM_strp_sup) {
		if (dwarf_global_formref(a, &off, &err) == DW_DLV_OK)
			return d->alt ? span_string(d->alt->sec.str, off) : NULL;
	} else if (dwarf_formstring(a, &s, &err) == DW_DLV_OK) {
		return s;
	}
	drop_error(d, err);
	return NULL;
}

const char *fr_die_string(struct dwarf_file *d, Dwarf_Die die, uint16_t at)
{
	uint16_t form;
	Dwarf_Attribute a = attribute(d, die, at, &form);
	const char *s = a ? string_of(d, a, form) : NULL;

	if (a)
		dwarf_dealloc_attribute(a);
	return s;
}

Dwarf_Die fr_die_ref(struct dwarf_file *d, Dwarf_Die die, uint16_t at, struct dwarf_file **home)
{
	Dwarf_Error err = NULL;
	Dwarf_Die to = NULL;
	Dwarf_Off off = 0;
	uint16_t form;
	Dwarf_Attribute a = attribute(d, die, at, &form);

	*home = d;
	if (!a)
		return NULL;
	if (form == DW_FORM_GNU_ref_alt || form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8)
		*home = d->alt;
	/* The offset of a type unit is a signature: types there are not followed. */
	if (*home && form != DW_FORM_ref_sig8) {
		if (dwarf_global_formref(a, &off, &err) == DW_DLV_OK)
			to = fr_die_at(*home, off);
		else
			drop_error(d, err);
	}
	dwarf_dealloc_attribute(a);
	return to;
}

uint16_t fr_die_tag(Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Half tag = 0;

	return dwarf_tag(die, &tag, &err) == DW_DLV_OK ? tag : 0;
}

uint64_t fr_die_offset(Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Off off = 0;

	return dwarf_dieoffset(die, &off, &err) == DW_DLV_OK ? off : 0;
}

Dwarf_Die fr_die_child(Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Die child = NULL;

	return dwarf_child(die, &child, &err) == DW_DLV_OK ? child : NULL;
}

Dwarf_Die fr_die_next(struct dwarf_file *d, Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Die next = NULL;

	if (dwarf_siblingof_b(d->lib.dbg, die, 1, &next, &err) != DW_DLV_OK) {
		drop_error(d, err);
		next = NULL;
	}
	fr_die_done(die);
	return next;
}
