/* SPDX-License-Identifier: MIT */
/*
 * dwarf_file.h - what the dwarf_*.c files share. Private to them.
 *
 * Who reads what. libdwarf reads unit headers, names, origins, types: whatever needs meaning. It
 * takes 250 ns for a DIE and 120 ns for a row of a line table, so the two things that must look at
 * everything are done on the bytes themselves: finding the DIEs that are worth a look
 * (dwarf_skim.c, some 10 ns each) and running the line programs (dwarf_lines.c).
 */
#ifndef FR_SYMBOLS_DWARF_FILE_H
#define FR_SYMBOLS_DWARF_FILE_H

#include "symbols/dwarf.h"
#include "symbols/libdwarf_open.h"

struct abbrev_table;

/* A unit of .debug_info, by offset. Offsets are into the sections of `home`. */
struct unit {
	struct dwarf_file *home;
	struct dwarf_file *main; /* has .debug_addr, .debug_line; == home but for .dwo files */
	uint64_t header; /* offset of the header */
	uint64_t die; /* of the unit's own DIE */
	uint64_t end; /* one past the last byte */
	uint64_t abbrev;
	uint64_t low; /* base address for its ranges */
	uint64_t addr_base;
	uint64_t rnglists_base;
	uint64_t ranges_base; /* GNU split DWARF 4 */
	uint64_t lines; /* offset of the line program in main's .debug_line */
	uint16_t version;
	uint16_t tag;
	uint8_t offset_size; /* 4 or 8 */
	bool has_lines;
	bool is_c; /* its language: no function inside of a type */
	bool has_dwo; /* the DIEs are in another file */
	struct unit *split; /* the unit in that file, NULL = not found */
};

/* Code of a unit; sorted by lo. `reach` is the highest hi up to here. */
struct unit_range {
	uint64_t lo, hi, reach;
	uint32_t unit;
};

struct dwarf_sections {
	struct span info, abbrev, line, line_str, str, str_offsets, addr, ranges, rnglists;
};

struct variable {
	uint64_t addr;
	uint64_t die;
	struct unit *unit; /* whose home has the DIE */
};

struct dwarf_file {
	struct elf_file *elf; /* not owned, but for .dwo and alt files */
	bool owns_elf;
	struct libdwarf lib;
	struct dwarf_sections sec;
	struct unit *units;
	size_t n_units, cap_units;
	bool indexed;
	bool hinted; /* .debug_aranges has been added */
	struct unit_range *ranges;
	size_t n_ranges, cap_ranges;
	struct abbrev_table **tables; /* by abbrev offset, sorted */
	size_t n_tables, cap_tables;
	struct name_entry *names; /* cache of dwarf_name.c */
	struct name_entry *newest_name;
	struct variable *vars; /* by address; made at first use */
	size_t n_vars, cap_vars;
	bool vars_made;
	struct dwarf_file *alt; /* dwz: shared file, NULL = none or missing */
	struct dwarf_file **dwo; /* opened .dwo files */
	size_t n_dwo, cap_dwo;
	const char *problem;
};

/* ---- dwarf_open.c ---------------------------------------------------------------------------- */
/* ELF must outlive the result. NULL: WHY says in words what is wrong. */
struct dwarf_file *fr_dwarf_file_open(struct elf_file *elf, const char **why);
void fr_dwarf_file_close(struct dwarf_file *d);
const char *fr_dwarf_file_problem(const struct dwarf_file *d);
/* A file without regard to what dwz moved elsewhere. */
struct dwarf_file *fr_dwarf_open_plain(struct elf_file *elf, bool dwo, const char **why);

/* ---- dwarf_form.c: attribute values and abbreviations ---------------------------------------- */
/*
 * An attribute that has to be looked at: one that says where something is, or whose size depends on
 * its bytes. Those between two of them are SKIP bytes.
 */
struct attr_spec {
	uint16_t at;
	uint16_t form;
	uint32_t skip; /* before this one */
	int64_t implicit;
};

struct abbrev {
	uint64_t code;
	uint32_t first; /* into table->specs */
	uint16_t n;
	uint16_t tag;
	uint32_t skip; /* behind the last one */
	uint32_t fixed; /* size of all values if that is constant, else UINT32_MAX */
	bool children;
	bool sibling; /* says where the next DIE behind its children is */
};

struct abbrev_table {
	uint64_t off;
	struct abbrev *abbrevs; /* by code */
	size_t n, cap;
	struct attr_spec *specs;
	size_t n_specs, cap_specs;
};

struct form_value {
	uint64_t u; /* number, offset, index or address as written */
	const uint8_t *block; /* of exprloc and block forms */
	uint64_t block_size;
};

/* NULL = damaged. Kept by the file. */
const struct abbrev_table *fr_abbrev_table(const struct unit *u);
const struct abbrev *fr_abbrev_find(const struct abbrev_table *t, uint64_t code);
void fr_abbrev_free(struct dwarf_file *d);

/* Unknown forms set b->bad. */
void fr_form_read(struct bytes *b, const struct unit *u, uint16_t form, int64_t implicit,
		  struct form_value *out);
/* An address form to an address; false = index out of bounds or not an address. */
bool fr_form_address(const struct unit *u, uint16_t form, uint64_t raw, uint64_t *addr);

