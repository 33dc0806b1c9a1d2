/* SPDX-License-Identifier: MIT */
/*
 * table.c - aligned columns for a terminal. Width is counted in code points.
 */
#include "base/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/sbuf.h"
#include "base/units.h"

#define COLUMNS_MAX 24u

struct column {
	const char *title;
	enum table_align align;
	size_t width;
};

struct cell {
	const char *text;
	size_t width;
};

struct table {
	struct column columns[COLUMNS_MAX];
	size_t n_columns;
	struct cell *cells;
	size_t n_cells;
	size_t cap;
	struct arena arena;
	bool colour;
};

static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

struct table *fr_table_new(bool colour)
{
	struct table *t = fr_mem_alloc(sizeof(*t));

	t->colour = colour;
	return t;
}

void fr_table_column(struct table *t, const char *title, enum table_align align)
{
	if (t->n_columns == COLUMNS_MAX)
		return;
	t->columns[t->n_columns++] = (struct column){title, align, width_of(title)};
}

static void add_cell(struct table *t, const char *text)
{
	size_t width = width_of(text);
	struct column *c;

	if (!t->n_columns)
		return;
	c = &t->columns[t->n_cells % t->n_columns];
	if (width > c->width)
		c->width = width;
	t->cells = fr_mem_grow(t->cells, &t->cap, t->n_cells + 1, sizeof(*t->cells));
	t->cells[t->n_cells++] = (struct cell){text, width};
}

void fr_table_cell(struct table *t, const char *text)
{
	struct sbuf b = {0};

	if (text)
		fr_sbuf_text(&b, text, strlen(text));
	add_cell(t, fr_arena_strndup(&t->arena, fr_sbuf_cstr(&b), b.n));
	fr_sbuf_free(&b);
}

void fr_table_cell_fmt(struct table *t, const char *fmt, ...)
{
	struct sbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	fr_sbuf_vfmt(&b, fmt, ap);
	va_end(ap);
	fr_table_cell(t, fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
}

void fr_table_cell_u64(struct table *t, uint64_t v)
{
	char buf[FR_UNITS_LEN];

	fr_table_cell(t, fr_units_count(buf, v));
}

void fr_table_cell_ns(struct table *t, uint64_t ns)
{
	char buf[FR_UNITS_LEN];

	fr_table_cell(t, fr_units_ns(buf, ns));
}

void fr_table_cell_bytes(struct table *t, uint64_t bytes)
{
	char buf[FR_UNITS_LEN];

	fr_table_cell(t, fr_units_bytes(buf, bytes));
}

/* The last column is not padded: no blanks at the end of a line. */
static void put(const struct table *t, size_t col, const char *text, size_t width, FILE *out)
{
	const struct column *c = &t->columns[col];
	int blanks = (int)(c->width - width);

	if (col)
		fputs("  ", out);
	if (c->align == TABLE_RIGHT)
		fprintf(out, "%*s", blanks, "");
	fputs(text, out);
	if (c->align == TABLE_LEFT && col + 1 < t->n_columns)
		fprintf(out, "%*s", blanks, "");
	if (col + 1 == t->n_columns)
		fputc('\n', out);
}

void fr_table_print(const struct table *t, FILE *out)
{
	if (!t->n_columns)
		return;
	if (t->colour)
		fputs("\033[1m", out);
	for (size_t i = 0; i < t->n_columns; i++)
		put(t, i, t->columns[i].title, width_of(t->columns[i].title), out);
	if (t->colour)
		fputs("\033[0m", out);
	for (size_t i = 0; i < t->n_cells; i++)
		put(t, i % t->n_columns, t->cells[i].text, t->cells[i].width, out);
	if (t->n_cells % t->n_columns)
		fputc('\n', out);
}

void fr_table_free(struct table *t)
{
	if (!t)
		return;
	free(t->cells);
	fr_arena_free(&t->arena);
	free(t);
}
