/* SPDX-License-Identifier: MIT */
/*
 * symtab.h - which ELF symbol covers an address, for many addresses in one pass over the table.
 */
#ifndef FR_SYMBOLS_SYMTAB_H
#define FR_SYMBOLS_SYMTAB_H

#include "symbols/elf.h"

enum symtab_want {
	SYMTAB_CODE, /* FUNC, IFUNC, untyped labels of executable sections */
	SYMTAB_DATA, /* OBJECT */
};

struct symtab_hit {
	uint64_t vaddr; /* in: looked for */
	uint64_t start; /* out: value of the symbol */
	uint64_t size; /* out: 0 = the symbol has none */
	const char
		*name; /* out: mangled, in the file's memory; NULL = none (in: to be looked for) */
};

/*
 * Fills those of HITS that have no name yet; HITS are sorted by vaddr. TABLE is SHT_SYMTAB or
 * SHT_DYNSYM.
 */
void fr_symtab_find(struct elf_file *f, uint32_t table, enum symtab_want want,
		    struct symtab_hit *hits, size_t n);

#endif
