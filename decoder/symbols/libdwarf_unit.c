/* SPDX-License-Identifier: MIT */
/*
 * libdwarf_unit.c - the second reader's chains: every DIE of a unit, from child to child.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/search.h"
#include "symbols/libdwarf_reader.h"

#define CHAIN_MAX 256
#define DEPTH_MAX 1024

/* A function, or one inlined into another, around an address. */
struct scope {
	Dwarf_Off die;
	uint64_t start, span;
	unsigned int depth;
	struct scope *function; /* itself, or the one it is inlined into */
	struct scope *around; /* NULL = a function */
};

struct place {
	struct answer *a;
	struct scope *scope; /* innermost so far; NULL = none */
};

struct pass {
	struct libdwarf_reader *r;
	const struct libdwarf_unit *unit;
	struct place *places;
	size_t n;
	struct arena arena;
	struct place **hits; /* places that the DIE being looked at covers */
	size_t n_hits, cap_hits;
	struct scope seen; /* that DIE */
};

static bool below(const void *element, const void *addr)
{
	return ((const struct place *)element)->a->vaddr < *(const uint64_t *)addr;
}

static void take_range(void *arg, uint64_t lo, uint64_t hi)
{
	struct pass *p = arg;
	size_t i = fr_search(p->places, p->n, sizeof(*p->places), below, &lo);

	if (!p->seen.span)
		p->seen.start = lo;
	p->seen.span += hi - lo;
	for (; i < p->n && p->places[i].a->vaddr < hi; i++) {
		p->hits = fr_mem_grow(p->hits, &p->cap_hits, p->n_hits + 1, sizeof(*p->hits));
		p->hits[p->n_hits++] = &p->places[i];
	}
}

static struct scope *keep(struct pass *p)
{
	struct scope *s = fr_arena_alloc(&p->arena, sizeof(*s));

	*s = p->seen;
	return s;
}

/* Of two functions that claim an address, the smaller one has it. */
static struct scope *take_function(struct pass *p)
{
	struct scope *s = keep(p);
	size_t i;

	s->function = s;
	for (i = 0; i < p->n_hits; i++)
		if (!p->hits[i]->scope || p->hits[i]->scope->function->span >= s->span)
			p->hits[i]->scope = s;
	return s;
}

static void take_inlined(struct pass *p, struct scope *function)
{
	size_t i;

	for (i = 0; i < p->n_hits; i++) {
		struct scope *s, *around = p->hits[i]->scope;

		if (!around || around->function != function)
			continue;
		while (around->around && around->depth >= p->seen.depth)
			around = around->around;
		s = keep(p);
		s->function = function;
		s->around = around;
		p->hits[i]->scope = s;
	}
}

/* FUNCTION is the one DIE is in, NULL = none that matters; returns the one its children are in. */
static struct scope *take_die(struct pass *p, Dwarf_Die die, unsigned int depth, Dwarf_Half tag,
			      struct scope *function)
{
	Dwarf_Error err = NULL;

	if (tag != DW_TAG_subprogram && (tag != DW_TAG_inlined_subroutine || !function))
		return function;
	p->n_hits = 0;
	p->seen = (struct scope){.depth = depth};
	fr_libdwarf_ranges(p->r, p->unit, die, take_range, p);
	if (!fr_libdwarf_got(&p->r->lib, dwarf_dieoffset(die, &p->seen.die, &err), &err))
		return function;
	if (tag == DW_TAG_subprogram)
		return p->n_hits ? take_function(p) : NULL;
	take_inlined(p, function);
	return function;
}

static Dwarf_Half tag_of(const struct libdwarf_reader *r, Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Half tag = 0;

	return fr_libdwarf_got(&r->lib, dwarf_tag(die, &tag, &err), &err) ? tag : 0;
}

static Dwarf_Die first_child(const struct libdwarf_reader *r, Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Die child = NULL;

	return fr_libdwarf_got(&r->lib, dwarf_child(die, &child, &err), &err) ? child : NULL;
}

