/* SPDX-License-Identifier: MIT */
/*
 * debugdata.h - .gnu_debugdata: a small ELF file with a symbol table, packed with xz, inside
 * another one (Fedora, RHEL).
 */
#ifndef FR_SYMBOLS_DEBUGDATA_H
#define FR_SYMBOLS_DEBUGDATA_H

#include "symbols/elf.h"

/* NULL = none or damaged. *DATA is malloc'ed and must outlive the file. */
struct elf_file *fr_debugdata_open(struct elf_file *outer, void **data);

#endif
