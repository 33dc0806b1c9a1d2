/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - looks a name up in one object's DT_GNU_HASH.
 *
 * Context: any thread. Must not: say no where dlsym() might find the name, or give another function
 * than it would: the default version of a name, and what a resolver (IFUNC) chooses.
 */
#include "core/symbols.h"

#include <stddef.h>
#include <sys/auxv.h>

/* The loader has made most of these addresses absolute, where it can write. */
static const void *address(const struct link_map *m, const ElfW(Dyn) * d)
{
	return (const void *)(d->d_un.d_ptr < m->l_addr ? m->l_addr + d->d_un.d_ptr
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
	struct fr_symbols s = {.bias = m->l_addr};
	const uint32_t *head = NULL;

	for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_GNU_HASH)
			head = address(m, d);
		else if (d->d_tag == DT_SYMTAB)
			s.table = address(m, d);
		else if (d->d_tag == DT_STRTAB)
			s.names = address(m, d);
		else if (d->d_tag == DT_VERDEF)
			s.defined = address(m, d);
		else if (d->d_tag == DT_VERSYM)
			s.versions = address(m, d);
		if (d->d_tag == DT_FILTER || d->d_tag == DT_AUXILIARY)
			return s; /* other objects are searched in its place */
	}
	if (head && s.table && s.names)
		read_head(&s, head);
	return s;
}

uint32_t fr_symbols_hash(const char *name)
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

/*
 * The first symbol of hash H from I on, which is on H's chain; 0: none. A chain's last hash has its
 * lowest bit set; the others have it clear.
 */
static uint32_t find(const struct fr_symbols *s, uint32_t h, uint32_t i)
{
	for (; i; i = s->chains[i - s->first] & 1 ? 0 : i + 1) {
		if ((s->chains[i - s->first] | 1) == (h | 1))
			return i;
	}
	return 0;
}

static uint32_t find_first(const struct fr_symbols *s, uint32_t h)
{
	if (!s->n_buckets || !passes_bloom(s, h))
		return 0;
	return find(s, h, s->buckets[h % s->n_buckets]);
}

static uint32_t find_next(const struct fr_symbols *s, uint32_t h, uint32_t i)
{
	return s->chains[i - s->first] & 1 ? 0 : find(s, h, i + 1);
}

bool fr_symbols_may_have(const struct fr_symbols *s, uint32_t hash)
{
	return !s->bloom || find_first(s, hash);
}

/* Old versions of a name are hidden: who asks for none in particular gets the default. */
#define HIDDEN 0x8000u
#define VERSION_LOCAL 0u

bool fr_symbols_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

uint16_t fr_symbols_version(const struct fr_symbols *s, const char *version)
{
	const ElfW(Verdef) *d = s->defined;

	if (!*version || !d)
		return FR_SYMBOLS_DEFAULT;
	while (d) {
		const ElfW(Verdaux) *aux = (const void *)((const char *)d + d->vd_aux);

		if (fr_symbols_same(s->names + aux->vda_name, version))
			return d->vd_ndx;
		d = d->vd_next ? (const void *)((const char *)d + d->vd_next) : NULL;
	}
	return HIDDEN; /* no symbol's */
}

/* An object without versions has what is asked for in each. */
static bool is_version(const struct fr_symbols *s, uint32_t i, uint16_t version)
{
	if (!s->versions)
		return true;
	if (version != FR_SYMBOLS_DEFAULT)
		return (s->versions[i] & ~HIDDEN) == version;
	return !(s->versions[i] & HIDDEN) && s->versions[i] != VERSION_LOCAL;
}

void *fr_symbols_function(const struct fr_symbols *s, const char *name, uint32_t hash,
			  uint16_t version, bool *doubt)
{
	for (uint32_t i = find_first(s, hash); i; i = find_next(s, hash, i)) {
		const ElfW(Sym) *sym = &s->table[i];

		if (sym->st_shndx == SHN_UNDEF || !fr_symbols_same(s->names + sym->st_name, name))
			continue;
		if (!is_version(s, i, version))
			continue;
		/* variables, resolvers, addresses that are none: not for us */
		*doubt |= ELF64_ST_TYPE(sym->st_info) != STT_FUNC || sym->st_shndx == SHN_ABS ||
			  (ELF64_ST_BIND(sym->st_info) != STB_GLOBAL &&
			   ELF64_ST_BIND(sym->st_info) != STB_WEAK);
		return (void *)(s->bias + sym->st_value);
	}
	return NULL;
}

const struct link_map *fr_symbols_us(void)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_ld != _DYNAMIC)
		m = m->l_next;
	return m;
}

bool fr_symbols_is_vdso(const struct link_map *m)
{
	return m->l_addr && m->l_addr == getauxval(AT_SYSINFO_EHDR);
}

bool fr_symbols_before_us(const char *name)
{
	const struct link_map *m = _r_debug.r_map;
	uint32_t hash = fr_symbols_hash(name);
	bool found = false;

	for (; m && m->l_ld != _DYNAMIC && !found; m = m->l_next) {
		struct fr_symbols s = fr_symbols_of(m);

		found = !fr_symbols_is_vdso(m) && fr_symbols_may_have(&s, hash);
	}
	return found;
}

void *fr_symbols_find(const struct link_map *m, const char *name, const char *version)
{
	struct fr_symbols s = fr_symbols_of(m);
	bool doubt = false;
	void *fn = NULL;

	if (s.bloom)
		fn = fr_symbols_function(&s, name, fr_symbols_hash(name),
					 fr_symbols_version(&s, version), &doubt);
	return doubt ? NULL : fn;
}
