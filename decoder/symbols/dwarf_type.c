/* SPDX-License-Identifier: MIT */
/*
 * dwarf_type.c - from a byte inside a variable to the members and indices that lead to it.
 *
 * Stops at whatever people think of as one thing (opaque[]): the address of a pthread_mutex_t is
 * "pool.mu", not "pool.mu.__data.__lock".
 */
#include <stdio.h>
#include <stdlib.h>

#include "symbols/dwarf_file.h"

#define DEPTH_MAX 32
#define MEMBERS_MAX 4096
#define DIMENSIONS_MAX 8

/* Names of types that are shown whole; a trailing '*' stands for any ending. */
static const char *const opaque[] = {
	"pthread_*",
	"sem_t",
	"mtx_t",
	"cnd_t",
	"once_flag",
	"mutex",
	"timed_mutex",
	"recursive_mutex",
	"recursive_timed_mutex",
	"shared_mutex",
	"shared_timed_mutex",
	"condition_variable",
	"condition_variable_any",
	"atomic*",
};

/* A DIE and the file that has it. */
struct node {
	struct dwarf_file *d;
	Dwarf_Die die; /* NULL = none */
};

struct text {
	char *p;
	size_t left;
};

static void put(struct text *t, const char *before, const char *s)
{
	int n = snprintf(t->p, t->left, "%s%s", before, s);

	if (n > 0 && (size_t)n < t->left) {
		t->p += n;
		t->left -= (size_t)n;
	}
}

static struct node type_of(struct node n)
{
	struct node to = {n.d, NULL};
	struct dwarf_file *home = n.d;

	to.die = fr_die_ref(n.d, n.die, DW_AT_type, &home);
	to.d = home ? home : n.d;
	return to;
}

/* The type of a variable may stand in its declaration or abstract origin. */
static struct node variable_type(struct dwarf_file *d, uint64_t off)
{
	struct node n = {d, fr_die_at(d, off)}, type = {d, NULL};
	unsigned int hops;

	for (hops = 0; n.die && hops < 4; hops++) {
		struct node next = n;

		type = type_of(n);
		if (type.die)
			break;
		next.die = fr_die_ref(n.d, n.die, DW_AT_specification, &next.d);
		if (!next.die)
			next.die = fr_die_ref(n.d, n.die, DW_AT_abstract_origin, &next.d);
		fr_die_done(n.die);
		n = next;
	}
	fr_die_done(n.die);
	return type;
}

static bool is_opaque(struct node n)
{
	const char *name = fr_die_string(n.d, n.die, DW_AT_name);
	size_t i;

	for (i = 0; name && i < sizeof(opaque) / sizeof(opaque[0]); i++) {
		size_t len = strcspn(opaque[i], "*");

		if (!strncmp(name, opaque[i], len) && (opaque[i][len] || !name[len]))
			return true;
	}
	return false;
}

static bool is_wrapper(uint16_t tag)
{
	return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_atomic_type || tag == DW_TAG_restrict_type;
}

/* The type under typedefs and qualifiers; ends N. die NULL = opaque (if STOP) or none. */
static struct node strip(struct node n, bool stop)
{
	unsigned int hops;

