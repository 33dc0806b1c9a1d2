/* SPDX-License-Identifier: MIT */
/*
 * depot.c - stack ids to PCs. A record whose hash does not fit was torn by a kill or damaged: it
 * counts as "no stack" rather than as a wrong one.
 *
 * In the recorder's depot an old stack gives its place to a new one, and one that stays in use is
 * stored again before: an id may be of a stack that is gone, and several may be of one. Readers see
 * places instead, one for each distinct stack, 0 for what is gone.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "read/impl.h"

#define LAP_INVERSE 0xF1DE83E19937733Dull /* times FR_STACK_LAP: 1, modulo 2^64 */
_Static_assert(LAP_INVERSE *FR_STACK_LAP == 1, "the inverse");

static const struct fr_stack_rec *find(const struct recording *rec, uint32_t place)
{
	const struct section_view *v = &rec->sec[FR_SEC_DEPOT];
	uint64_t off = (uint64_t)place * 8;
	const struct fr_stack_rec *r;
	uint64_t size;

	if (!place || !v->data || off > v->size || v->size - off < sizeof(*r))
		return NULL;
	r = (const struct fr_stack_rec *)(v->data + off);
	size = sizeof(*r) + (uint64_t)r->n_frames * sizeof(r->pc[0]);
	if (!r->n_frames || size > v->size - off || size > r->total_size)
		return NULL;
	return r;
}

/* How often the ring was round when R was stored; more than any id can tell: R is torn. */
static uint64_t lap_of(const struct recording *rec, const struct fr_stack_rec *r, uint64_t pcs)
{
	return (r->hash - pcs) * (rec->hdr.depot_words ? LAP_INVERSE : 1);
}

static uint64_t hash_of(const struct fr_stack_rec *r)
{
	return XXH3_64bits(r->pc, r->n_frames * sizeof(r->pc[0]));
}

size_t fr_recording_stack(const struct recording *rec, uint32_t id, const uint64_t **pcs,
			  uint16_t *flags)
{
	const struct fr_stack_rec *r = find(rec, id);

	*pcs = NULL;
	if (flags)
		*flags = 0;
	if (!r || lap_of(rec, r, hash_of(r)) > (rec->hdr.depot_words ? UINT32_MAX : 0))
		return 0;
	*pcs = r->pc;
	if (flags)
		*flags = r->flags;
	return r->n_frames;
}

/* ---- ids that the recorder has written to places --------------------------------------------- */

static bool same(const struct fr_stack_rec *a, const struct fr_stack_rec *b)
{
	return a->n_frames == b->n_frames && a->flags == b->flags &&
	       memcmp(a->pc, b->pc, a->n_frames * sizeof(a->pc[0])) == 0;
}

/* The place of the first record seen of the stack at PLACE; 0: ID's record is gone. */
static uint32_t settle(const struct recording *rec, uint32_t id)
{
	struct depot_places *known = &rec->impl->places;
	uint32_t words = rec->hdr.depot_words, place = id & (words - 1), *first;
	const struct fr_stack_rec *r = find(rec, place);
	uint64_t pcs = r ? hash_of(r) : 0;
	bool is_new;

	if (!r || lap_of(rec, r, pcs) != id / words)
		return 0;
	first = fr_map_slot(&known->of_pcs, pcs | 1, &is_new);
	if (is_new)
		*first = place;
	return same(r, find(rec, *first)) ? *first : place;
}

uint32_t fr_depot_place(const struct recording *rec, uint32_t id)
{
	uint32_t *place;
	bool is_new;

	if (!id)
		return 0;
	place = fr_map_slot(&rec->impl->places.of_id, id, &is_new);
	if (is_new)
		*place = settle(rec, id);
	return *place;
}

/* The field of the records of section S at OFFSET is a stack id. */
static void settle_field(struct recording *rec, enum fr_section_id s, size_t offset)
{
	const struct section_view *v = &rec->sec[s];
	uint8_t *data = rec->impl->sections[s];
	uint32_t id;

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		memcpy(&id, data + at + offset, sizeof(id));
		id = fr_depot_place(rec, id);
		memcpy(data + at + offset, &id, sizeof(id));
	}
}

void fr_depot_load(struct recording *rec)
{
	const struct fr_header *h = &rec->hdr;

	rec->impl->places.needed =
		h->depot_words && !(h->depot_words & (h->depot_words - 1)) && h->x_depot_turns;
	if (!rec->impl->places.needed)
		return; /* each id is its place */
	settle_field(rec, FR_SEC_THREADS, offsetof(struct fr_thread_rec, create_stack));
	settle_field(rec, FR_SEC_THREADS, offsetof(struct fr_thread_rec, st_stack));
	for (size_t i = 0; i < FR_HELD_MAX; i++)
		settle_field(rec, FR_SEC_THREADS, offsetof(struct fr_thread_rec, held[i].stack));
	settle_field(rec, FR_SEC_LOCKS, offsetof(struct fr_lock_rec, first_stack));
	settle_field(rec, FR_SEC_FDS, offsetof(struct fr_fd_rec, stack));
	rec->crash.stack = fr_depot_place(rec, rec->crash.stack);
}

void fr_depot_settle(const struct recording *rec, struct event *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		e[i].stack = fr_depot_place(rec, e[i].stack);
		if (e[i].kind == FR_EV_THREAD_START)
			e[i].arg[FR_A(THREAD_START, created_by)] = fr_depot_place(
				rec, (uint32_t)e[i].arg[FR_A(THREAD_START, created_by)]);
	}
}

void fr_depot_free(struct recording *rec)
{
	fr_map_free(&rec->impl->places.of_id);
	fr_map_free(&rec->impl->places.of_pcs);
}
