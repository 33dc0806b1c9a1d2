/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_reader.h - DWARF read by libdwarf alone, to compare with.
 *
 * Tests ask it and the own reader (dwarf_file.h) the same and want the same answers; the bench says
 * what the own one gains. Shares with it how libdwarf is opened, and nothing else. Slow: it makes
 * an object of every DIE and of every row of a line table.
 */
#ifndef FR_SYMBOLS_LIBDWARF_READER_H
#define FR_SYMBOLS_LIBDWARF_READER_H

#include "symbols/answers.h"
#include "symbols/libdwarf_open.h"

struct libdwarf_unit {
	Dwarf_Off die; /* the unit's own DIE */
	Dwarf_Half version;
	Dwarf_Addr low; /* base address of its ranges */
	bool split; /* its DIEs are in a .dwo file, which this reader does not open */
};

struct libdwarf_range {
	uint64_t lo, hi;
	size_t unit;
};

struct libdwarf_reader {
	struct libdwarf lib;
	struct libdwarf_unit *units;
	size_t n_units, cap_units;
	struct libdwarf_range *ranges;
	size_t n_ranges, cap_ranges;
	bool indexed;
	Dwarf_Arange *aranges;
	Dwarf_Signed n_aranges;
	const char *problem;
};

/* As in dwarf.h. */
struct libdwarf_reader *fr_libdwarf_reader_open(struct elf_file *elf, const char **why);
void fr_libdwarf_reader_close(struct libdwarf_reader *r);
void fr_libdwarf_reader_code(struct libdwarf_reader *r, struct answers *as);
const char *fr_libdwarf_reader_problem(const struct libdwarf_reader *r);

/* ---- libdwarf_index.c: all units and their code ---------------------------------------------- */
void fr_libdwarf_index(struct libdwarf_reader *r);
/* The unit that .debug_aranges names for ADDR; SIZE_MAX = none. */
size_t fr_libdwarf_hint(const struct libdwarf_reader *r, uint64_t addr);
void fr_libdwarf_index_free(struct libdwarf_reader *r);

/* ---- libdwarf_die.c: what one DIE says ------------------------------------------------------- */
typedef void (*libdwarf_range_fn)(void *arg, uint64_t lo, uint64_t hi);
void fr_libdwarf_ranges(const struct libdwarf_reader *r, const struct libdwarf_unit *u,
			Dwarf_Die die, libdwarf_range_fn fn, void *arg);
bool fr_libdwarf_number(const struct libdwarf_reader *r, Dwarf_Die die, Dwarf_Half at, uint64_t *v);
/* The name of the function at DIE, interned; *BARE = it had no linkage name. */
uint32_t fr_libdwarf_name(const struct libdwarf_reader *r, Dwarf_Die die, struct image_builder *b,
			  bool *bare);

/* ---- libdwarf_lines.c ------------------------------------------------------------------------ */
struct libdwarf_lines;
/* NULL = none. CU is the unit's own DIE. */
struct libdwarf_lines *fr_libdwarf_lines_open(const struct libdwarf_reader *r, Dwarf_Die cu);
void fr_libdwarf_lines_free(struct libdwarf_lines *t);
/* Sets file and line of those of LIST (by address) that the table covers. */
void fr_libdwarf_lines_run(struct libdwarf_lines *t, struct image_builder *b, struct answer **list,
			   size_t n);
/* The path of file number N, interned; 0 = unknown. */
uint32_t fr_libdwarf_lines_file(struct libdwarf_lines *t, struct image_builder *b, uint64_t n);

/* ---- libdwarf_unit.c: the functions of one unit around addresses ----------------------------- */
/* Answers of unit U, by address. */
void fr_libdwarf_unit_answer(struct libdwarf_reader *r, const struct libdwarf_unit *u,
			     struct answers *as, struct answer **list, size_t n);
/* Number of functions, inlined ones too, in the DIEs below DIE: the walk alone, for the bench. */
size_t fr_libdwarf_unit_walk(struct libdwarf_reader *r, Dwarf_Die die);

#endif