	for (hops = 0; n.die && hops < DEPTH_MAX; hops++) {
		struct node next;

		if (stop && is_opaque(n))
			break;
		if (!is_wrapper(fr_die_tag(n.die)))
			return n;
		next = type_of(n);
		fr_die_done(n.die);
		n = next;
	}
	fr_die_done(n.die);
	n.die = NULL;
	return n;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Lengths of the dimensions of an array, outermost first. */
static size_t dimensions(struct node n, uint64_t *len)
{
	Dwarf_Die c = fr_die_child(n.die);
	size_t count = 0;

	for (; c; c = fr_die_next(n.d, c)) {
		uint64_t v = 0;

		if (fr_die_tag(c) != DW_TAG_subrange_type || count == DIMENSIONS_MAX)
			continue;
		if (!fr_die_uint(n.d, c, DW_AT_count, &v) &&
		    fr_die_uint(n.d, c, DW_AT_upper_bound, &v))
			v++;
		len[count++] = v;
	}
	return count;
}

static uint64_t size_of(struct node n, unsigned int depth);

static uint64_t element_size(struct node array, unsigned int depth)
{
	struct node e = strip(type_of(array), false);
	uint64_t size = e.die ? size_of(e, depth + 1) : 0;

	fr_die_done(e.die);
	return size;
}

static uint64_t size_of(struct node n, unsigned int depth)
{
	uint64_t len[DIMENSIONS_MAX], size = 0;
	size_t i, count;

	if (depth > DEPTH_MAX || fr_die_uint(n.d, n.die, DW_AT_byte_size, &size))
		return size;
	if (fr_die_tag(n.die) != DW_TAG_array_type)
		return fr_die_tag(n.die) == DW_TAG_pointer_type ? 8 : 0;
	size = element_size(n, depth);
	count = dimensions(n, len);
	for (i = 0; i < count; i++)
		if (__builtin_mul_overflow(size, len[i], &size))
			return 0;
	return size;
}

uint64_t fr_type_size_of(struct dwarf_file *d, uint64_t die)
{
	struct node n = strip(variable_type(d, die), false);
	uint64_t size = n.die ? size_of(n, 0) : 0;

	fr_die_done(n.die);
	return size;
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* Writes the indices and returns the element's type; ends N. */
static struct node enter_array(struct node n, uint64_t *off, struct text *t)
{
	uint64_t len[DIMENSIONS_MAX], size = element_size(n, 0), i, below;
	size_t count = dimensions(n, len), k, m;
	struct node none = {n.d, NULL}, e;
	char buf[32];

	if (!size || !count) {
		fr_die_done(n.die);
		return none;
	}
	i = *off / size;
	*off %= size;
	for (k = 0; k < count; k++) {
		for (below = 1, m = k + 1; m < count; m++)
			below *= len[m] ? len[m] : 1;
		snprintf(buf, sizeof(buf), "[%llu]", (unsigned long long)(below ? i / below : i));
		put(t, "", buf);
		i = below ? i % below : 0;
	}
	e = type_of(n);
	fr_die_done(n.die);
	return e;
}

static uint64_t member_size(struct node member)
{
	struct node type = strip(type_of(member), false);
	uint64_t size = type.die ? size_of(type, 0) : 0;

	fr_die_done(type.die);
	return size;
}

/* Whether a member or base class covers OFF; *LOC = where it begins. */
static bool covers(struct node m, uint64_t off, uint64_t *loc)
{
	uint16_t tag = fr_die_tag(m.die);
	uint64_t ignored;

	*loc = 0;
	if (tag != DW_TAG_member && tag != DW_TAG_inheritance)
		return false;
	/* Static members have no place; bit fields are no objects. */
	if (fr_die_uint(m.d, m.die, DW_AT_external, &ignored) ||
	    fr_die_uint(m.d, m.die, DW_AT_declaration, &ignored) ||
	    fr_die_uint(m.d, m.die, DW_AT_bit_size, &ignored))
		return false;
	fr_die_uint(m.d, m.die, DW_AT_data_member_location, loc);
	return off >= *loc && off - *loc < member_size(m);
}

/* Writes ".member" and returns its type; ends N. Unnamed members and base classes are silent. */
static struct node enter_struct(struct node n, uint64_t *off, struct text *t)
{
	struct node m = {n.d, fr_die_child(n.die)}, type = {n.d, NULL};
	const char *name;
	unsigned int i;
	uint64_t loc;

	for (i = 0; m.die && i < MEMBERS_MAX; i++) {
		if (covers(m, *off, &loc)) {
			*off -= loc;
			type = type_of(m);
			name = fr_die_tag(m.die) == DW_TAG_member
				       ? fr_die_string(m.d, m.die, DW_AT_name)
				       : NULL;
			if (name)
				put(t, ".", name);
			break;
		}
		m.die = fr_die_next(n.d, m.die);
	}
	fr_die_done(m.die);
	fr_die_done(n.die);
	return type;
}

void fr_type_path(struct dwarf_file *d, uint64_t die, uint64_t off, char *buf, size_t size)
{
	struct text t = {buf, size};
	struct node n = variable_type(d, die);
	unsigned int depth;
	char rest[32];

	buf[0] = 0;
	for (depth = 0; n.die && depth < DEPTH_MAX; depth++) {
		uint16_t tag;

		n = strip(n, true);
		tag = n.die ? fr_die_tag(n.die) : 0;
		if (tag == DW_TAG_array_type)
			n = enter_array(n, &off, &t);
		else if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
			 tag == DW_TAG_union_type)
			n = enter_struct(n, &off, &t);
		else
			break;
	}
	fr_die_done(n.die);
	snprintf(rest, sizeof(rest), "+0x%llx", (unsigned long long)off);
	if (off)
		put(&t, "", rest);
}
