/* SPDX-License-Identifier: MIT */
/*
 * elf.h - one ELF file: its sections (decompressed), build-id and symbol tables.
 *
 * 64-bit little-endian only. The file is mapped, not read; what it says is checked by libelf and
 * by the bounds of struct span.
 */
#ifndef FR_SYMBOLS_ELF_H
#define FR_SYMBOLS_ELF_H

#include "symbols/bytes.h"

struct elf_section {
	const char *name; /* ".debug_x" also for ".zdebug_x" */
	uint32_t type;
	uint32_t link;
	uint64_t flags;
	uint64_t addr;
	uint64_t size; /* as if decompressed */
};

struct elf_file;

/* NULL: WHY says in words what is wrong. PATH must name a regular file. */
struct elf_file *fr_elf_open(const char *path, const char **why);
/* The bytes stay the caller's and must outlive the file. */
struct elf_file *fr_elf_open_memory(void *data, size_t size);
void fr_elf_close(struct elf_file *f);

const char *fr_elf_path(const struct elf_file *f);
uint64_t fr_elf_size(const struct elf_file *f);
int64_t fr_elf_mtime_ns(const struct elf_file *f);

size_t fr_elf_count(const struct elf_file *f);
const struct elf_section *fr_elf_section(const struct elf_file *f, size_t i);
/* Content of section I, decompressed at first use; data NULL = none or unreadable. */
struct span fr_elf_data(struct elf_file *f, size_t i);
/* The same by name. */
struct span fr_elf_find(struct elf_file *f, const char *name);
bool fr_elf_has(const struct elf_file *f, const char *name);
/* A compressed section that could not be read, in words; NULL = none so far. */
const char *fr_elf_problem(const struct elf_file *f);

/* NULL = no build-id. */
const uint8_t *fr_elf_build_id(struct elf_file *f, size_t *len);

#endif
