/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_open.c - opens libdwarf on sections that elf.c hands it.
 *
 * libdwarf's own ELF reader copies whole sections, refuses zstd and whatever shrank more than 16
 * times, and looks for other files by itself. Through its object interface it gets the mapped or
 * decompressed bytes of exactly the file that was verified.
 */
#include "symbols/libdwarf_open.h"

#include <elf.h>
#include <string.h>

/*
 * What libdwarf sees beside the own reader. Ranges, line programs and location lists are read by
 * dwarf_*.c or not at all; libdwarf would check them first, which takes time and, damaged, ends in
 * a double free.
 */
static const char *const some[] = {".debug_info",     ".debug_abbrev",      ".debug_str",
				   ".debug_line_str", ".debug_str_offsets", ".debug_addr",
				   ".debug_aranges"};

static bool is_shown(const struct libdwarf *l, const char *name)
{
	size_t i;

	if (l->what == LIBDWARF_ALL)
		return !strncmp(name, ".debug_", 7);

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		size_t n = strlen(some[i]);

		if (!strncmp(name, some[i], n) && (!name[n] || !strcmp(name + n, ".dwo")))
			return true;
	}
	return false;
}

static int get_section_info(void *obj, fr_dwarf_index i, fr_dwarf_section *out, int *error)
{
	const struct libdwarf *l = obj;
	const struct elf_section *s = fr_elf_section(l->elf, i);

	*error = 0;
	if (!s)
		return DW_DLV_NO_ENTRY;
	memset(out, 0, sizeof(*out));
	out->FR_DWARF_AS(name) = "";
	if (s->type == SHT_NOBITS || !is_shown(l, s->name))
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
	const struct libdwarf *l = obj;

	return fr_elf_count(l->elf);
}

static int load_section(void *obj, fr_dwarf_index i, Dwarf_Small **data, int *error)
{
	const struct libdwarf *l = obj;
	struct span s = fr_elf_data(l->elf, i);

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

bool fr_libdwarf_open(struct libdwarf *l, struct elf_file *elf, enum libdwarf_what what)
{
	Dwarf_Error err = NULL;

	/* Everything is given back by hand: libdwarf's own books cost a tenth of the time. */
	dwarf_set_de_alloc_flag(0);
	l->elf = elf;
	l->what = what;
	l->access.FR_DWARF_AI(object) = l;
	l->access.FR_DWARF_AI(methods) = &methods;
	if (dwarf_object_init_b(&l->access, NULL, NULL, DW_GROUPNUMBER_ANY, &l->dbg, &err) ==
	    DW_DLV_OK)
		return true;
	l->dbg = NULL;
	return false;
}

void fr_libdwarf_close(struct libdwarf *l)
{
	if (l->dbg)
		fr_dwarf_finish(l->dbg);
	l->dbg = NULL;
}

bool fr_libdwarf_got(const struct libdwarf *l, int rc, Dwarf_Error *err)
{
	if (rc == DW_DLV_ERROR && *err)
		dwarf_dealloc_error(l->dbg, *err);
	*err = NULL;
	return rc == DW_DLV_OK;
}
