/* SPDX-License-Identifier: MIT */
/*
 * dwarf_data.c - the variable that holds an address.
 *
 * All variables with a fixed address, of all units, are listed once; the ELF symbol, if there is
 * one, decides where a variable begins.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "symbols/demangle.h"
#include "symbols/dwarf_file.h"

struct gather {
	struct dwarf_file *main;
	struct unit *unit;
};

/* DW_OP_addr or an index, and nothing after it (thread-local variables have more). */
static bool fixed_address(const struct unit *u, const struct skim_die *die, uint64_t *addr)
{
	struct bytes b = {die->loc, die->loc + die->loc_size, false};
	uint8_t op;

	if (!die->loc || !die->loc_size)
		return false;
	op = bytes_u8(&b);
	if (op == DW_OP_addr)
		*addr = bytes_uint(&b, 8);
	else if (op != DW_OP_addrx && op != DW_OP_GNU_addr_index)
		return false;
	else if (!fr_form_address(u, DW_FORM_addrx, bytes_uleb(&b), addr))
		return false;
	return !b.bad && !bytes_left(&b) && *addr > 1;
}

static bool take(void *arg, const struct skim_die *die)
{
	struct gather *g = arg;
	struct dwarf_file *d = g->main;
	uint64_t addr;

	if (!fixed_address(g->unit, die, &addr))
		return true;
	d->vars = fr_mem_grow(d->vars, &d->cap_vars, d->n_vars + 1, sizeof(*d->vars));
	d->vars[d->n_vars++] = (struct variable){addr, die->off, g->unit};
	return true;
}

static int by_address(const void *x, const void *y)
{
	const struct variable *a = x, *b = y;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->die < b->die ? -1 : a->die > b->die;
}

static void list_variables(struct dwarf_file *d)
{
	size_t i;

	if (d->vars_made)
		return;
	d->vars_made = true;
	fr_index_make(d);
	for (i = 0; i < d->n_units; i++) {
		struct unit *u = &d->units[i];
		struct gather g = {d, NULL};

		if (u->tag == DW_TAG_compile_unit || u->tag == DW_TAG_skeleton_unit)
			g.unit = fr_split_unit(u);
		if (g.unit)
			fr_skim(g.unit, SKIM_DATA, take, &g);
	}
	if (d->n_vars)
		qsort(d->vars, d->n_vars, sizeof(*d->vars), by_address);
}

static bool not_above(const void *variable, const void *addr)
{
	return ((const struct variable *)variable)->addr <= *(const uint64_t *)addr;
}

/* The first of the variables at the highest address that is not above ADDR. */
static const struct variable *at_or_below(const struct dwarf_file *d, uint64_t addr)
{
	size_t i = fr_search(d->vars, d->n_vars, sizeof(*d->vars), not_above, &addr);

	if (!i)
		return NULL;
	addr = d->vars[--i].addr;
	while (i && d->vars[i - 1].addr == addr)
		i--;
	return &d->vars[i];
}

size_t fr_dwarf_file_data(struct dwarf_file *d, uint64_t vaddr, uint64_t start, char *buf,
			  size_t size)
{
	const struct variable *v;
	struct dwarf_file *home;
	const char *raw;
	char path[256];
	char *nice;
	int n;

	list_variables(d);
	v = at_or_below(d, start ? start : vaddr);
	if (!v || (start && v->addr != start))
		return 0;
	home = v->unit->home;
	if (!start && vaddr - v->addr >= fr_type_size_of(home, v->die))
		return 0;
	raw = fr_name_raw(home, v->die);
	if (!raw || !raw[0])
		return 0;
	nice = fr_demangle(raw);
	fr_type_path(home, v->die, vaddr - v->addr, path, sizeof(path));
	n = snprintf(buf, size, "%s%s", nice ? nice : raw, path);
	free(nice);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
