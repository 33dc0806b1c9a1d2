/* SPDX-License-Identifier: MIT */
/*
 * got.h - binds the imports of an object of our own (libunwind) to functions of our choice.
 */
#ifndef FR_GOT_H
#define FR_GOT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fr_redirect {
	const char *name; /* the import; "mem*" is all that begin with mem */
	void *to; /* NULL: it may call the real one */
	bool must; /* for the caller: without it the object is of no use */
};

/* What was found: rows by bit, and a function that no row names. */
struct fr_imports {
	uint64_t rows;
	const char *stranger; /* NULL: none */
};

/* Rewrites the slots of MAP's imports by ROWS, the first that fits; N <= 64. */
struct fr_imports fr_got_redirect(const struct link_map *map, const struct fr_redirect *rows,
				  size_t n);

#endif
