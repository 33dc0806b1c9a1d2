/* SPDX-License-Identifier: MIT */
/*
 * depot.h - stores each distinct stack once and gives it a number.
 */
#ifndef FR_DEPOT_H
#define FR_DEPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/region.h"
#include "wire/wire.h"

#define FR_FRAMES_MAX 254u

/*
 * Where an unwind found its words, in units of 8 bytes from the site's sp: a return address for
 * each frame but the leaf, and the saved frame pointers that led to one. Behind the PCs in the
 * depot: uint16_t ra[n_frames - 1], then n_fp pairs {at, value}: the word at sp + 8 * at must be
 * sp + 8 * value. replayable = false: some word cannot be found that way.
 */
struct fr_walk {
	uint64_t pc[FR_FRAMES_MAX];
	uint16_t ra[FR_FRAMES_MAX];
	struct {
		uint16_t at, value;
	} fp[FR_FRAMES_MAX];
	uint16_t n, n_fp;
	uint16_t flags; /* FR_STACK_... */
	bool replayable;
	bool uses_fp; /* the frame pointer register at the site mattered */
};

/*
 * Behind a record's PCs, for the replay (stack.h): the last PC again until their number, without
 * the first, is a multiple of four, so that the loop over them has no remainder; then this.
 */
struct fr_slots {
	uint16_t n_fp;
	uint16_t replayable;
	uint16_t at[]; /* one for each of these PCs, then n_fp pairs of place and value */
};

/* PCs that a replay compares besides the first. */
static inline uint32_t fr_depot_replayed(uint32_t n_frames)
{
	return (n_frames + 2) & ~3u;
}

/* The record of a stack id that the recorder itself has handed out. */
static inline const struct fr_stack_rec *fr_depot_get(uint32_t id)
{
	return (const struct fr_stack_rec *)(fr_region.depot.base + 8ull * id);
}

/* N: fr_depot_replayed() of R. */
static inline const struct fr_slots *fr_depot_slots(const struct fr_stack_rec *r, uint32_t n)
{
	return (const struct fr_slots *)&r->pc[1 + n];
}

/* Empties the depot's index (birth, and again in a forked child). False = no memory. */
bool fr_depot_init(void);

/*
 * The number of W's stack. 0 when the depot is full (counted). SAME_SLOTS tells whether the stored
 * slots are W's: only then may the id be replayed for this stack. Signal-safe, lock-free.
 */
uint32_t fr_depot_put(const struct fr_walk *w, bool *same_slots);

#endif
