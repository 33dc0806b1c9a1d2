/* SPDX-License-Identifier: MIT */
/*
 * dwarf.h - what the rest of symbols/ sees of DWARF; of libdwarf it sees nothing.
 *
 * Two readers answer, and one is chosen when a file is opened: the own one (dwarf_*.c), and, with
 * FR_SYMBOLS=libdwarf, libdwarf alone (libdwarf_*.c), which is slow and there to be compared with.
 *
 * libdwarf is single-threaded and may crash on damaged files: use it in a worker process only.
 */
#ifndef FR_SYMBOLS_DWARF_H
#define FR_SYMBOLS_DWARF_H

#include "symbols/answers.h"
#include "symbols/elf.h"

struct dwarf;

/* ELF must outlive the result. NULL: WHY says in words what is wrong. */
struct dwarf *fr_dwarf_open(struct elf_file *elf, const char **why);
void fr_dwarf_close(struct dwarf *d);

/* Fills what it finds. */
void fr_dwarf_code(struct dwarf *d, struct answers *as);

/*
 * The variable at VADDR with members and indices: "buckets[42].mu+0x4". START is the address of
 * the ELF symbol that covers VADDR, 0 = none: it decides between variables. Returns the number of
 * characters, 0 = none found.
 */
size_t fr_dwarf_data(struct dwarf *d, uint64_t vaddr, uint64_t start, char *buf, size_t size);

/* What could not be read, in words; NULL = nothing. */
const char *fr_dwarf_problem(const struct dwarf *d);

#endif
