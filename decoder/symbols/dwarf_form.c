/* SPDX-License-Identifier: MIT */
/*
 * dwarf_form.c - abbreviation tables and the sizes of attribute values.
 *
 * Context: a worker. Every read is bounded by its section; a form that is not known ends the unit.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "symbols/dwarf_file.h"

#define SPECS_MAX 1024 /* attributes of one DIE */
#define ABBREVS_MAX (1u << 20)

/* Sizes of the forms that have one; offsets (4 or 8 bytes) are OFFSET. */
#define OFFSET 255
static const uint8_t fixed_sizes[] = {
	[DW_FORM_addr] = 8,          [DW_FORM_data1] = 1,          [DW_FORM_data2] = 2,
	[DW_FORM_data4] = 4,         [DW_FORM_data8] = 8,          [DW_FORM_data16] = 16,
	[DW_FORM_flag] = 1,          [DW_FORM_ref1] = 1,           [DW_FORM_ref2] = 2,
	[DW_FORM_ref4] = 4,          [DW_FORM_ref8] = 8,           [DW_FORM_ref_sig8] = 8,
	[DW_FORM_ref_sup4] = 4,      [DW_FORM_ref_sup8] = 8,       [DW_FORM_strp] = OFFSET,
	[DW_FORM_strp_sup] = OFFSET, [DW_FORM_line_strp] = OFFSET, [DW_FORM_sec_offset] = OFFSET,
	[DW_FORM_strx1] = 1,         [DW_FORM_strx2] = 2,          [DW_FORM_strx3] = 3,
	[DW_FORM_strx4] = 4,         [DW_FORM_addrx1] = 1,         [DW_FORM_addrx2] = 2,
	[DW_FORM_addrx3] = 3,        [DW_FORM_addrx4] = 4,
};

/* -1 = depends on the bytes, or unknown. */
static int fixed_size(const struct unit *u, uint16_t form)
{
	uint8_t n = form < sizeof(fixed_sizes) ? fixed_sizes[form] : 0;

	if (form == DW_FORM_flag_present || form == DW_FORM_implicit_const)
		return 0;
	if (form == DW_FORM_ref_addr) /* DWARF 2 wrote an address there */
		return u->version <= 2 ? 8 : u->offset_size;
	if (form == DW_FORM_GNU_ref_alt || form == DW_FORM_GNU_strp_alt || n == OFFSET)
		return u->offset_size;
	return n ? n : -1;
}

static void read_block(struct bytes *b, uint64_t size, struct form_value *out)
{
	out->block = b->p;
	out->block_size = size;
	bytes_skip(b, size);
	if (b->bad)
		out->block_size = 0;
}

void fr_form_read(struct bytes *b, const struct unit *u, uint16_t form, int64_t implicit,
		  struct form_value *out)
{
	int n = fixed_size(u, form);

	memset(out, 0, sizeof(*out));
	if (form == DW_FORM_implicit_const)
		out->u = (uint64_t)implicit;
	else if (form == DW_FORM_flag_present)
		out->u = 1;
	else if (n > 8)
		bytes_skip(b, (uint64_t)n);
	else if (n >= 0)
		out->u = bytes_uint(b, (unsigned int)n);
	else if (form == DW_FORM_sdata)
		out->u = (uint64_t)bytes_sleb(b);
	else if (form == DW_FORM_udata || form == DW_FORM_ref_udata || form == DW_FORM_strx ||
		 form == DW_FORM_addrx || form == DW_FORM_loclistx || form == DW_FORM_rnglistx ||
		 form == DW_FORM_GNU_addr_index || form == DW_FORM_GNU_str_index)
		out->u = bytes_uleb(b);
	else if (form == DW_FORM_string)
		bytes_string(b);
	else if (form == DW_FORM_exprloc || form == DW_FORM_block)
		read_block(b, bytes_uleb(b), out);
	else if (form == DW_FORM_block1 || form == DW_FORM_block2 || form == DW_FORM_block4)
		read_block(b,
			   bytes_uint(b, form == DW_FORM_block1   ? 1
					 : form == DW_FORM_block2 ? 2
								  : 4),
			   out);
	else if (form == DW_FORM_indirect && bytes_left(b) > 1)
		fr_form_read(b, u, (uint16_t)bytes_uleb(b), 0, out);
	else
		b->bad = true;
}

bool fr_form_address(const struct unit *u, uint16_t form, uint64_t raw, uint64_t *addr)
{
	struct bytes b;

	if (form == DW_FORM_addr) {
		*addr = raw;
		return true;
	}
	if (form != DW_FORM_addrx && form != DW_FORM_GNU_addr_index &&
	    (form < DW_FORM_addrx1 || form > DW_FORM_addrx4))
		return false;
	if (raw > UINT32_MAX)
		return false;
	b = bytes_at(u->main->sec.addr, u->addr_base);
	bytes_skip(&b, raw * 8);
	*addr = bytes_uint(&b, 8);
	return !b.bad;
}

/* ---- abbreviations --------------------------------------------------------------------------- */

