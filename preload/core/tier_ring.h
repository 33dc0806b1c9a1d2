/* SPDX-License-Identifier: MIT */
/*
 * tier_ring.h - the chunks of a tier in the order in which they are used again. For ring.c and its
 * test; ring.h is what hooks see.
 */
#ifndef FR_TIER_RING_H
#define FR_TIER_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "wire/wire.h"

#define FR_FIRST_CHUNKS 32u /* are used before any is used again, however old they are */

struct fr_tier_ring {
	_Atomic uint64_t seq; /* fillings so far */
	_Atomic uint32_t at; /* chunk taken last */
	_Atomic uint32_t n; /* chunks in the ring: the first n of the section */
	_Atomic uint32_t max;
	_Atomic uint32_t *after; /* by chunk: the next one in the ring; private memory */
	uint32_t links; /* entries of after[] */
	uint32_t size; /* bytes of a chunk */
};

extern struct fr_tier_ring fr_tier_rings[FR_TIERS];

#endif
