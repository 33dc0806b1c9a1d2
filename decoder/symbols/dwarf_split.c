/* SPDX-License-Identifier: MIT */
/*
 * dwarf_split.c - -gsplit-dwarf: the half of a unit that stayed in a .dwo file.
 *
 * The main file keeps line programs, addresses and ranges; functions and names are in the file
 * that the skeleton unit names. Its bytes are identified by the dwo id, never by path alone.
 */
#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "symbols/dwarf_file.h"

/* The id that ties both halves: in the header since DWARF 5, an attribute before. */
static bool dwo_id(struct unit *u, uint64_t *id)
{
	Dwarf_Die die;
	bool ok;

	if (u->version >= 5) {
		struct bytes b = bytes_at(u->home->sec.info, u->die - 8);

		*id = bytes_uint(&b, 8);
		return !b.bad;
	}
	die = fr_die_at(u->home, u->die);
	ok = die && fr_die_raw(u->home, die, DW_AT_GNU_dwo_id, id);
	fr_die_done(die);
	return ok;
}

static struct elf_file *open_file(struct unit *u)
{
	const char *name = fr_name_unit_string(u, DW_AT_dwo_name), *why;
	const char *dir = fr_name_unit_string(u, DW_AT_comp_dir);
	char path[PATH_MAX];
	int n;

	if (!name)
		name = fr_name_unit_string(u, DW_AT_GNU_dwo_name);
	if (!name)
		return NULL;
	n = snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' || !dir ? "" : dir,
		     name[0] == '/' || !dir ? "" : "/", name);
	return n > 0 && (size_t)n < sizeof(path) ? fr_elf_open(path, &why) : NULL;
}

static struct dwarf_file *open_dwo(struct unit *u)
{
	struct elf_file *elf = open_file(u);
	struct dwarf_file *d = NULL;
	Dwarf_Error err = NULL;
	const char *why;

	if (elf)
		d = fr_dwarf_open_plain(elf, true, &why);
	if (!d) {
		fr_elf_close(elf);
		return NULL;
	}
	d->owns_elf = true;
	dwarf_set_tied_dbg(d->lib.dbg, u->main->lib.dbg, &err);
	return d;
}

/* The unit in D with the id; its addresses are taken through the skeleton. */
static struct unit *match(struct dwarf_file *d, struct unit *skeleton, uint64_t id)
{
	uint64_t have;
	size_t i;

	fr_index_make(d);
	for (i = 0; i < d->n_units; i++) {
		struct unit *u = &d->units[i];

		if (u->tag != DW_TAG_compile_unit || !dwo_id(u, &have) || have != id)
			continue;
		u->main = skeleton->main;
		u->low = skeleton->low;
		u->addr_base = skeleton->addr_base;
		u->ranges_base = skeleton->ranges_base;
		return u;
	}
	return NULL;
}

struct unit *fr_split_unit(struct unit *u)
{
	struct dwarf_file *m = u->main, *d;
	uint64_t id;

	if (!u->has_dwo)
		return u;
	if (u->split || !dwo_id(u, &id))
		return u->split;
	d = open_dwo(u);
	if (!d)
		return NULL;
	m->dwo = fr_mem_grow(m->dwo, &m->cap_dwo, m->n_dwo + 1, sizeof(struct dwarf_file *));
	m->dwo[m->n_dwo++] = d;
	u->split = match(d, u, id);
	return u->split;
}
