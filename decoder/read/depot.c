/* SPDX-License-Identifier: MIT */
/*
 * depot.c - stack ids to PCs. A record whose hash does not fit was torn by a kill or damaged: it
 * counts as "no stack" rather than as a wrong one.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "read/impl.h"

static const struct fr_stack_rec *find(const struct recording *rec, uint32_t id)
{
	const struct section_view *v = &rec->sec[FR_SEC_DEPOT];
	uint64_t off = (uint64_t)id * 8;
	const struct fr_stack_rec *r;
	uint64_t size;

	if (!id || !v->data || off > v->size || v->size - off < sizeof(*r))
		return NULL;
	r = (const struct fr_stack_rec *)(v->data + off);
	size = sizeof(*r) + (uint64_t)r->n_frames * sizeof(r->pc[0]);
	if (!r->n_frames || size > v->size - off || size > r->total_size)
		return NULL;
	return r;
}

size_t fr_recording_stack(const struct recording *rec, uint32_t id, const uint64_t **pcs,
			  uint16_t *flags)
{
	const struct fr_stack_rec *r = find(rec, id);

	*pcs = NULL;
	if (flags)
		*flags = 0;
	if (!r || XXH3_64bits(r->pc, r->n_frames * sizeof(r->pc[0])) != r->hash)
		return 0;
	*pcs = r->pc;
	if (flags)
		*flags = r->flags;
	return r->n_frames;
}
