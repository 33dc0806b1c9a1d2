/* SPDX-License-Identifier: MIT */
/*
 * dwarf_name.c - the name of a function at a DIE, through abstract origins and specifications.
 *
 * The linkage name, demangled, says most; without one the bare name is taken. Names are kept by the
 * offset of the DIE: the same function is inlined in many places.
 */
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "symbols/demangle.h"
#include "symbols/dwarf_file.h"

#define HOPS_MAX 16

/* Of a DIE that is referred to: nothing in here depends on who refers to it. */
struct name_entry {
	uint64_t off;
	struct dwarf_file *home; /* alt file or not: offsets alone could meet */
	char *text; /* demangled, NULL = no name */
	bool bare; /* no linkage name: not qualified */
	struct name_entry *older;
	UT_hash_handle hh;
};

void fr_name_cache_free(struct dwarf_file *d)
{
	struct name_entry *e = d->newest_name;

	HASH_CLEAR(hh, d->names);
	while (e) {
		struct name_entry *older = e->older;

		free(e->text);
		free(e);
		e = older;
	}
}

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

/* The kept name of DIE, which it ends; D is the file that has it. */
static const struct name_entry *name_at(struct dwarf_file *owner, struct dwarf_file *d,
					Dwarf_Die die)
{
	uint64_t off = fr_die_offset(die);
	struct name_entry *e;
	const char *name;
	bool mangled;

	HASH_FIND(hh, owner->names, &off, sizeof(off), e);
	if (e && e->home == d) {
		fr_die_done(die);
		return e;
	}
	name = chain_name(d, die, &mangled);
	e = fr_mem_alloc(sizeof(*e));
	e->off = off;
	e->home = d;
	e->text = name && mangled ? fr_demangle(name) : NULL;
	if (name && !e->text)
		e->text = fr_mem_strndup(name, strnlen(name, 4096));
	e->bare = !mangled;
	e->older = owner->newest_name;
	owner->newest_name = e;
	HASH_ADD(hh, owner->names, off, sizeof(e->off), e);
	return e;
}

void fr_name_of(struct unit *u, uint64_t off, struct image_builder *b, struct die_name *out)
{
	struct dwarf_file *home = u->home;
	Dwarf_Die die = fr_die_at(u->home, off), origin;
	const struct name_entry *e;

	*out = (struct die_name){.call_file = UINT64_MAX};
	if (!die)
		return;
	fr_die_uint(home, die, DW_AT_call_file, &out->call_file);
	fr_die_uint(home, die, DW_AT_call_line, &out->call_line);
	origin = fr_die_ref(u->home, die, DW_AT_abstract_origin, &home);
	/* A concrete function may have a linkage name of its own (a constructor's C1 or C2). */
	if (origin && !fr_die_string(u->home, die, DW_AT_linkage_name)) {
		fr_die_done(die);
		die = origin;
	} else {
		fr_die_done(origin);
		home = u->home;
	}
	e = name_at(u->home, home, die);
	out->fn = fr_image_intern(b, e->text);
	out->bare = e->bare;
}

const char *fr_name_unit_string(struct unit *u, uint16_t at)
{
	Dwarf_Die die = fr_die_at(u->home, u->die);
	const char *s = die ? fr_die_string(u->home, die, at) : NULL;

	fr_die_done(die);
	return s;
}
