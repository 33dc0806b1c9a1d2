/* SPDX-License-Identifier: MIT */
/*
 * answers.c - the frames of a batch, in one array that grows.
 *
 * Between batch.c, which asks, and the readers of DWARF, which answer. Context: a worker process.
 */
#include "symbols/answers.h"

#include <stdlib.h>

bool fr_answers_push(struct answers *as, const struct image_frame *f)
{
	if (as->n_frames == as->cap_frames) {
		size_t cap = as->cap_frames ? as->cap_frames * 2 : 256;
		struct image_frame *p = realloc(as->frames, cap * sizeof(*p));

		if (!p)
			return false;
		as->frames = p;
		as->cap_frames = cap;
	}
	as->frames[as->n_frames++] = *f;
	return true;
}
