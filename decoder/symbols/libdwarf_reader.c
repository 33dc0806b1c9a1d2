/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_reader.c - the second reader: gives each unit the addresses that it claims.
 */
#include "symbols/libdwarf_reader.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"

struct claim {
	size_t unit;
	struct answer *a;
};

struct claims {
	struct claim *list;
	size_t n, cap;
};

struct libdwarf_reader *fr_libdwarf_reader_open(struct elf_file *elf, const char **why)
{
	struct libdwarf_reader *r = fr_mem_alloc(sizeof(*r));

	*why = fr_elf_problem(elf);
	if (fr_libdwarf_open(&r->lib, elf, LIBDWARF_ALL))
		return r;
	if (!*why)
		*why = "its debug information is damaged";
	free(r);
	return NULL;
}

void fr_libdwarf_reader_close(struct libdwarf_reader *r)
{
	if (!r)
		return;
	fr_libdwarf_index_free(r);
	fr_libdwarf_close(&r->lib);
	free(r);
}

const char *fr_libdwarf_reader_problem(const struct libdwarf_reader *r)
{
	return r->problem;
}

static void claim(struct claims *c, size_t unit, struct answer *a)
{
	c->list = fr_mem_grow(c->list, &c->cap, c->n + 1, sizeof(*c->list));
	c->list[c->n++] = (struct claim){unit, a};
}

static int by_unit(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;

	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return a->a->vaddr < b->a->vaddr ? -1 : a->a->vaddr > b->a->vaddr;
}

static bool below(const void *element, const void *addr)
{
	return ((const struct answer *)element)->vaddr < *(const uint64_t *)addr;
}

static void claim_all(struct libdwarf_reader *r, struct answers *as, struct claims *c)
{
	bool *claimed = fr_mem_alloc(as->n + 1);
	size_t i, k;

	for (i = 0; i < r->n_ranges; i++) {
		const struct libdwarf_range *g = &r->ranges[i];

		k = fr_search(as->a, as->n, sizeof(*as->a), below, &g->lo);
		for (; k < as->n && as->a[k].vaddr < g->hi; k++) {
			claim(c, g->unit, &as->a[k]);
			claimed[k] = true;
		}
	}
	for (k = 0; k < as->n; k++) {
		size_t unit = claimed[k] ? SIZE_MAX : fr_libdwarf_hint(r, as->a[k].vaddr);

		if (unit != SIZE_MAX)
			claim(c, unit, &as->a[k]);
	}
	free(claimed);
	if (c->n)
		qsort(c->list, c->n, sizeof(*c->list), by_unit);
}

void fr_libdwarf_reader_code(struct libdwarf_reader *r, struct answers *as)
{
	struct answer **list = fr_mem_alloc((as->n + 1) * sizeof(*list));
	struct claims c = {0};
	size_t i = 0, n;

	fr_libdwarf_index(r);
	claim_all(r, as, &c);
	while (i < c.n) {
		size_t unit = c.list[i].unit;

		for (n = 0; i < c.n && c.list[i].unit == unit; i++)
			if (!n || list[n - 1] != c.list[i].a)
				list[n++] = c.list[i].a;
		fr_libdwarf_unit_answer(r, &r->units[unit], as, list, n);
	}
	free(c.list);
	free(list);
}
