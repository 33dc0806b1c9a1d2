/* SPDX-License-Identifier: MIT */
/*
 * dwarf_open.c - opens libdwarf on sections that elf.c hands it.
 *
 * libdwarf's own ELF reader copies whole sections, refuses zstd and whatever shrank more than 16
 * times, and looks for other files by itself. Through its object interface it gets the mapped or
 * decompressed bytes of exactly the file that was verified.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbols/dwarf_file.h"
#include "symbols/locate.h"

/*
 * What libdwarf may see. Ranges, line programs and location lists are read by dwarf_*.c or not at
 * all; libdwarf would check them first, which takes time and, damaged, ends in a double free.
 */
static const char *const shown[] = {".debug_info",     ".debug_abbrev",      ".debug_str",
				    ".debug_line_str", ".debug_str_offsets", ".debug_addr",
				    ".debug_aranges"};

static bool is_shown(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		size_t n = strlen(shown[i]);

		if (!strncmp(name, shown[i], n) && (!name[n] || !strcmp(name + n, ".dwo")))
			return true;
	}
	return false;
}

static int get_section_info(void *obj, fr_dwarf_index i, fr_dwarf_section *out, int *error)
{
	const struct elf_section *s = fr_elf_section(obj, i);

	*error = 0;
	if (!s)
		return DW_DLV_NO_ENTRY;
	memset(out, 0, sizeof(*out));
	out->FR_DWARF_AS(name) = "";
	if (s->type == SHT_NOBITS || !is_shown(s->name))
		return DW_DLV_OK;
	out->FR_DWARF_AS(name) = s->name;
	out->FR_DWARF_AS(type) = s->type;
	out->FR_DWARF_AS(addr) = s->addr;
	out->FR_DWARF_AS(size) = s->size;
	return DW_DLV_OK;
}

static fr_dwarf_order get_byte_order(void *obj)
{
	(void)obj;
	return FR_DWARF_LITTLE;
}

static Dwarf_Small get_length_size(void *obj)
{
	(void)obj;
	return 4;
}

static Dwarf_Small get_pointer_size(void *obj)
{
	(void)obj;
	return 8;
}

static Dwarf_Unsigned get_section_count(void *obj)
{
	return fr_elf_count(obj);
}

static int load_section(void *obj, fr_dwarf_index i, Dwarf_Small **data, int *error)
{
	struct span s = fr_elf_data(obj, i);

	if (!s.data) {
		*error = DW_DLE_SECTION_ERROR;
		return DW_DLV_ERROR;
	}
	*data = (Dwarf_Small *)s.data;
	return DW_DLV_OK;
}

/* clang-format off */
static const fr_dwarf_methods methods = {
	.FR_DWARF_OM(get_section_info) = get_section_info,
	.FR_DWARF_OM(get_byte_order) = get_byte_order,
	.FR_DWARF_OM(get_length_size) = get_length_size,
	.FR_DWARF_OM(get_pointer_size) = get_pointer_size,
	.FR_DWARF_OM(get_section_count) = get_section_count,
	.FR_DWARF_OM(load_section) = load_section,
	FR_DWARF_MORE_METHODS
};
/* clang-format on */

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

static bool init(struct dwarf_file *d)
{
	Dwarf_Error err = NULL;

	/* Everything is given back by hand: libdwarf's own books cost a tenth of the time. */
	dwarf_set_de_alloc_flag(0);
	d->access.FR_DWARF_AI(object) = d->elf;
	d->access.FR_DWARF_AI(methods) = &methods;
	return dwarf_object_init_b(&d->access, NULL, NULL, DW_GROUPNUMBER_ANY, &d->dbg, &err) ==
	       DW_DLV_OK;
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
	if (!d->sec.info.data || !d->sec.abbrev.data || !init(d)) {
		d->dbg = NULL;
		fr_dwarf_close(d);
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

struct dwarf_file *fr_dwarf_open(struct elf_file *elf, const char **why)
{
	struct dwarf_file *d = fr_dwarf_open_plain(elf, false, why);

	if (d && fr_elf_has(elf, ".gnu_debugaltlink"))
		open_alt(d);
	return d;
}

static void close_members(struct dwarf_file *d)
{
	if (d->dbg)
		fr_dwarf_finish(d->dbg);
	fr_abbrev_free(d);
	fr_name_cache_free(d);
	free(d->units);
	free(d->ranges);
	free(d->vars);
	free(d->dwo);
	if (d->owns_elf)
		fr_elf_close(d->elf);
	free(d);
}

void fr_dwarf_close(struct dwarf_file *d)
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

const char *fr_dwarf_problem(const struct dwarf_file *d)
{
	return d->problem;
}
