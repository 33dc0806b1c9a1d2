/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - may a loaded object define a name? Read from its tables: a filter before dlsym().
 */
#ifndef FR_SYMBOLS_H
#define FR_SYMBOLS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* The hash table of an object's names (DT_GNU_HASH). */
struct fr_symbols {
	const ElfW(Addr) * bloom; /* NULL: it has no such table, or not only that */
	const uint32_t *buckets, *chains;
	uint32_t n_buckets, first, bloom_mask, bloom_shift;
};

struct fr_symbols fr_symbols_of(const struct link_map *m);

/* False: surely not. True: a name of the same hash is there, or nobody knows. */
bool fr_symbols_may_have(const struct fr_symbols *s, const char *name);

#endif
