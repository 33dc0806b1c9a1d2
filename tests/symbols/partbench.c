/* SPDX-License-Identifier: MIT */
/*
 * partbench.c - the own reader of DWARF and libdwarf side by side, part by part, for the bench.
 *
 *   partbench FILE ADDRESSES      prints a line per part: name, own ns, libdwarf ns, what was done
 *
 * Both do the same work on the units of ADDRESSES places spread over .text: the smallest of
 * several rounds counts. FILE has the DWARF itself, not in .dwo files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "symbols/dwarf_file.h"
#include "symbols/libdwarf_reader.h"

#define ROUNDS 7
#define DIES_MAX 20000

/* What is measured, and all that it may need. */
struct bench {
	struct elf_file *elf;
	struct dwarf_file *own;
	struct libdwarf_reader *lib;
	struct answers as;
	struct answer **list; /* of as.a */
	struct unit **units; /* the units of those addresses, once each */
	size_t n_units, cap_units;
	struct skim_die *dies; /* functions and inlined ones of those units */
	struct unit **die_units; /* parallel */
	Dwarf_Die *lib_dies; /* parallel */
	size_t n_dies;
	size_t *asked; /* of dies: what is around each address, as often as that */
	size_t n_asked, cap_asked;
	size_t now; /* unit or DIE that a callback is about */
	uint64_t sum; /* what must be equal, so that both did the same */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the parts: each adds up what it found --------------------------------------------------- */

static void own_index(struct bench *b)
{
	b->own->indexed = false;
	b->own->n_units = 0;
	b->own->n_ranges = 0;
	fr_index_make(b->own);
	b->sum += b->own->n_units + b->own->n_ranges;
}

static void lib_index(struct bench *b)
{
	fr_libdwarf_index_free(b->lib);
	fr_libdwarf_index(b->lib);
	b->sum += b->lib->n_units + b->lib->n_ranges;
}

static void add_range(void *arg, uint64_t lo, uint64_t hi)
{
	struct bench *b = arg;

	b->sum += hi - lo;
}

static struct libdwarf_unit *lib_unit(const struct bench *b, const struct unit *u)
{
	return &b->lib->units[u - b->own->units];
}

static void own_ranges(struct bench *b)
{
	for (size_t i = 0; i < b->n_dies; i++)
		fr_ranges_each(b->die_units[i], &b->dies[i], add_range, b);
}

static void lib_ranges(struct bench *b)
{
	for (size_t i = 0; i < b->n_dies; i++)
		fr_libdwarf_ranges(b->lib, lib_unit(b, b->die_units[i]), b->lib_dies[i], add_range,
				   b);
}

static void add_lines(struct bench *b)
{
	for (size_t i = 0; i < b->as.n; i++) {
		b->sum += b->as.a[i].line;
		b->as.a[i].line = 0;
	}
}

static void own_lines(struct bench *b)
{
	for (size_t i = 0; i < b->n_units; i++) {
		struct line_table *t = fr_lines_open(
			b->units[i], fr_name_unit_string(b->units[i], DW_AT_comp_dir));

		if (t)
			fr_lines_run(t, b->as.b, b->list, b->as.n);
		fr_lines_free(t);
	}
	add_lines(b);
}

static Dwarf_Die lib_die(const struct bench *b, uint64_t off)
{
	Dwarf_Error err = NULL;
	Dwarf_Die die = NULL;

	if (!fr_libdwarf_got(&b->lib->lib, dwarf_offdie_b(b->lib->lib.dbg, off, 1, &die, &err),
			     &err))
		exit(1);
	return die;
}

static void lib_lines(struct bench *b)
{
	for (size_t i = 0; i < b->n_units; i++) {
		Dwarf_Die cu = lib_die(b, b->units[i]->die);
		struct libdwarf_lines *t = fr_libdwarf_lines_open(b->lib, cu);

		if (t)
			fr_libdwarf_lines_run(t, b->as.b, b->list, b->as.n);
		fr_libdwarf_lines_free(t);
		dwarf_dealloc_die(cu);
	}
	add_lines(b);
}

static bool count_die(void *arg, const struct skim_die *die)
{
	struct bench *b = arg;

	(void)die;
	b->sum++;
	return true;
}

static void own_inlines(struct bench *b)
{
	for (size_t i = 0; i < b->n_units; i++)
		fr_skim(b->units[i], SKIM_CODE, count_die, b);
}

static void lib_inlines(struct bench *b)
{
	for (size_t i = 0; i < b->n_units; i++) {
		Dwarf_Die cu = lib_die(b, b->units[i]->die);

		b->sum += fr_libdwarf_unit_walk(b->lib, cu);
		dwarf_dealloc_die(cu);
	}
}

/* A name is found by an offset in both, and each round starts without any. */
static void own_names(struct bench *b)
{
	fr_name_cache_free(b->own);
	b->own->newest_name = NULL;
	for (size_t i = 0; i < b->n_asked; i++) {
		struct die_name name;

		fr_name_of(b->die_units[b->asked[i]], b->dies[b->asked[i]].off, b->as.b, &name);
		b->sum += name.fn + name.call_line;
	}
}

static void lib_names(struct bench *b)
{
	for (size_t i = 0; i < b->n_asked; i++) {
		Dwarf_Die die = lib_die(b, b->dies[b->asked[i]].off);
		uint64_t file = 0, line = 0;
		bool bare;

		b->sum += fr_libdwarf_name(b->lib, die, b->as.b, &bare);
		fr_libdwarf_number(b->lib, die, DW_AT_call_file, &file);
		fr_libdwarf_number(b->lib, die, DW_AT_call_line, &line);
		b->sum += line;
		dwarf_dealloc_die(die);
	}
}

static const struct {
	const char *name;
	void (*own)(struct bench *b);
	void (*lib)(struct bench *b);
} parts[] = {
	{"index", own_index, lib_index}, {"ranges", own_ranges, lib_ranges},
	{"lines", own_lines, lib_lines}, {"inlines", own_inlines, lib_inlines},
	{"names", own_names, lib_names},
};

/* ---- what they work on ----------------------------------------------------------------------- */

static bool take_die(void *arg, const struct skim_die *die)
{
	struct bench *b = arg;

	b->dies[b->n_dies] = *die;
	b->die_units[b->n_dies] = b->units[b->now];
	b->lib_dies[b->n_dies] = lib_die(b, die->off);
	return ++b->n_dies < DIES_MAX;
}

static void take_units(struct bench *b)
{
	bool *seen = fr_mem_alloc(b->own->n_units + 1);

	for (size_t i = 0; i < b->as.n; i++) {
		size_t at = b->own->n_ranges;
		const struct unit_range *r = fr_index_cover(b->own, b->as.a[i].vaddr, &at);

		if (!r || seen[r->unit])
			continue;
		seen[r->unit] = true;
		b->units = fr_mem_grow(b->units, &b->cap_units, b->n_units + 1, sizeof(*b->units));
		b->units[b->n_units++] = &b->own->units[r->unit];
	}
	free(seen);
	b->dies = fr_mem_array(DIES_MAX, sizeof(*b->dies));
	b->die_units = fr_mem_array(DIES_MAX, sizeof(*b->die_units));
	b->lib_dies = fr_mem_array(DIES_MAX, sizeof(*b->lib_dies));
	for (b->now = 0; b->now < b->n_units && b->n_dies < DIES_MAX; b->now++)
		fr_skim(b->units[b->now], SKIM_CODE, take_die, b);
}

static void ask_within(void *arg, uint64_t lo, uint64_t hi)
{
	struct bench *b = arg;

	for (size_t i = 0; i < b->as.n; i++) {
		if (b->as.a[i].vaddr < lo || b->as.a[i].vaddr >= hi)
			continue;
		b->asked = fr_mem_grow(b->asked, &b->cap_asked, b->n_asked + 1, sizeof(size_t));
		b->asked[b->n_asked++] = b->now;
	}
}

static void take_asked(struct bench *b)
{
	for (b->now = 0; b->now < b->n_dies; b->now++)
		fr_ranges_each(b->die_units[b->now], &b->dies[b->now], ask_within, b);
}

/* N addresses at equal distances over the code. */
static void take_addresses(struct bench *b, size_t n)
{
	const struct elf_section *s = NULL;

	for (size_t i = 1; i < fr_elf_count(b->elf); i++)
		if (!strcmp(fr_elf_section(b->elf, i)->name, ".text"))
			s = fr_elf_section(b->elf, i);
	b->as.n = n;
	b->as.a = fr_mem_alloc(n * sizeof(*b->as.a));
	b->list = fr_mem_alloc(n * sizeof(*b->list));
	for (size_t i = 0; s && i < n; i++) {
		b->as.a[i].vaddr = s->addr + s->size / n * i;
		b->list[i] = &b->as.a[i];
	}
}

/* The best of some rounds; *SUM = what one of them found. */
static uint64_t best_of(struct bench *b, void (*part)(struct bench *b), uint64_t *sum)
{
	uint64_t best = UINT64_MAX, start, took;

	for (int i = 0; i < ROUNDS; i++) {
		b->sum = 0;
		start = now_ns();
		part(b);
		took = now_ns() - start;
		if (took < best)
			best = took;
	}
	*sum = b->sum;
	return best;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	const char *why;

	if (argc != 3)
		return 2;
	b.elf = fr_elf_open(argv[1], &why);
	b.own = b.elf ? fr_dwarf_file_open(b.elf, &why) : NULL;
	b.lib = b.elf ? fr_libdwarf_reader_open(b.elf, &why) : NULL;
	if (!b.own || !b.lib) {
		fprintf(stderr, "partbench: %s: %s\n", argv[1], why);
		return 1;
	}
	b.as.b = fr_image_new();
	fr_index_make(b.own);
	fr_libdwarf_index(b.lib);
	take_addresses(&b, strtoul(argv[2], NULL, 10));
	take_units(&b);
	take_asked(&b);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t own_sum, lib_sum, own, lib;

		own = best_of(&b, parts[i].own, &own_sum);
		lib = best_of(&b, parts[i].lib, &lib_sum);
		printf("%s %lu %lu %zu of %zu units, %zu functions, %zu frames%s\n", parts[i].name,
		       own, lib, b.n_units, b.own->n_units, b.n_dies, b.n_asked,
		       own_sum == lib_sum ? "" : ", DIFFERENT");
	}
	return 0;
}
