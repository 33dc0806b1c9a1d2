/* SPDX-License-Identifier: MIT */
/*
 * dwarf_linehead.c - the header of a line program: parameters, directories, files.
 *
 * The numbering: before DWARF 5 directory 0 is the compilation directory and files count from 1;
 * in DWARF 5 both tables are whole and count from 0.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "symbols/dwarf_lines.h"

#define ENTRIES_MAX (1u << 20)
#define FORMATS_MAX 16

static void push_dir(struct line_table *t, const char *dir)
{
	t->dirs = fr_mem_grow(t->dirs, &t->cap_dirs, t->n_dirs + 1, sizeof(*t->dirs));
	t->dirs[t->n_dirs++] = dir;
}

static void push_file(struct line_table *t, const char *name, uint64_t dir)
{
	t->files = fr_mem_grow(t->files, &t->cap_files, t->n_files + 1, sizeof(*t->files));
	t->files[t->n_files++] = (struct line_file){name, dir, 0};
}

static void read_old_tables(struct line_table *t, struct bytes *b)
{
	const char *s;

	push_dir(t, t->comp_dir);
	while ((s = bytes_string(b)) && *s && t->n_dirs < ENTRIES_MAX)
		push_dir(t, s);
	push_file(t, NULL, 0);
	while ((s = bytes_string(b)) && *s && t->n_files < ENTRIES_MAX) {
		uint64_t dir = bytes_uleb(b);

		bytes_uleb(b);
		bytes_uleb(b);
		push_file(t, s, dir);
	}
}

struct entry_format {
	uint64_t type; /* DW_LNCT_... */
	uint16_t form;
};

static const char *string_value(const struct line_table *t, uint16_t form, struct bytes *b)
{
	const struct dwarf_sections *sec = &t->unit->main->sec;

	switch (form) {
	case DW_FORM_string:
		return bytes_string(b);
	case DW_FORM_line_strp:
		return span_string(sec->line_str, bytes_uint(b, t->offset_size));
	case DW_FORM_strp:
		return span_string(sec->str, bytes_uint(b, t->offset_size));
	default: /* indices into .debug_str_offsets are written by nobody in a main file */
		b->bad = true;
		return NULL;
	}
}

static size_t read_formats(struct bytes *b, struct entry_format *f)
{
	size_t n = bytes_u8(b), i;

	if (n > FORMATS_MAX)
		b->bad = true;
	for (i = 0; i < n && !b->bad; i++) {
		f[i].type = bytes_uleb(b);
		f[i].form = (uint16_t)bytes_uleb(b);
	}
	return b->bad ? 0 : n;
}

static void read_entry(struct line_table *t, struct bytes *b, const struct entry_format *f,
		       size_t n, struct line_file *out)
{
	struct form_value v;
	struct unit shape = *t->unit;
	size_t i;

	shape.offset_size = t->offset_size;
	for (i = 0; i < n && !b->bad; i++) {
		if (f[i].type == DW_LNCT_path) {
			out->name = string_value(t, f[i].form, b);
			continue;
		}
		fr_form_read(b, &shape, f[i].form, 0, &v);
		if (f[i].type == DW_LNCT_directory_index)
			out->dir = v.u;
	}
}

static void read_new_table(struct line_table *t, struct bytes *b, bool is_dirs)
{
	struct entry_format f[FORMATS_MAX];
	size_t n = read_formats(b, f);
	uint64_t count = bytes_uleb(b), i;

	/* An entry without fields would let a damaged count run for ever. */
	if (count > ENTRIES_MAX || (count && !n))
		b->bad = true;
	for (i = 0; i < count && !b->bad; i++) {
		struct line_file e = {0};

		read_entry(t, b, f, n, &e);
		if (is_dirs)
			push_dir(t, e.name);
		else
			push_file(t, e.name, e.dir);
	}
}

/* Length, version and sizes; B then ends where the program does. */
static bool read_frame(struct line_table *t, struct bytes *b, uint64_t *program)
{
	uint64_t length = bytes_uint(b, 4), header;

	t->offset_size = 4;
	if (length == UINT32_MAX) {
		t->offset_size = 8;
		length = bytes_uint(b, 8);
	}
	if (b->bad || length > bytes_left(b))
		return false;
	b->end = b->p + length;
	t->version = (uint16_t)bytes_uint(b, 2);
	if (t->version < 2 || t->version > 5)
		return false;
	if (t->version >= 5)
		bytes_skip(b, 2);
	header = bytes_uint(b, t->offset_size);
	if (b->bad || header > bytes_left(b))
		return false;
	*program = header;
	return true;
}

static bool read_head(struct line_table *t, struct bytes *b)
{
	uint64_t program;
	uint8_t i;

	if (!read_frame(t, b, &program))
		return false;
	t->program = *b;
	bytes_skip(&t->program, program);
	t->min_inst = bytes_u8(b);
	t->max_ops = t->version >= 4 ? bytes_u8(b) : 1;
	bytes_u8(b); /* default_is_stmt: rows count either way */
	t->line_base = (int8_t)bytes_u8(b);
	t->line_range = bytes_u8(b);
	t->opcode_base = bytes_u8(b);
	if (b->bad || !t->line_range || !t->opcode_base)
		return false;
	for (i = 1; i < t->opcode_base; i++)
		t->lengths[i] = bytes_u8(b);
	if (t->version >= 5) {
		read_new_table(t, b, true);
		read_new_table(t, b, false);
	} else {
		read_old_tables(t, b);
	}
	return true;
}

struct line_table *fr_lines_open(const struct unit *u, const char *comp_dir)
{
	struct line_table *t;
	struct bytes b;

	if (!u->has_lines)
		return NULL;
	b = bytes_at(u->main->sec.line, u->lines);
	t = fr_mem_alloc(sizeof(*t));
	t->unit = u;
	t->comp_dir = comp_dir;
	if (!b.bad && read_head(t, &b))
		return t;
	fr_lines_free(t);
	return NULL;
}

void fr_lines_free(struct line_table *t)
{
	if (!t)
		return;
	free(t->dirs);
	free(t->files);
	free(t);
}

/* comp_dir / directory / name, from the last absolute part on. */
static bool join(const struct line_table *t, const struct line_file *f, char *buf, size_t size)
{
	const char *dir = f->dir < t->n_dirs ? t->dirs[f->dir] : NULL;
	const char *root = t->comp_dir;
	int n;

	if (f->name[0] == '/')
		return (size_t)snprintf(buf, size, "%s", f->name) < size;
	if (!dir || !dir[0])
		dir = NULL;
	/* Directory 0 is the compilation directory itself; it may be relative as well. */
	if ((dir && (dir[0] == '/' || dir == root)) || !root || !root[0] ||
	    (t->version >= 5 && f->dir == 0 && dir))
		root = NULL;
	n = snprintf(buf, size, "%s%s%s%s%s", root ? root : "", root ? "/" : "", dir ? dir : "",
		     dir ? "/" : "", f->name);
	return n > 0 && (size_t)n < size;
}

uint32_t fr_lines_file(struct line_table *t, struct image_builder *b, uint64_t file)
{
	struct line_file *f;
	char buf[PATH_MAX];

	if (file >= t->n_files)
		return 0;
	f = &t->files[file];
	if (!f->path && f->name && join(t, f, buf, sizeof(buf)))
		f->path = fr_image_intern(b, buf);
	return f->path;
}
