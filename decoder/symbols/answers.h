/* SPDX-License-Identifier: MIT */
/*
 * answers.h - code addresses of one batch while their frames are being found.
 *
 * DWARF fills file and line from the line table and frames from the functions; what it leaves
 * without frames goes to the symbol tables. Strings live in the builder.
 */
#ifndef FR_SYMBOLS_ANSWERS_H
#define FR_SYMBOLS_ANSWERS_H

#include "symbols/image.h"

struct answer {
	uint64_t vaddr;
	uint32_t file; /* interned, 0 = unknown: where the instruction itself comes from */
	uint32_t line;
	uint32_t first; /* into answers.frames, innermost first */
	uint32_t n; /* 0 = no function found yet */
};

struct answers {
	struct answer *a; /* by vaddr, ascending */
	size_t n;
	struct image_frame *frames;
	size_t n_frames, cap_frames;
	struct image_builder *b;
};

/* Appends a frame; false = out of memory. */
bool fr_answers_push(struct answers *as, const struct image_frame *f);

#endif
