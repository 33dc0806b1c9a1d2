/* SPDX-License-Identifier: MIT */
/*
 * dwarf.c - chooses the reader of DWARF.
 *
 * FR_SYMBOLS=libdwarf is for tests and measurements: what both say must be the same.
 */
#include "symbols/dwarf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "symbols/dwarf_file.h"
#include "symbols/libdwarf_reader.h"

/* One of the two is not NULL. */
struct dwarf {
	struct dwarf_file *own;
	struct libdwarf_reader *libdwarf;
};

struct dwarf *fr_dwarf_open(struct elf_file *elf, const char **why)
{
	struct dwarf *d = fr_mem_alloc(sizeof(*d));
	const char *wanted = getenv("FR_SYMBOLS");

	if (wanted && !strcmp(wanted, "libdwarf"))
		d->libdwarf = fr_libdwarf_reader_open(elf, why);
	else
		d->own = fr_dwarf_file_open(elf, why);
	if (d->own || d->libdwarf)
		return d;
	free(d);
	return NULL;
}

void fr_dwarf_close(struct dwarf *d)
{
	if (!d)
		return;
	fr_dwarf_file_close(d->own);
	fr_libdwarf_reader_close(d->libdwarf);
	free(d);
}

void fr_dwarf_code(struct dwarf *d, struct answers *as)
{
	if (d->libdwarf)
		fr_libdwarf_reader_code(d->libdwarf, as);
	else
		fr_dwarf_file_code(d->own, as);
}

size_t fr_dwarf_data(struct dwarf *d, uint64_t vaddr, uint64_t start, char *buf, size_t size)
{
	return d->own ? fr_dwarf_file_data(d->own, vaddr, start, buf, size) : 0;
}

const char *fr_dwarf_problem(const struct dwarf *d)
{
	return d->own ? fr_dwarf_file_problem(d->own) : fr_libdwarf_reader_problem(d->libdwarf);
}
