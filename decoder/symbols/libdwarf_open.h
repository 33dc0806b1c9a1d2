/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_open.h - libdwarf on a file that has been verified. Private to the readers of DWARF.
 */
#ifndef FR_SYMBOLS_LIBDWARF_OPEN_H
#define FR_SYMBOLS_LIBDWARF_OPEN_H

#include <stdbool.h>

#include "symbols/elf.h"
#include "symbols/libdwarf_api.h"

enum libdwarf_what {
	LIBDWARF_SOME, /* what the own reader leaves to it */
	LIBDWARF_ALL,
};

/* Must stay where it is: libdwarf keeps its address. */
struct libdwarf {
	struct elf_file *elf; /* not owned */
	enum libdwarf_what what;
	Dwarf_Debug dbg; /* NULL = not open */
	fr_dwarf_access access;
};

bool fr_libdwarf_open(struct libdwarf *l, struct elf_file *elf, enum libdwarf_what what);
void fr_libdwarf_close(struct libdwarf *l);

/* Whether RC is DW_DLV_OK; gives the error back if there is one. */
bool fr_libdwarf_got(const struct libdwarf *l, int rc, Dwarf_Error *err);

#endif
