/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - from an address in a module to functions, files and lines.
 *
 * Providers in order: DWARF of the module or of its separate debug file, .symtab, .gnu_debugdata,
 * .dynsym, nothing. A file is used only if its build-id equals the one recorded in the process;
 * otherwise the frame stays module+offset. Each frame says where its name comes from.
 */
#ifndef FR_SYMBOLS_H
#define FR_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "read/recording.h"

enum frame_origin {
	FRAME_NONE = 0, /* module + offset only */
	FRAME_DWARF = 1,
	FRAME_SYMTAB = 2,
	FRAME_DEBUGDATA = 3, /* .gnu_debugdata */
	FRAME_DYNSYM = 4,
};

struct frame {
	const char *fn; /* demangled; NULL = unknown */
	const char *file; /* full path as the compiler saw it; NULL = unknown */
	uint32_t line; /* 0 = unknown */
	const char *mod; /* base name of the module's path; NULL = no module */
	uint64_t off; /* ELF virtual address inside the module (pc - 1 - bias), else pc */
	bool inl; /* this function was inlined into the next frame */
	uint8_t origin; /* enum frame_origin, of fn */
	uint32_t fn_off; /* of the address from the start of fn; UINT32_MAX = unknown */
};

/* What a frame is called that the kernel has put there, to call a handler. */
#define FRAME_HANDLER_CALL "<signal handler called>"

struct symbols;

/*
 * Makes a symbolizer for REC. Files are opened lazily, module by module. What is missing (debug
 * file, wrong build-id, damaged DWARF) is said in D once per module with what to install.
 */
struct symbols *fr_symbols_open(const struct recording *rec, struct diag *d);
void fr_symbols_close(struct symbols *sy);

/*
 * Tells in advance which stacks will be asked for, so that each module is read once, in address
 * order. Not needed for correctness.
 */
void fr_symbols_prefetch(struct symbols *sy, const uint32_t *stack_ids, size_t n);

/* All frames of a stack, leaf first, inlined ones expanded. Memory belongs to SY. */
size_t fr_symbols_stack(struct symbols *sy, uint32_t stack_id, const struct frame **frames);

/*
 * A data address to a global or static variable, as far as the debug information goes:
 * "buckets[42].mu", "queue.mu+0x8", "name+0x10"; NULL = none.
 */
const char *fr_symbols_data(struct symbols *sy, uint64_t addr);
/* Tells in advance which of these will be asked for. Not needed for correctness. */
void fr_symbols_prefetch_data(struct symbols *sy, const uint64_t *addrs, size_t n);

/*
 * A code address such as a start routine (not a return address). Returns the innermost frame; at
 * the first instruction of a function, that function, whatever was inlined there.
 */
bool fr_symbols_code(struct symbols *sy, uint64_t addr, struct frame *out);

/* For `fr info`: what was found for module M. */
struct module_symbols {
	enum frame_origin best;
	const char *file; /* the file that the names come from, NULL = none */
	const char *problem; /* "build-id differs", "no such file", ...; NULL = none */
};
void fr_symbols_module(struct symbols *sy, const struct rec_module *m, struct module_symbols *out);

#endif
