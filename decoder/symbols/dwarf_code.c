/* SPDX-License-Identifier: MIT */
/*
 * dwarf_code.c - gives each unit the addresses that it covers.
 *
 * Only units that are hit are walked, in the order of the file.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "symbols/dwarf_file.h"

struct claim {
	uint32_t unit;
	struct answer *a;
};

static int by_unit(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;

	if (a->unit != b->unit)
		return a->unit < b->unit ? -1 : 1;
	return a->a->vaddr < b->a->vaddr ? -1 : a->a->vaddr > b->a->vaddr;
}

/* *ORPHANS = addresses that no unit claims. */
static size_t claim_all(struct dwarf_file *d, struct answers *as, struct claim **out,
			size_t *orphans)
{
	size_t i, n = 0, cap = 0;

	*out = NULL;
	*orphans = 0;
	for (i = 0; i < as->n; i++) {
		size_t at = d->n_ranges, first = n;
		const struct unit_range *r;

		while ((r = fr_index_cover(d, as->a[i].vaddr, &at))) {
			/* The same unit twice is one claim. */
			if (n > first && (*out)[n - 1].unit == r->unit)
				continue;
			*out = fr_mem_grow(*out, &cap, n + 1, sizeof(**out));
			(*out)[n++] = (struct claim){r->unit, &as->a[i]};
		}
		*orphans += n == first;
	}
	if (n)
		qsort(*out, n, sizeof(**out), by_unit);
	return n;
}

void fr_dwarf_file_code(struct dwarf_file *d, struct answers *as)
{
	struct answer **list = fr_mem_alloc((as->n + 1) * sizeof(struct answer *));
	struct claim *claims;
	size_t n, i, k, orphans;

	fr_index_make(d);
	n = claim_all(d, as, &claims, &orphans);
	if (orphans && !d->hinted) {
		fr_index_hints(d);
		free(claims);
		n = claim_all(d, as, &claims, &orphans);
	}
	for (i = 0; i < n; i += k) {
		for (k = 0; i + k < n && k < as->n && claims[i + k].unit == claims[i].unit; k++)
			list[k] = claims[i + k].a;
		fr_cu_answer(&d->units[claims[i].unit], as, list, k);
	}
	free(claims);
	free(list);
}
