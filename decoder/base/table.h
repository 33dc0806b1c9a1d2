/* SPDX-License-Identifier: MIT */
/*
 * table.h - aligned columns for a terminal.
 *
 * Cells are foreign text: they are escaped here. Use: new, columns, then cells row by row (the
 * row ends by itself after the last column), print, free.
 */
#ifndef FR_BASE_TABLE_H
#define FR_BASE_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
};

struct table;

struct table *fr_table_new(bool colour);
void fr_table_column(struct table *t, const char *title, enum table_align align);
void fr_table_cell(struct table *t, const char *text); /* NULL = "" */
void fr_table_cell_fmt(struct table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
void fr_table_cell_u64(struct table *t, uint64_t v);
void fr_table_cell_ns(struct table *t, uint64_t ns);
void fr_table_cell_bytes(struct table *t, uint64_t bytes);
void fr_table_print(const struct table *t, FILE *out); /* title line, then rows */
void fr_table_free(struct table *t);

#endif
