/* SPDX-License-Identifier: MIT */
/*
 * dwarf_lines.h - the header of a line program, between its parser (dwarf_linehead.c) and its
 * interpreter (dwarf_lines.c).
 */
#ifndef FR_SYMBOLS_DWARF_LINES_H
#define FR_SYMBOLS_DWARF_LINES_H

#include "symbols/dwarf_file.h"

struct line_file {
	const char *name; /* NULL = not readable */
	uint64_t dir;
	uint32_t path; /* interned when first asked for; 0 = not yet */
};

struct line_table {
	const struct unit *unit;
	const char *comp_dir;
	uint16_t version;
	uint8_t offset_size;
	uint8_t min_inst;
	uint8_t max_ops;
	int8_t line_base;
	uint8_t line_range; /* never 0 */
	uint8_t opcode_base; /* never 0 */
	uint8_t lengths[256]; /* operands of standard opcodes */
	const char **dirs;
	size_t n_dirs, cap_dirs;
	struct line_file *files; /* numbered from 1 before DWARF 5: then files[0] is empty */
	size_t n_files, cap_files;
	struct bytes program;
};

#endif
