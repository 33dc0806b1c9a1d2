/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - what a loaded object defines, read from its tables: for hundreds of names dlsym() takes
 * too long.
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
	const ElfW(Sym) * table;
	const char *names;
	const uint16_t *versions; /* of each symbol; NULL: it has none */
	uintptr_t bias;
};

struct fr_symbols fr_symbols_of(const struct link_map *m);

uint32_t fr_symbols_hash(const char *name);

/*
 * The function that dlsym() would find in this object alone, whose tables are known (bloom is not
 * NULL). HASH: of NAME. NULL: none. *DOUBT is set where only dlsym() can tell.
 */
void *fr_symbols_function(const struct fr_symbols *s, const char *name, uint32_t hash, bool *doubt);

/*
 * May an object that is searched before ours define NAME? It must not for us to be first: neither
 * the program nor a preload. Just before main, or earlier.
 */
bool fr_symbols_before_us(const char *name);

/* False: surely not. True: a name of the same hash is there, or nobody knows. */
bool fr_symbols_may_have(const struct fr_symbols *s, const char *name);

#endif