/* ---- dwarf_skim.c ---------------------------------------------------------------------------- */
/* The attributes that say where a DIE is; everything else is libdwarf's. */
struct skim_die {
	uint64_t off;
	uint32_t depth; /* of the unit's own DIE: 0 */
	uint16_t tag;
	uint16_t low_form, high_form, ranges_form; /* 0 = no such attribute */
	uint64_t low, high, ranges; /* raw */
	const uint8_t *loc; /* DW_AT_location as an expression */
	uint64_t loc_size;
	uint64_t sibling; /* raw, 0 = none */
};

/* Return false to stop. */
typedef bool (*skim_fn)(void *arg, const struct skim_die *die);

enum skim_what {
	SKIM_CODE, /* subprograms and inlined subroutines */
	SKIM_DATA, /* variables with a location */
};

/* Calls FN for the DIEs of one kind in the order of the file. False = damaged somewhere. */
bool fr_skim(const struct unit *u, enum skim_what what, skim_fn fn, void *arg);
/* Reads the unit's own DIE and completes U from it. */
bool fr_skim_unit(struct unit *u, struct skim_die *die);

/* ---- dwarf_ranges.c -------------------------------------------------------------------------- */
typedef void (*range_fn)(void *arg, uint64_t lo, uint64_t hi);
/* All address ranges of a DIE; empty and discarded ones are left out. */
void fr_ranges_each(const struct unit *u, const struct skim_die *die, range_fn fn, void *arg);

/* ---- dwarf_index.c --------------------------------------------------------------------------- */
void fr_index_make(struct dwarf_file *d);
/* Adds what .debug_aranges says, once. */
void fr_index_hints(struct dwarf_file *d);
/* Unit of D whose bytes hold the offset; NULL = none. */
struct unit *fr_index_unit(struct dwarf_file *d, uint64_t off);
/* Next range at or below *I (start with n_ranges) that covers ADDR; NULL = no more. */
const struct unit_range *fr_index_cover(const struct dwarf_file *d, uint64_t addr, size_t *i);

/* ---- dwarf_split.c --------------------------------------------------------------------------- */
/* The unit that has U's DIEs: U itself, or its half in a .dwo file; NULL = not to be had. */
struct unit *fr_split_unit(struct unit *u);

/* ---- dwarf_code.c, dwarf_data.c: as in dwarf.h ----------------------------------------------- */
void fr_dwarf_file_code(struct dwarf_file *d, struct answers *as);
size_t fr_dwarf_file_data(struct dwarf_file *d, uint64_t vaddr, uint64_t start, char *buf,
			  size_t size);

/* ---- dwarf_cu.c ------------------------------------------------------------------------------ */
/* Answers of one unit, by address. */
void fr_cu_answer(struct unit *u, struct answers *as, struct answer **list, size_t n);

/* ---- dwarf_lines.c --------------------------------------------------------------------------- */
struct line_table;
/* NULL = none or damaged. COMP_DIR may be NULL and must outlive the table. */
struct line_table *fr_lines_open(const struct unit *u, const char *comp_dir);
void fr_lines_free(struct line_table *t);
/* Sets file and line of those of LIST (by address) that the program covers. */
void fr_lines_run(struct line_table *t, struct image_builder *b, struct answer **list, size_t n);
/* The path of a file by its number as attributes write it, interned; 0 = unknown. */
uint32_t fr_lines_file(struct line_table *t, struct image_builder *b, uint64_t file);

/* ---- dwarf_name.c ---------------------------------------------------------------------------- */
struct die_name {
	uint32_t fn; /* interned, demangled; 0 = none */
	bool bare; /* without namespace and class: there was no linkage name */
	uint64_t call_file; /* UINT64_MAX = none */
	uint64_t call_line;
};
/* Name of the function at a DIE (abstract origins followed), and where it was inlined. */
void fr_name_of(struct unit *u, uint64_t off, struct image_builder *b, struct die_name *out);
void fr_name_cache_free(struct dwarf_file *d);
/* A string attribute of a unit's own DIE; NULL = none. In the file's memory. */
const char *fr_name_unit_string(struct unit *u, uint16_t at);
/* The linkage name, else the name, of the variable at OFF; not demangled; NULL = none. */
const char *fr_name_raw(struct dwarf_file *d, uint64_t off);

/* ---- dwarf_attr.c: libdwarf with its rough edges behind one face ----------------------------- */
/* NULL = no such DIE. */
Dwarf_Die fr_die_at(struct dwarf_file *d, uint64_t off);
void fr_die_done(Dwarf_Die die);
bool fr_die_uint(struct dwarf_file *d, Dwarf_Die die, uint16_t at, uint64_t *v);
const char *fr_die_string(struct dwarf_file *d, Dwarf_Die die, uint16_t at);
/* Follows a reference; *HOME is the file that the result belongs to (D or its alt file). */
Dwarf_Die fr_die_ref(struct dwarf_file *d, Dwarf_Die die, uint16_t at, struct dwarf_file **home);
uint16_t fr_die_tag(Dwarf_Die die);
uint64_t fr_die_offset(Dwarf_Die die);
/* First child, next sibling; the sibling call ends DIE. NULL = no more. */
Dwarf_Die fr_die_child(Dwarf_Die die);
Dwarf_Die fr_die_next(struct dwarf_file *d, Dwarf_Die die);

/* ---- dwarf_type.c ---------------------------------------------------------------------------- */
/* Size in bytes of the variable at DIE; 0 = unknown. */
uint64_t fr_type_size_of(struct dwarf_file *d, uint64_t die);
/* Writes the path of the byte OFF inside that variable: "[42].mu+0x4", "" for the whole. */
void fr_type_path(struct dwarf_file *d, uint64_t die, uint64_t off, char *buf, size_t size);

#endif
