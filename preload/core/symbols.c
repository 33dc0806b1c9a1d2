/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - looks a name up in one object's DT_GNU_HASH, by its hash alone.
 *
 * Context: any thread. Must not: say no where dlsym() might find the name.
 */
#include "core/symbols.h"

#include <stddef.h>

/* The loader has made most of these addresses absolute, where it can write. */
static const uint32_t *address(const struct link_map *m, const ElfW(Dyn) * d)
{
	return (const uint32_t *)(d->d_un.d_ptr < m->l_addr ? m->l_addr + d->d_un.d_ptr
							    : d->d_un.d_ptr);
}

static void read_head(struct fr_symbols *s, const uint32_t *head)
{
	s->n_buckets = head[0];
	s->first = head[1];
	s->bloom_mask = head[2] - 1;
	s->bloom_shift = head[3];
	s->bloom = (const void *)(head + 4);
	s->buckets = (const void *)(s->bloom + head[2]);
	s->chains = s->buckets + s->n_buckets;
}

struct fr_symbols fr_symbols_of(const struct link_map *m)
{
	struct fr_symbols s = {0};
	const uint32_t *head = NULL;

	for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_GNU_HASH)
			head = address(m, d);
		if (d->d_tag == DT_FILTER || d->d_tag == DT_AUXILIARY)
			return s; /* other objects are searched in its place */
	}
	if (head)
		read_head(&s, head);
	return s;
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

static bool passes_bloom(const struct fr_symbols *s, uint32_t h)
{
	const uint32_t bits = 8 * sizeof(ElfW(Addr));
	ElfW(Addr) word = s->bloom[(h / bits) & s->bloom_mask];

	return (word >> (h % bits)) & (word >> ((h >> s->bloom_shift) % bits)) & 1;
}

bool fr_symbols_may_have(const struct fr_symbols *s, const char *name)
{
	uint32_t h = hash_of(name), i;

	if (!s->bloom)
		return true;
	if (!s->n_buckets || !passes_bloom(s, h))
		return false;
	/* a chain's last hash has its lowest bit set; the others have it clear */
	for (i = s->buckets[h % s->n_buckets]; i; i = s->chains[i - s->first] & 1 ? 0 : i + 1) {
		if ((s->chains[i - s->first] | 1) == (h | 1))
			return true;
	}
	return false;
}
