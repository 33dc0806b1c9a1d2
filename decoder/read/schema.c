/* SPDX-License-Identifier: MIT */
/*
 * schema.c - what the bytes of each kind of event mean: the recording's own rows, or, where the
 * section is missing or damaged, the rows this decoder was built with.
 *
 * The decoder of chunks trusts its rows blindly; a row is checked here or not used at all.
 */
#include <string.h>

#include "preload/events.h"
#include "read/events.h"
#include "read/impl.h"

#define ARG(type, name)                                                                            \
	{                                                                                          \
		FR_ARG_##type, #name                                                               \
	}
#define EVENT(id_, NAME, name_, CLASS, TIER, short_, ...)                                          \
	{.id = id_,                                                                                \
	 .name = name_,                                                                            \
	 .klass = FR_CLASS_##CLASS,                                                                \
	 .n_short = short_,                                                                        \
	 .args = {__VA_ARGS__}},
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
#include "preload/events.def"
};
#undef EVENT
#undef ARG

#define ARGTYPE(number, NAME, WIRE, ...) [FR_ARG_##NAME] = FR_WIRE_##WIRE,
static const uint8_t ops[] = {
#include "preload/args.def"
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

static enum args_shape shape_of(const struct event_row *row)
{
	if (row->n_there == 1 && row->op[0] == FR_WIRE_OBJ)
		return ARGS_OBJ;
	if (row->n_there == 1 && row->op[0] == FR_WIRE_PTR)
		return ARGS_PTR;
	if (row->n_there == 2 && row->op[0] == FR_WIRE_PTR && row->op[1] == FR_WIRE_VARINT)
		return ARGS_PTR_VARINT;
	return ARGS_ANY;
}

/* The form that has the first N arguments. */
static void row_cut(struct event_row *row, unsigned int n)
{
	row->n_there = (uint8_t)n;
	row->n_varints = 0;
	for (unsigned int i = 0; i < n; i++)
		row->n_varints += row->op[i] != FR_WIRE_VIA;
	row->shape = shape_of(row);
}

static void row_add(struct schema *schema, const struct fr_event_rec *r)
{
	struct event_row *row = &schema->rows[r->id], *short_row = row + EVENT_KINDS;

	schema->recs[r->id] = *r;
	schema->recs[r->id].name[sizeof(r->name) - 1] = 0;
	*row = (struct event_row){.known = 1, .kind = (uint8_t)r->id, .n_args = (uint8_t)r->n_args};
	for (uint32_t i = 0; i < r->n_args; i++) {
		row->op[i] = op_of(r->type[i]);
		row->has_bytes |= row->op[i] == FR_WIRE_BYTES;
		if (row->op[i] == FR_WIRE_VIA)
			row->via = (uint8_t)i;
	}
	*short_row = *row;
	row_cut(row, r->n_args);
	row_cut(short_row, r->n_short);
}

static void load_builtin(struct schema *schema)
{
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
		row_add(schema, &r);
	}
}

void fr_schema_load(struct recording *rec, struct diag *d)
{
	const struct section_view *v = &rec->sec[FR_SEC_SCHEMA];
	struct schema *schema = &rec->impl->schema;
	struct fr_event_rec r;
	size_t n_bad = 0;

	schema->stack_pairs = rec->hdr.version > 1;
	load_builtin(schema);
	if (!v->data)
		LOSS(rec, d, "no table of events in the recording: the built-in one is used");
	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		memcpy(&r, v->data + at, sizeof(r));
		if (!r.id && !r.name[0])
			continue; /* a gap between ids */
		if (row_good(&r))
			row_add(schema, &r);
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
