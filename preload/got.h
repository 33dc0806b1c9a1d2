/* SPDX-License-Identifier: MIT */
/*
 * got.h - what an object of our own (libunwind) calls, decided by us instead of the loader.
 */
#ifndef FR_GOT_H
#define FR_GOT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fr_redirect {
	const char *name; /* the import */
	void *to;
	bool must; /* for the caller: without it the object is of no use */
};

/* Rewrites the slots of MAP's imports. Returns the rows that were found, by bit; N <= 32. */
uint32_t fr_got_redirect(const struct link_map *map, const struct fr_redirect *rows, size_t n);

#endif
