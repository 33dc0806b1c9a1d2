/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_lines.c - the second reader's line tables: all rows, as libdwarf makes them.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "symbols/libdwarf_reader.h"

struct libdwarf_lines {
	const struct libdwarf_reader *r;
	Dwarf_Line_Context context;
	Dwarf_Line *rows;
	Dwarf_Signed n_rows;
	Dwarf_Unsigned version;
	char **files; /* paths, as libdwarf joins them */
	Dwarf_Signed n_files;
};

struct libdwarf_lines *fr_libdwarf_lines_open(const struct libdwarf_reader *r, Dwarf_Die cu)
{
	struct libdwarf_lines *t = fr_mem_alloc(sizeof(*t));
	Dwarf_Error err = NULL;
	Dwarf_Small tables;

	t->r = r;
	if (!fr_libdwarf_got(&r->lib, dwarf_srclines_b(cu, &t->version, &tables, &t->context, &err),
			     &err)) {
		free(t);
		return NULL;
	}
	if (!fr_libdwarf_got(
		    &r->lib,
		    dwarf_srclines_from_linecontext(t->context, &t->rows, &t->n_rows, &err), &err))
		t->n_rows = 0;
	if (!fr_libdwarf_got(&r->lib, dwarf_srcfiles(cu, &t->files, &t->n_files, &err), &err))
		t->n_files = 0;
	return t;
}

void fr_libdwarf_lines_free(struct libdwarf_lines *t)
{
	Dwarf_Signed i;

	if (!t)
		return;
	for (i = 0; i < t->n_files; i++)
		dwarf_dealloc(t->r->lib.dbg, t->files[i], DW_DLA_STRING);
	if (t->n_files)
		dwarf_dealloc(t->r->lib.dbg, t->files, DW_DLA_LIST);
	dwarf_srclines_dealloc_b(t->context);
	free(t);
}

/* Before DWARF 5 files count from 1; 0 is none. */
uint32_t fr_libdwarf_lines_file(struct libdwarf_lines *t, struct image_builder *b, uint64_t n)
{
	uint64_t base = t->version >= 5 ? 0 : 1;

	if (n < base || n - base >= (uint64_t)t->n_files)
		return 0;
	return fr_image_intern(b, t->files[n - base]);
}

struct row {
	Dwarf_Addr addr;
	Dwarf_Bool last; /* of its sequence */
};

static bool read_row(const struct libdwarf_lines *t, Dwarf_Signed i, struct row *row)
{
	Dwarf_Error err = NULL;

	return fr_libdwarf_got(&t->r->lib, dwarf_lineaddr(t->rows[i], &row->addr, &err), &err) &&
	       fr_libdwarf_got(&t->r->lib, fr_dwarf_row_ends(t->rows[i], &row->last, &err), &err);
}

static bool below(const void *element, const void *addr)
{
	return (*(struct answer *const *)element)->vaddr < *(const uint64_t *)addr;
}

/* Row I holds from its address up to END. */
static void answer_row(struct libdwarf_lines *t, Dwarf_Signed i, const struct row *row,
		       uint64_t end, struct image_builder *b, struct answer **list, size_t n)
{
	size_t k = fr_search(list, n, sizeof(*list), below, &row->addr);
	Dwarf_Unsigned file = 0, line = 0;
	Dwarf_Error err = NULL;

	if (k == n || list[k]->vaddr >= end)
		return;
	if (!fr_libdwarf_got(&t->r->lib, dwarf_line_srcfileno(t->rows[i], &file, &err), &err))
		file = UINT64_MAX;
	if (!fr_libdwarf_got(&t->r->lib, dwarf_lineno(t->rows[i], &line, &err), &err))
		line = 0;
	for (; k < n && list[k]->vaddr < end; k++) {
		list[k]->file = fr_libdwarf_lines_file(t, b, file);
		list[k]->line = line < UINT32_MAX ? (uint32_t)line : 0;
	}
}

void fr_libdwarf_lines_run(struct libdwarf_lines *t, struct image_builder *b, struct answer **list,
			   size_t n)
{
	struct row row = {0, true}, next;
	bool dropped = false; /* the sequence of a function that the linker dropped */
	Dwarf_Signed i;

	for (i = 0; i < t->n_rows && read_row(t, i, &next); i++) {
		if (row.last)
			dropped = next.addr <= 1;
		else if (next.addr < row.addr)
			dropped = true;
		else if (!dropped)
			answer_row(t, i - 1, &row, next.addr, b, list, n);
		row = next;
	}
}