/* What the skimmer reads of a DIE. */
static bool is_place(uint64_t at)
{
	return at == DW_AT_low_pc || at == DW_AT_high_pc || at == DW_AT_ranges ||
	       at == DW_AT_location || at == DW_AT_sibling;
}

static bool read_specs(struct bytes *b, const struct unit *u, struct abbrev_table *t,
		       struct abbrev *a)
{
	uint64_t fixed = 0;
	uint32_t skip = 0;
	unsigned int n = 0;

	a->first = (uint32_t)t->n_specs;
	for (;;) {
		uint64_t at = bytes_uleb(b), form = bytes_uleb(b);
		int64_t implicit = form == DW_FORM_implicit_const ? bytes_sleb(b) : 0;
		int size;

		if (b->bad || at > UINT16_MAX || form > UINT16_MAX || n++ >= SPECS_MAX)
			return false;
		if (!at && !form)
			break;
		size = fixed_size(u, (uint16_t)form);
		fixed = size < 0 || fixed == UINT32_MAX ? UINT32_MAX : fixed + (uint64_t)size;
		a->sibling |= at == DW_AT_sibling;
		if (size >= 0 && !is_place(at)) {
			skip += (uint32_t)size;
			continue;
		}
		t->specs = fr_mem_grow(t->specs, &t->cap_specs, t->n_specs + 1, sizeof(*t->specs));
		t->specs[t->n_specs++] =
			(struct attr_spec){(uint16_t)at, (uint16_t)form, skip, implicit};
		a->n++;
		skip = 0;
	}
	a->skip = skip;
	a->fixed = (uint32_t)fixed;
	return true;
}

static int by_code(const void *x, const void *y)
{
	const struct abbrev *a = x, *b = y;

	return a->code < b->code ? -1 : a->code > b->code;
}

static bool read_table(struct abbrev_table *t, const struct unit *u)
{
	struct bytes b = bytes_at(u->home->sec.abbrev, u->abbrev);
	bool sorted = true;

	while (!b.bad && t->n < ABBREVS_MAX) {
		struct abbrev a = {.code = bytes_uleb(&b)};
		uint64_t tag;

		if (!a.code)
			break;
		tag = bytes_uleb(&b);
		a.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
		a.children = bytes_u8(&b) != 0;
		if (!read_specs(&b, u, t, &a))
			return false;
		if (t->n && t->abbrevs[t->n - 1].code >= a.code)
			sorted = false;
		t->abbrevs = fr_mem_grow(t->abbrevs, &t->cap, t->n + 1, sizeof(*t->abbrevs));
		t->abbrevs[t->n++] = a;
	}
	if (!sorted)
		qsort(t->abbrevs, t->n, sizeof(*t->abbrevs), by_code);
	return !b.bad && t->n;
}

static bool is_less(const void *abbrev, const void *code)
{
	return ((const struct abbrev *)abbrev)->code < *(const uint64_t *)code;
}

const struct abbrev *fr_abbrev_find(const struct abbrev_table *t, uint64_t code)
{
	size_t i;

	/* Nearly always the codes are 1..n. */
	if (code - 1 < t->n && t->abbrevs[code - 1].code == code)
		return &t->abbrevs[code - 1];
	i = fr_search(t->abbrevs, t->n, sizeof(*t->abbrevs), is_less, &code);
	return i < t->n && t->abbrevs[i].code == code ? &t->abbrevs[i] : NULL;
}

static void free_table(struct abbrev_table *t)
{
	free(t->abbrevs);
	free(t->specs);
	free(t);
}

static bool is_before(const void *table, const void *off)
{
	return (*(struct abbrev_table *const *)table)->off < *(const uint64_t *)off;
}

/* Place of the table with offset OFF, or where it belongs. */
static size_t table_slot(const struct dwarf_file *d, uint64_t off)
{
	return fr_search(d->tables, d->n_tables, sizeof(*d->tables), is_before, &off);
}

const struct abbrev_table *fr_abbrev_table(const struct unit *u)
{
	struct dwarf_file *d = u->home;
	size_t i = table_slot(d, u->abbrev);
	struct abbrev_table *t;

	/* The sizes of forms depend on the unit, but all units that share a table agree on them. */
	if (i < d->n_tables && d->tables[i]->off == u->abbrev)
		return d->tables[i];
	t = fr_mem_alloc(sizeof(*t));
	t->off = u->abbrev;
	if (!read_table(t, u)) {
		free_table(t);
		return NULL;
	}
	d->tables = fr_mem_grow(d->tables, &d->cap_tables, d->n_tables + 1,
				sizeof(struct abbrev_table *));
	memmove(d->tables + i + 1, d->tables + i,
		(d->n_tables - i) * sizeof(struct abbrev_table *));
	d->tables[i] = t;
	d->n_tables++;
	return t;
}

void fr_abbrev_free(struct dwarf_file *d)
{
	size_t i;

	for (i = 0; i < d->n_tables; i++)
		free_table(d->tables[i]);
	free(d->tables);
	d->tables = NULL;
	d->n_tables = 0;
}
