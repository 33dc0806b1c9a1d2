/* SPDX-License-Identifier: MIT */
/*
 * dwarf_ranges.c - the address ranges of a DIE: low/high, .debug_ranges, .debug_rnglists.
 *
 * Linkers leave entries of discarded functions behind, with address 0, 1 or the highest ones:
 * those are not ranges of anything.
 */
#include "symbols/dwarf_file.h"

#define ENTRIES_MAX (1u << 20)

struct emit {
	range_fn fn;
	void *arg;
};

static void emit(const struct emit *e, uint64_t lo, uint64_t hi)
{
	if (lo > 1 && lo < hi && lo < UINT64_MAX - 1)
		e->fn(e->arg, lo, hi);
}

/* DWARF 2-4: pairs, ended by two zeros; a pair with the highest number sets the base. */
static void old_list(const struct unit *u, uint64_t off, const struct emit *e)
{
	struct bytes b = bytes_at(u->main->sec.ranges, off + u->ranges_base);
	uint64_t base = u->low;
	unsigned int i;

	for (i = 0; i < ENTRIES_MAX && !b.bad; i++) {
		uint64_t lo = bytes_uint(&b, 8), hi = bytes_uint(&b, 8);

		if (b.bad || (!lo && !hi))
			break;
		if (lo == UINT64_MAX)
			base = hi;
		else if (lo != hi)
			emit(e, base + lo, base + hi);
	}
}

static uint64_t indexed(const struct unit *u, struct bytes *b)
{
	uint64_t addr;

	if (!fr_form_address(u, DW_FORM_addrx, bytes_uleb(b), &addr))
		b->bad = true;
	return b->bad ? 0 : addr;
}

/* One entry of a DWARF 5 list; false = end. */
static bool new_entry(const struct unit *u, struct bytes *b, uint64_t *base, const struct emit *e)
{
	uint64_t lo, hi;

	switch (bytes_u8(b)) {
	case DW_RLE_base_addressx:
		*base = indexed(u, b);
		return !b->bad;
	case DW_RLE_startx_endx:
		lo = indexed(u, b);
		hi = indexed(u, b);
		break;
	case DW_RLE_startx_length:
		lo = indexed(u, b);
		hi = lo + bytes_uleb(b);
		break;
	case DW_RLE_offset_pair:
		lo = *base + bytes_uleb(b);
		hi = *base + bytes_uleb(b);
		break;
	case DW_RLE_base_address:
		*base = bytes_uint(b, 8);
		return !b->bad;
	case DW_RLE_start_end:
		lo = bytes_uint(b, 8);
		hi = bytes_uint(b, 8);
		break;
	case DW_RLE_start_length:
		lo = bytes_uint(b, 8);
		hi = lo + bytes_uleb(b);
		break;
	default: /* DW_RLE_end_of_list and what is not known */
		return false;
	}
	if (!b->bad)
		emit(e, lo, hi);
	return !b->bad;
}

/* An index goes through the table of offsets at the unit's base. */
static bool new_offset(const struct unit *u, const struct skim_die *die, uint64_t *off)
{
	uint64_t base = u->rnglists_base;
	struct bytes b;

	if (die->ranges_form != DW_FORM_rnglistx) {
		*off = die->ranges;
		return true;
	}
	/* A .dwo file has one table and no attribute that says where: right after its header. */
	if (!base && u->home != u->main)
		base = u->offset_size == 8 ? 20 : 12;
	if (die->ranges > UINT32_MAX)
		return false;
	b = bytes_at(u->home->sec.rnglists, base);
	bytes_skip(&b, die->ranges * u->offset_size);
	*off = base + bytes_uint(&b, u->offset_size);
	return !b.bad;
}

static void new_list(const struct unit *u, const struct skim_die *die, const struct emit *e)
{
	uint64_t base = u->low, off;
	struct bytes b;
	unsigned int i;

	if (!new_offset(u, die, &off))
		return;
	b = bytes_at(u->home->sec.rnglists, off);
	for (i = 0; i < ENTRIES_MAX && new_entry(u, &b, &base, e); i++)
		;
}

void fr_ranges_each(const struct unit *u, const struct skim_die *die, range_fn fn, void *arg)
{
	struct emit e = {fn, arg};
	uint64_t lo, hi;

	if (die->ranges_form) {
		if (u->version >= 5)
			new_list(u, die, &e);
		else
			old_list(u, die->ranges, &e);
		return;
	}
	if (!die->low_form || !fr_form_address(u, die->low_form, die->low, &lo))
		return;
	/* An address, or since DWARF 4 a length. */
	if (!fr_form_address(u, die->high_form, die->high, &hi))
		hi = die->high_form ? lo + die->high : lo;
	emit(&e, lo, hi);
}
