/* SPDX-License-Identifier: MIT */
/*
 * dwarf_name.c - the name of a function at a DIE, through abstract origins and specifications.
 *
 * The linkage name, demangled, says most; without one the bare name is taken.
 */
#include <stdlib.h>

#include "symbols/demangle.h"
#include "symbols/dwarf_file.h"

#define HOPS_MAX 16

/* The DIE that DIE's name continues in; ends DIE. NULL = no further. */
static Dwarf_Die hop(struct dwarf_file **d, Dwarf_Die die)
{
	struct dwarf_file *home;
	Dwarf_Die next = fr_die_ref(*d, die, DW_AT_abstract_origin, &home);

	if (!next)
		next = fr_die_ref(*d, die, DW_AT_specification, &home);
	fr_die_done(die);
	if (home)
		*d = home;
	return next;
}

/* Walks the chain from DIE, which it ends; the first linkage name wins, else the first name. */
static const char *chain_name(struct dwarf_file *d, Dwarf_Die die, bool *mangled)
{
	const char *name = NULL, *linkage = NULL;
	unsigned int hops;

	for (hops = 0; die && hops < HOPS_MAX && !linkage; hops++) {
		linkage = fr_die_string(d, die, DW_AT_linkage_name);
		if (!linkage)
			linkage = fr_die_string(d, die, DW_AT_MIPS_linkage_name);
		if (!name)
			name = fr_die_string(d, die, DW_AT_name);
		die = hop(&d, die);
	}
	fr_die_done(die);
	*mangled = linkage != NULL;
	return linkage ? linkage : name;
}

const char *fr_name_raw(struct dwarf_file *d, uint64_t off)
{
	bool mangled;

	return chain_name(d, fr_die_at(d, off), &mangled);
}

void fr_name_of(struct unit *u, uint64_t off, struct image_builder *b, struct die_name *out)
{
	struct dwarf_file *home = u->home;
	Dwarf_Die die = fr_die_at(u->home, off), origin;
	const char *name;
	bool mangled;
	char *plain;

	*out = (struct die_name){.call_file = UINT64_MAX};
	if (!die)
		return;
	fr_die_raw(home, die, DW_AT_call_file, &out->call_file);
	fr_die_raw(home, die, DW_AT_call_line, &out->call_line);
	origin = fr_die_ref(u->home, die, DW_AT_abstract_origin, &home);
	/* A concrete function may have a linkage name of its own (a constructor's C1 or C2). */
	if (origin && !fr_die_string(u->home, die, DW_AT_linkage_name)) {
		fr_die_done(die);
		die = origin;
	} else {
		fr_die_done(origin);
		home = u->home;
	}
	name = chain_name(home, die, &mangled);
	plain = name && mangled ? fr_demangle(name) : NULL;
	out->fn = fr_image_intern(b, plain ? plain : name);
	out->bare = !mangled;
	free(plain);
}

const char *fr_name_unit_string(struct unit *u, uint16_t at)
{
	Dwarf_Die die = fr_die_at(u->home, u->die);
	const char *s = die ? fr_die_string(u->home, die, at) : NULL;

	fr_die_done(die);
	return s;
}
