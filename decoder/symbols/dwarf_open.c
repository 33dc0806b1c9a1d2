/* SPDX-License-Identifier: MIT */
/*
 * dwarf_open.c - opens the own reader on a file, and on the one that dwz made of parts of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "symbols/dwarf_file.h"
#include "symbols/locate.h"

static struct span find(struct elf_file *elf, const char *name, bool dwo)
{
	char buf[40];

	snprintf(buf, sizeof(buf), "%s%s", name, dwo ? ".dwo" : "");
	return fr_elf_find(elf, buf);
}

static void find_sections(struct elf_file *elf, bool dwo, struct dwarf_sections *s)
{
	s->info = find(elf, ".debug_info", dwo);
	s->abbrev = find(elf, ".debug_abbrev", dwo);
	s->line = find(elf, ".debug_line", dwo);
	s->line_str = find(elf, ".debug_line_str", dwo);
	s->str = find(elf, ".debug_str", dwo);
	s->str_offsets = find(elf, ".debug_str_offsets", dwo);
	s->addr = find(elf, ".debug_addr", false);
	s->ranges = find(elf, ".debug_ranges", false);
	s->rnglists = find(elf, ".debug_rnglists", dwo);
}

struct dwarf_file *fr_dwarf_open_plain(struct elf_file *elf, bool dwo, const char **why)
{
	struct dwarf_file *d = calloc(1, sizeof(*d));

	*why = "out of memory";
	if (!d)
		return NULL;
	d->elf = elf;
	find_sections(elf, dwo, &d->sec);
	*why = fr_elf_problem(elf);
	if (!*why)
		*why = "its debug information is damaged";
	if (!d->sec.info.data || !d->sec.abbrev.data ||
	    !fr_libdwarf_open(&d->lib, elf, LIBDWARF_SOME)) {
		fr_dwarf_file_close(d);
		return NULL;
	}
	*why = NULL;
	return d;
}

/* The names that dwz moved into a file shared by several. */
static void open_alt(struct dwarf_file *d)
{
	struct elf_file *elf = fr_locate_alt(d->elf);
	const char *why;

	if (elf)
		d->alt = fr_dwarf_open_plain(elf, false, &why);
	if (d->alt)
		d->alt->owns_elf = true;
	else
		fr_elf_close(elf);
	if (!d->alt)
		d->problem = "the file that dwz moved part of its names to is missing";
}

struct dwarf_file *fr_dwarf_file_open(struct elf_file *elf, const char **why)
{
	struct dwarf_file *d = fr_dwarf_open_plain(elf, false, why);

	if (d && fr_elf_has(elf, ".gnu_debugaltlink"))
		open_alt(d);
	return d;
}

static void close_members(struct dwarf_file *d)
{
	fr_libdwarf_close(&d->lib);
	fr_abbrev_free(d);
	free(d->units);
	free(d->ranges);
	free(d->vars);
	free(d->dwo);
	if (d->owns_elf)
		fr_elf_close(d->elf);
	free(d);
}

void fr_dwarf_file_close(struct dwarf_file *d)
{
	size_t i;

	if (!d)
		return;
	for (i = 0; i < d->n_dwo; i++)
		if (d->dwo[i])
			close_members(d->dwo[i]);
	if (d->alt)
		close_members(d->alt);
	close_members(d);
}

const char *fr_dwarf_file_problem(const struct dwarf_file *d)
{
	return d->problem;
}
