/* SPDX-License-Identifier: MIT */
/*
 * dwarf_cu.c - the functions of one unit that cover its addresses, inlined ones included.
 *
 * The skim shows subprograms and inlined subroutines, parents before children. Each address keeps
 * its innermost block so far; blocks know the one around them, so that the chain from innermost to
 * outermost can be read off at the end:
 *
 *     subprogram main        ranges ..........................
 *       inlined serve              ..............
 *         inlined lock                 .....
 *     address                            ^        lock <- serve <- main
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/search.h"
#include "symbols/dwarf_file.h"

#define NONE UINT32_MAX
#define CHAIN_MAX 256
#define NESTING_MAX 32

struct block {
	uint64_t die;
	uint64_t start; /* lowest address */
	uint64_t span; /* bytes covered */
	uint32_t parent; /* NONE = a subprogram */
	uint32_t depth;
	uint32_t function; /* the subprogram it is in */
};

struct place {
	struct answer *a;
	uint32_t block; /* innermost so far, NONE = no function yet */
};

struct walk {
	struct unit *unit;
	struct place *places; /* by address */
	size_t n;
	struct block *blocks;
	size_t n_blocks, cap_blocks;
	/* Subprograms that the walk is in and that cover something: methods of local classes nest.
	 */
	uint32_t functions[NESTING_MAX];
	size_t n_functions;
	/* The DIE being looked at: */
	const struct skim_die *die;
	size_t *hits; /* places it covers */
	size_t n_hits, cap_hits;
	uint64_t start, span;
};

static bool before(const void *place, const void *addr)
{
	return ((const struct place *)place)->a->vaddr < *(const uint64_t *)addr;
}

static void take_range(void *arg, uint64_t lo, uint64_t hi)
{
	struct walk *w = arg;
	size_t i = fr_search(w->places, w->n, sizeof(*w->places), before, &lo);

	/* The entry is in the first range: hot and cold parts come in that order. */
	if (!w->span)
		w->start = lo;
	w->span += hi - lo;
	for (; i < w->n && w->places[i].a->vaddr < hi; i++) {
		w->hits = fr_mem_grow(w->hits, &w->cap_hits, w->n_hits + 1, sizeof(*w->hits));
		w->hits[w->n_hits++] = i;
	}
}

static uint32_t current_function(const struct walk *w)
{
	return w->n_functions ? w->functions[w->n_functions - 1] : NONE;
}

static uint32_t push_block(struct walk *w, uint32_t parent)
{
	struct block *b;

	w->blocks = fr_mem_grow(w->blocks, &w->cap_blocks, w->n_blocks + 1, sizeof(*w->blocks));
	b = &w->blocks[w->n_blocks];
	*b = (struct block){w->die->off, w->start, w->span, parent, w->die->depth, 0};
	b->function = parent == NONE ? (uint32_t)w->n_blocks : current_function(w);
	return (uint32_t)w->n_blocks++;
}

/* The function itself: of two that claim an address, the smaller one. */
static void take_function(struct walk *w)
{
	uint32_t id = push_block(w, NONE);
	size_t i;

	if (w->n_functions < NESTING_MAX)
		w->functions[w->n_functions++] = id;
	for (i = 0; i < w->n_hits; i++) {
		struct place *p = &w->places[w->hits[i]];

		if (p->block != NONE &&
		    w->blocks[w->blocks[p->block].function].span < w->blocks[id].span)
			continue;
		p->block = id;
	}
}

/* The block around an inlined one at this place; NONE = the place is another function's. */
static uint32_t around(const struct walk *w, const struct place *p)
{
	uint32_t b = p->block;

	if (b == NONE || w->blocks[b].function != current_function(w))
		return NONE;
	while (b != NONE && w->blocks[b].depth >= w->die->depth)
		b = w->blocks[b].parent;
	return b;
}

static void take_inlined(struct walk *w)
{
	uint32_t made = NONE;
	size_t i;

	for (i = 0; i < w->n_hits; i++) {
		struct place *p = &w->places[w->hits[i]];
		uint32_t parent = around(w, p);

		if (parent == NONE)
			continue;
		if (made == NONE || w->blocks[made].parent != parent)
			made = push_block(w, parent);
		p->block = made;
	}
}

static bool take_die(void *arg, const struct skim_die *die)
{
	struct walk *w = arg;
	bool inlined = die->tag == DW_TAG_inlined_subroutine;

	while (w->n_functions && die->depth <= w->blocks[current_function(w)].depth)
		w->n_functions--;
	/* What is inlined into a function that covers nothing covers nothing either. */
	if (inlined && !w->n_functions)
		return true;
	w->die = die;
	w->n_hits = 0;
	w->span = 0;
	fr_ranges_each(w->unit, die, take_range, w);
	if (w->n_hits && inlined)
		take_inlined(w);
	else if (w->n_hits)
		take_function(w);
	return true;
}

static void push_chain(struct walk *w, struct answers *as, struct line_table *lines,
		       struct place *p)
{
	uint32_t file = p->a->file, line = p->a->line, b = p->block;
	unsigned int n;

	p->a->first = (uint32_t)as->n_frames;
	p->a->n = 0;
	for (n = 0; b != NONE && n < CHAIN_MAX; n++) {
		const struct block *k = &w->blocks[b];
		uint64_t off = p->a->vaddr - k->start;
		struct die_name name;
		struct image_frame f;

		fr_name_of(w->unit, k->die, as->b, &name);
		f = (struct image_frame){
			.fn = name.fn,
			.file = file,
			.line = line,
			.fn_off = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX,
			.inl = k->parent != NONE,
			.origin = IMAGE_ORIGIN_DWARF,
			.flags = name.bare ? IMAGE_BARE : 0,
		};
		if (!fr_answers_push(as, &f))
			break;
		p->a->n++;
		/* The caller's place is where this block was inlined. */
		file = lines ? fr_lines_file(lines, as->b, name.call_file) : 0;
		line = (uint32_t)name.call_line;
		b = k->parent;
	}
}

static void finish(struct walk *w, struct answers *as, struct line_table *lines)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct place *p = &w->places[i];

		if (p->block != NONE && !p->a->n)
			push_chain(w, as, lines, p);
	}
}

void fr_cu_answer(struct unit *u, struct answers *as, struct answer **list, size_t n)
{
	struct unit *tree = fr_split_unit(u);
	struct walk w = {.unit = tree, .n = n};
	struct line_table *lines = fr_lines_open(u, fr_name_unit_string(u, DW_AT_comp_dir));
	size_t i;

	if (lines)
		fr_lines_run(lines, as->b, list, n);
	w.places = fr_mem_alloc(n * sizeof(*w.places));
	for (i = 0; i < n; i++)
		w.places[i] = (struct place){list[i], NONE};
	if (!tree)
		u->home->problem = "a .dwo file with part of its debug information is missing";
	else if (!fr_skim(tree, SKIM_CODE, take_die, &w))
		u->home->problem = "part of its debug information is damaged";
	if (tree)
		finish(&w, as, lines);
	fr_lines_free(lines);
	free(w.places);
	free(w.blocks);
	free(w.hits);
}
