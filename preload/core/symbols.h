/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - what a loaded object defines, read from its tables: for hundreds of names dlsym()
 * takes too long.
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
	const ElfW(Verdef) * defined; /* what these numbers mean; NULL: the same */
	uintptr_t bias;
};

struct fr_symbols fr_symbols_of(const struct link_map *m);

/* Our own entry in the loader's list, or NULL. Those before it are searched before us. */
const struct link_map *fr_symbols_us(void);

/* It stands in the list too, has names of libc's, and is not searched. */
bool fr_symbols_is_vdso(const struct link_map *m);

uint32_t fr_symbols_hash(const char *name);

/* As strcmp() == 0, which may be a sanitizer's, and not ready. */
bool fr_symbols_same(const char *a, const char *b);

/* The number that VERSION has in this object; of "" that of a name's default. */
#define FR_SYMBOLS_DEFAULT 0
uint16_t fr_symbols_version(const struct fr_symbols *s, const char *version);

/*
 * The function that dlvsym(), or dlsym() for the default, would find in this object alone, whose
 * tables are known (bloom is not NULL). HASH: of NAME. NULL: none. *DOUBT is set where only the
 * loader can tell.
 */
void *fr_symbols_function(const struct fr_symbols *s, const char *name, uint32_t hash,
			  uint16_t version, bool *doubt);

/*
 * May an object that is searched before ours define NAME? It must not for us to be first: neither
 * the program nor a preload. Just before main, or earlier.
 */
bool fr_symbols_before_us(const char *name);

/* Has it a name of this hash? False: surely not. True: yes, or nobody knows. */
bool fr_symbols_may_have(const struct fr_symbols *s, uint32_t hash);

/*
 * The function NAME that the object defines, of VERSION ("": the default one). NULL: none.
 * An object without versions has any. Not found: an IFUNC; a name without DT_GNU_HASH.
 */
void *fr_symbols_find(const struct link_map *m, const char *name, const char *version);

#endif
