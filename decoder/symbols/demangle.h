/* SPDX-License-Identifier: MIT */
/*
 * demangle.h - C++ and Rust names as people write them.
 *
 * Functions come without parameter lists ("ns::pool<int>::take"), Rust without hashes: short
 * enough for a line of a report, and the same from DWARF and from symbol tables.
 */
#ifndef FR_SYMBOLS_DEMANGLE_H
#define FR_SYMBOLS_DEMANGLE_H

/* malloc'ed; NULL = NAME is not mangled, use it as it is. */
char *fr_demangle(const char *name);

#endif
