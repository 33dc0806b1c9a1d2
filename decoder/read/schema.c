/* SPDX-License-Identifier: MIT */
/*
 * schema.c - what the bytes of each kind of event mean: the recording's own rows, or, where the
 * section is missing or damaged, the rows this decoder was built with.
 *
 * Readers find an argument at the place where events.def has it, FR_A(MUTEX_LOCK, dur), whatever
 * the order in the recording: its arguments are led there by name, here, once. What this decoder
 * does not know comes behind; what the recording lacks is a hole: type FR_ARG_NONE, always 0. How
 * it is stored, only the recording's row says. Kinds of events that this decoder does not know
 * keep their order.
 *
 * The decoder of chunks trusts its rows blindly; a row is checked here or not used at all.
 */
#include <string.h>

#include "preload/wire/events.h"
#include "read/events.h"
#include "read/impl.h"

#define ARG(type, name) {FR_ARG_##type, #name},
#define EVENT(id_, NAME, name_, CLASS, TIER, short_, args_)                                        \
	{.id = id_, .name = name_, .klass = FR_CLASS_##CLASS, .n_short = short_, .args = {args_}},
static const struct {
	uint32_t id;
	const char *name;
	uint32_t klass;
	uint32_t n_short;
	struct {
		uint8_t type;
		const char *name;
	} args[FR_ARGS_MAX];
} builtin[] = {
#include "preload/wire/events.def"
};
#undef EVENT
#undef ARG

#define ARGTYPE(number, NAME, WIRE, ...) [FR_ARG_##NAME] = FR_WIRE_##WIRE,
static const uint8_t ops[] = {
#include "preload/wire/args.def"
};
#undef ARGTYPE

/* To read, a wide varint is a varint. */
static uint8_t op_of(uint8_t type)
{
	return ops[type] == FR_WIRE_WIDE ? FR_WIRE_VARINT : ops[type];
}

static bool row_good(const struct fr_event_rec *r)
{
	unsigned int n_bytes = 0, n_via = 0;

	if (!r->id || r->id >= FR_EV_MAX || r->n_args > FR_ARGS_MAX || r->n_short > r->n_args)
		return false;
	for (uint32_t i = 0; i < r->n_args; i++) {
		if (r->type[i] == FR_ARG_NONE || r->type[i] >= sizeof(ops))
			return false;
		n_bytes += ops[r->type[i]] == FR_WIRE_BYTES;
		n_via += ops[r->type[i]] == FR_WIRE_VIA;
	}
	return n_bytes <= 1 && n_via <= 1; /* struct event has room for one, the dictionary too */
}

static enum args_shape shape_of(const struct event_row *row, bool moved)
{
	if (moved)
		return ARGS_MOVED;
	if (row->n_there == 1 && row->op[0] == FR_WIRE_OBJ)
		return ARGS_OBJ;
	if (row->n_there == 1 && row->op[0] == FR_WIRE_PTR)
		return ARGS_PTR;
	if (row->n_there == 2 && row->op[0] == FR_WIRE_PTR && row->op[1] == FR_WIRE_VARINT)
		return ARGS_PTR_VARINT;
	return ARGS_ANY;
}

/* The form that has the first N arguments. */
static void row_cut(struct event_row *row, unsigned int n, bool moved)
{
	row->n_there = (uint8_t)n;
	row->n_varints = 0;
	for (unsigned int i = 0; i < n; i++)
		row->n_varints += row->op[i] != FR_WIRE_VIA;
	row->shape = shape_of(row, moved);
}

static bool is_bytes(uint8_t type)
{
	return ops[type] == FR_WIRE_BYTES;
}

static bool same_name(const char *a, const char *b)
{
	return !strncmp(a, b, sizeof(((struct fr_event_rec *)0)->arg[0]) - 1);
}

/*
 * Where HOME, the row of events.def, has argument I of R; as many as it has, if it has none such.
 * Bytes are no number and a number is no bytes, whatever they are called: a reader takes the one
 * for the length of the other.
 */
static unsigned int place_of(const struct fr_event_rec *home, const struct fr_event_rec *r,
			     uint32_t i)
{
	unsigned int k = 0;

	while (k < home->n_args && !(same_name(home->arg[k], r->arg[i]) &&
				     is_bytes(home->type[k]) == is_bytes(r->type[i])))
		k++;
	return k;
}

/* R as its readers see it. PLACE[i]: where argument I of R goes, ARG_NOWHERE = there is no room. */
static struct fr_event_rec settle(const struct fr_event_rec *home, const struct fr_event_rec *r,
				  uint8_t *place)
{
	struct fr_event_rec out = *r;
	unsigned int behind = home->n_args;

	out.n_args = 0;
	memset(out.type, FR_ARG_NONE, sizeof(out.type));
	memset(out.arg, 0, sizeof(out.arg));
	for (uint32_t i = 0; i < r->n_args; i++) {
		unsigned int k = place_of(home, r, i);

		if (k == home->n_args || out.type[k] != FR_ARG_NONE)
			k = behind < FR_ARGS_MAX ? behind++ : ARG_NOWHERE;
		place[i] = (uint8_t)k;
		if (k == ARG_NOWHERE)
			continue;
		out.type[k] = r->type[i];
		memcpy(out.arg[k], r->arg[i], sizeof(out.arg[k]));
		if (out.n_args <= k)
			out.n_args = k + 1;
	}
	return out;
}

/*
 * Whether the arguments of R go elsewhere than the order of their bytes says. A short form without
 * arguments counts: it has nothing that would overwrite what stands where `via` does not.
 */
static bool is_moved(const struct fr_event_rec *r, const uint8_t *place)
{
	for (uint32_t i = 0; i < r->n_args; i++)
		if (place[i] != i)
			return true;
	return !r->n_short;
}

/* HOME: the built-in row of this kind, or one without arguments. */
static void row_add(struct schema *schema, const struct fr_event_rec *home,
		    const struct fr_event_rec *r)
{
	struct event_row *row = &schema->rows[r->id], *short_row = row + EVENT_KINDS;
	uint8_t *place = schema->places[r->id];
	bool moved;

	schema->recs[r->id] = settle(home, r, place);
	schema->recs[r->id].name[sizeof(r->name) - 1] = 0;
	moved = is_moved(r, place);
	schema->moved |= moved;
	*row = (struct event_row){
		.known = 1, .kind = (uint8_t)r->id, .n_args = (uint8_t)schema->recs[r->id].n_args};
	for (uint32_t i = 0; i < r->n_args; i++) {
		row->op[i] = op_of(r->type[i]);
		row->has_bytes |= row->op[i] == FR_WIRE_BYTES;
		if (row->op[i] == FR_WIRE_VIA && place[i] != ARG_NOWHERE)
			row->via = place[i];
	}
	*short_row = *row;
	row_cut(row, r->n_args, moved);
	row_cut(short_row, r->n_short, moved);
}

static void load_builtin(struct schema *schema)
{
	const struct fr_event_rec none = {0};

	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		struct fr_event_rec r = {.id = builtin[i].id,
					 .klass = builtin[i].klass,
					 .n_short = builtin[i].n_short};

		strncpy(r.name, builtin[i].name, sizeof(r.name) - 1);
		while (r.n_args < FR_ARGS_MAX && builtin[i].args[r.n_args].type) {
			const char *name = builtin[i].args[r.n_args].name;

			memcpy(r.arg[r.n_args], name, strnlen(name, sizeof(r.arg[0])));
			r.type[r.n_args] = builtin[i].args[r.n_args].type;
			r.n_args++;
		}
		row_add(schema, &none, &r);
	}
}

void fr_schema_load(struct recording *rec, struct diag *d)
{
	const struct section_view *v = &rec->sec[FR_SEC_SCHEMA];
	struct schema *schema = &rec->impl->schema;
	struct fr_event_rec r, home[EVENT_KINDS];
	size_t n_bad = 0;

	schema->stack_pairs = rec->hdr.version > 1;
	load_builtin(schema);
	memcpy(home, schema->recs, sizeof(home));
	if (!v->data)
		LOSS(rec, d, "no table of events in the recording: the built-in one is used");
	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		memcpy(&r, v->data + at, sizeof(r));
		if (!r.id && !r.name[0])
			continue; /* a gap between ids */
		if (row_good(&r))
			row_add(schema, &home[r.id], &r);
		else
			n_bad++;
	}
	if (n_bad)
		LOSS(rec, d, "%zu rows of the table of events make no sense", n_bad);
}

const struct fr_event_rec *fr_event_schema(const struct recording *rec, unsigned int kind)
{
	const struct schema *schema = &rec->impl->schema;

	return kind < EVENT_KINDS && schema->rows[kind].known ? &schema->recs[kind] : NULL;
}