/* Ends DIE. */
static Dwarf_Die sibling(const struct libdwarf_reader *r, Dwarf_Die die)
{
	Dwarf_Error err = NULL;
	Dwarf_Die next = NULL;
	int rc = dwarf_siblingof_b(r->lib.dbg, die, 1, &next, &err);

	if (!fr_libdwarf_got(&r->lib, rc, &err))
		next = NULL;
	dwarf_dealloc_die(die);
	return next;
}

static void visit(struct pass *p, Dwarf_Die parent, unsigned int depth, struct scope *function)
{
	Dwarf_Die die = depth < DEPTH_MAX ? first_child(p->r, parent) : NULL;

	for (; die; die = sibling(p->r, die))
		visit(p, die, depth + 1, take_die(p, die, depth, tag_of(p->r, die), function));
}

size_t fr_libdwarf_unit_walk(struct libdwarf_reader *r, Dwarf_Die parent)
{
	Dwarf_Die die = first_child(r, parent);
	size_t n = 0;

	for (; die; die = sibling(r, die)) {
		Dwarf_Half tag = tag_of(r, die);

		n += tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
		n += fr_libdwarf_unit_walk(r, die);
	}
	return n;
}

static void push_frame(struct pass *p, struct answers *as, struct libdwarf_lines *lines,
		       const struct scope *s, struct place *place, uint32_t *file, uint32_t *line)
{
	struct image_frame f = {.file = *file, .line = *line, .origin = IMAGE_ORIGIN_DWARF};
	uint64_t off = place->a->vaddr - s->start, call_file = UINT64_MAX, call_line = 0;
	Dwarf_Error err = NULL;
	Dwarf_Die die = NULL;
	bool bare = false;

	if (fr_libdwarf_got(&p->r->lib, dwarf_offdie_b(p->r->lib.dbg, s->die, 1, &die, &err),
			    &err)) {
		f.fn = fr_libdwarf_name(p->r, die, as->b, &bare);
		fr_libdwarf_number(p->r, die, DW_AT_call_file, &call_file);
		fr_libdwarf_number(p->r, die, DW_AT_call_line, &call_line);
		dwarf_dealloc_die(die);
	}
	f.fn_off = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX;
	f.inl = s->around != NULL;
	f.flags = bare ? IMAGE_BARE : 0;
	place->a->n += fr_answers_push(as, &f);
	*file = lines ? fr_libdwarf_lines_file(lines, as->b, call_file) : 0;
	*line = (uint32_t)call_line;
}

static void push_chains(struct pass *p, struct answers *as, struct libdwarf_lines *lines)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct place *place = &p->places[i];
		uint32_t file = place->a->file, line = place->a->line;
		struct scope *s = place->scope;

		if (!s || place->a->n)
			continue;
		place->a->first = (uint32_t)as->n_frames;
		for (; s && place->a->n < CHAIN_MAX; s = s->around)
			push_frame(p, as, lines, s, place, &file, &line);
	}
}

void fr_libdwarf_unit_answer(struct libdwarf_reader *r, const struct libdwarf_unit *u,
			     struct answers *as, struct answer **list, size_t n)
{
	struct pass p = {.r = r, .unit = u, .n = n};
	struct libdwarf_lines *lines;
	Dwarf_Error err = NULL;
	Dwarf_Die cu = NULL;
	size_t i;

	if (!fr_libdwarf_got(&r->lib, dwarf_offdie_b(r->lib.dbg, u->die, 1, &cu, &err), &err))
		return;
	if (u->split)
		r->problem = "libdwarf alone does not open .dwo files here";
	lines = fr_libdwarf_lines_open(r, cu);
	if (lines)
		fr_libdwarf_lines_run(lines, as->b, list, n);
	p.places = fr_mem_array(n, sizeof(*p.places));
	for (i = 0; i < n; i++)
		p.places[i] = (struct place){list[i], NULL};
	visit(&p, cu, 1, NULL);
	push_chains(&p, as, lines);
	fr_libdwarf_lines_free(lines);
	dwarf_dealloc_die(cu);
	free(p.places);
	free(p.hits);
	fr_arena_free(&p.arena);
}
