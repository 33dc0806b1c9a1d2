/* SPDX-License-Identifier: MIT */
/*
 * map.h - from a 64-bit key to a 32-bit index: open addressing, never shrinks, key 0 is not
 * allowed. On the path of every lock event, therefore inline and not uthash.
 *
 * The keys come from a file: its author may choose them, but not where they stand, which depends
 * on a number that the kernel gave this process.
 */
#ifndef FR_BASE_MAP_H
#define FR_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/mem.h"

struct map_slot {
	uint64_t key;
	uint32_t value;
};

struct map {
	struct map_slot *slots; /* {0} is an empty map */
	uint64_t mask;
	uint64_t n;
	uint64_t secret[2];
};

static inline uint64_t fr_map_place(const struct map *m, uint64_t key)
{
	unsigned __int128 p = (unsigned __int128)(key ^ m->secret[0]) * m->secret[1];

	return (uint64_t)(p >> 64) ^ (uint64_t)p;
}

static inline struct map_slot *fr_map_find(const struct map *m, uint64_t key)
{
	uint64_t i = fr_map_place(m, key);

	while (m->slots[i & m->mask].key && m->slots[i & m->mask].key != key)
		i++;
	return &m->slots[i & m->mask];
}

static inline void fr_map_begin(struct map *m)
{
	const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes */

	if (random)
		memcpy(m->secret, random, sizeof(m->secret));
	m->secret[1] |= 1; /* no key is lost */
}

static inline void fr_map_grow(struct map *m)
{
	struct map old = *m;
	uint64_t i;

	if (!old.slots)
		fr_map_begin(m);
	m->mask = old.slots ? old.mask * 2 + 1 : 255;
	m->slots = fr_mem_alloc((m->mask + 1) * sizeof(*m->slots));
	for (i = 0; old.slots && i <= old.mask; i++) {
		if (old.slots[i].key)
			*fr_map_find(m, old.slots[i].key) = old.slots[i];
	}
	free(old.slots);
}

/* The slot of KEY; *IS_NEW tells whether the caller must set its value. */
static inline uint32_t *fr_map_slot(struct map *m, uint64_t key, bool *is_new)
{
	struct map_slot *s;

	if (!m->slots || m->n * 2 > m->mask)
		fr_map_grow(m);
	s = fr_map_find(m, key);
	*is_new = !s->key;
	if (*is_new) {
		s->key = key;
		m->n++;
	}
	return &s->value;
}

static inline void fr_map_free(struct map *m)
{
	free(m->slots);
	*m = (struct map){0};
}

#endif
