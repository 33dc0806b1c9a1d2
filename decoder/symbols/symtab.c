/* SPDX-License-Identifier: MIT */
/*
 * symtab.c - finds the symbols of sorted addresses in one pass over a symbol table.
 *
 * The table is read once and nothing is sorted or kept but the best candidate per address: for a
 * thousand addresses that is faster than building an index. A symbol of size 0 (hand-written
 * assembly) reaches to the next symbol or to the end of its section.
 */
#include "symbols/symtab.h"

#include <elf.h>
#include <stdlib.h>

#include "base/search.h"

struct candidate {
	Elf64_Sym sym;
	const char *name; /* NULL = none */
};

struct best {
	struct candidate sized; /* covers the address */
	struct candidate open; /* size 0: the last one that starts at or before the address */
	uint64_t last_start; /* of any symbol at or before the address */
	bool has_start;
};

struct search {
	struct elf_file *f;
	struct span strings;
	enum symtab_want want;
	struct symtab_hit *hits;
	struct best *best;
	size_t n;
};

/*
 * Higher is better: one name out of several for the same place. What others can link to, then the
 * plainest: glibc's calloc is weak, and global as __libc_calloc; "__GI_" are its inner aliases.
 */
static int rank(const struct candidate *c)
{
	unsigned int bind = ELF64_ST_BIND(c->sym.st_info);
	unsigned int type = ELF64_ST_TYPE(c->sym.st_info);
	size_t inner = strspn(c->name, "_") + (strncmp(c->name, "__GI_", 5) ? 0 : 10);

	return (type != STT_NOTYPE) * 2000 + (bind != STB_LOCAL) * 1000 -
	       (int)(inner < 50 ? inner : 50) * 10 + (bind == STB_GLOBAL);
}

/* The later start is nearer; at the same start the better rank, then the shorter name. */
static bool better(const struct candidate *a, const struct candidate *b)
{
	size_t la, lb;

	if (!b->name)
		return true;
	if (a->sym.st_value != b->sym.st_value)
		return a->sym.st_value > b->sym.st_value;
	if (rank(a) != rank(b))
		return rank(a) > rank(b);
	la = strlen(a->name);
	lb = strlen(b->name);
	return la != lb ? la < lb : strcmp(a->name, b->name) < 0;
}

static bool wanted(const struct search *s, const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);
	const struct elf_section *sec = fr_elf_section(s->f, sym->st_shndx);

	if (sym->st_shndx == SHN_UNDEF || !sym->st_value)
		return false;
	if (s->want == SYMTAB_DATA)
		return type == STT_OBJECT && sym->st_size;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	return type == STT_NOTYPE && sec && (sec->flags & SHF_EXECINSTR);
}

static bool before(const void *hit, const void *vaddr)
{
	return ((const struct symtab_hit *)hit)->vaddr < *(const uint64_t *)vaddr;
}

/* Index of the first address >= V. */
static size_t lower_bound(const struct search *s, uint64_t v)
{
	return fr_search(s->hits, s->n, sizeof(*s->hits), before, &v);
}

static void offer(struct search *s, const Elf64_Sym *sym)
{
	struct candidate c = {*sym, span_string(s->strings, sym->st_name)};
	size_t i = lower_bound(s, sym->st_value);

	if (!c.name || !c.name[0] || c.name[0] == '$' || i == s->n)
		return;
	if (!s->best[i].has_start || s->best[i].last_start < sym->st_value) {
		s->best[i].has_start = true;
		s->best[i].last_start = sym->st_value;
	}
	if (!sym->st_size && better(&c, &s->best[i].open))
		s->best[i].open = c;
	for (; i < s->n && s->hits[i].vaddr - sym->st_value < sym->st_size; i++)
		if (better(&c, &s->best[i].sized))
			s->best[i].sized = c;
}

/* An open-ended symbol holds until another one starts or its section ends. */
static bool reaches(const struct search *s, const struct best *b, uint64_t vaddr)
{
	const struct elf_section *sec;

	if (!b->open.name || b->open.sym.st_value != b->last_start)
		return false;
	sec = fr_elf_section(s->f, b->open.sym.st_shndx);
	return sec && vaddr >= sec->addr && vaddr - sec->addr < sec->size;
}

/* Carries starts and open-ended symbols forward, then decides each address. */
static void decide(struct search *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct best *b = &s->best[i];
		const struct candidate *c = NULL;

		if (i && !b->has_start)
			*b = (struct best){b->sized, b[-1].open, b[-1].last_start, b[-1].has_start};
		else if (i && !b->open.name)
			b->open = b[-1].open;
		if (b->sized.name)
			c = &b->sized;
		else if (reaches(s, b, s->hits[i].vaddr))
			c = &b->open;
		if (!c || s->hits[i].name)
			continue;
		s->hits[i].name = c->name;
		s->hits[i].start = c->sym.st_value;
		s->hits[i].size = c->sym.st_size;
	}
}

static void stream(struct search *s, struct span table)
{
	size_t i, n = table.size / sizeof(Elf64_Sym);
	Elf64_Sym sym;

	for (i = 1; i < n; i++) {
		memcpy(&sym, table.data + i * sizeof(sym), sizeof(sym));
		if (wanted(s, &sym))
			offer(s, &sym);
	}
}

void fr_symtab_find(struct elf_file *f, uint32_t table, enum symtab_want want,
		    struct symtab_hit *hits, size_t n)
{
	struct search s = {.f = f, .want = want, .hits = hits, .n = n};
	size_t i;

	s.best = n ? calloc(n, sizeof(*s.best)) : NULL;
	if (!s.best)
		return;
	for (i = 1; i < fr_elf_count(f); i++) {
		const struct elf_section *sec = fr_elf_section(f, i);
		struct span data;

		if (sec->type != table)
			continue;
		data = fr_elf_data(f, i);
		s.strings = fr_elf_data(f, sec->link);
		if (data.data && s.strings.data) {
			stream(&s, data);
			decide(&s);
		}
		break;
	}
	free(s.best);
}
