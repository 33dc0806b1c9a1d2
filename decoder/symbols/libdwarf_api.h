/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_api.h - libdwarf by one set of names: 20210528 (Debian 11 and 12) and 0.2 and later.
 *
 * 0.2 renamed the interface by which it gets its sections; before, there was no version to ask for.
 * Must not: hold anything but such differences. No other file looks at libdwarf's version.
 */
#ifndef FR_SYMBOLS_LIBDWARF_API_H
#define FR_SYMBOLS_LIBDWARF_API_H

#include <libdwarf/dwarf.h>
#include <libdwarf/libdwarf.h>
#include <stdint.h>

#ifdef DW_LIBDWARF_VERSION_MAJOR

/* Members of the interface, of a section, of the table of functions. */
#define FR_DWARF_AI(name) ai_##name
#define FR_DWARF_AS(name) as_##name
#define FR_DWARF_OM(name) om_##name
#define FR_DWARF_LITTLE DW_END_little
typedef Dwarf_Obj_Access_Interface_a fr_dwarf_access;
typedef Dwarf_Obj_Access_Methods_a fr_dwarf_methods;
typedef Dwarf_Obj_Access_Section_a fr_dwarf_section;
typedef Dwarf_Unsigned fr_dwarf_index;
typedef Dwarf_Small fr_dwarf_order;

/* No bound: sections are decompressed here, and may be larger than their file. */
static inline Dwarf_Unsigned fr_dwarf_file_size(void *obj)
{
	(void)obj;
	return UINT64_MAX;
}
#define FR_DWARF_MORE_METHODS .om_get_filesize = fr_dwarf_file_size,

static inline void fr_dwarf_finish(Dwarf_Debug dbg)
{
	dwarf_object_finish(dbg);
}

static inline void fr_dwarf_ranges_done(Dwarf_Debug dbg, Dwarf_Ranges *list, Dwarf_Signed n)
{
	dwarf_dealloc_ranges(dbg, list, n);
}

#else

#define FR_DWARF_AI(name) name
#define FR_DWARF_AS(name) name
#define FR_DWARF_OM(name) name
#define FR_DWARF_LITTLE DW_OBJECT_LSB
typedef Dwarf_Obj_Access_Interface fr_dwarf_access;
typedef Dwarf_Obj_Access_Methods fr_dwarf_methods;
typedef Dwarf_Obj_Access_Section fr_dwarf_section;
typedef Dwarf_Half fr_dwarf_index;
typedef Dwarf_Endianness fr_dwarf_order;
#define FR_DWARF_MORE_METHODS

static inline void fr_dwarf_finish(Dwarf_Debug dbg)
{
	Dwarf_Error err = NULL;

	dwarf_object_finish(dbg, &err);
}

static inline void fr_dwarf_ranges_done(Dwarf_Debug dbg, Dwarf_Ranges *list, Dwarf_Signed n)
{
	dwarf_ranges_dealloc(dbg, list, n);
}

#endif

/* The later name is in both; the segment is that of segmented machines. */
static inline int fr_dwarf_arange(Dwarf_Arange a, Dwarf_Addr *lo, Dwarf_Unsigned *length,
				  Dwarf_Off *die, Dwarf_Error *err)
{
	Dwarf_Unsigned segment, segment_size;

	return dwarf_get_arange_info_b(a, &segment, &segment_size, lo, length, die, err);
}

/*
 * Whether a row of a line table ends its sequence. Up to 0.11 at least, a row where an epilogue
 * begins is said to.
 */
static inline int fr_dwarf_row_ends(Dwarf_Line row, Dwarf_Bool *ends, Dwarf_Error *err)
{
	Dwarf_Bool prologue, epilogue = 0;
	Dwarf_Unsigned isa, discriminator;
	int rc = dwarf_lineendsequence(row, ends, err);

	if (rc == DW_DLV_OK && *ends)
		rc = dwarf_prologue_end_etc(row, &prologue, &epilogue, &isa, &discriminator, err);
	*ends = *ends && !epilogue;
	return rc;
}

#endif
