/* SPDX-License-Identifier: MIT */
/*
 * sample.h - which allocations are sampled, and which of them are still alive.
 *
 * Poisson by bytes: each byte has the same chance of 1/mean to be the sample's. A block at least
 * as big as the mean is always taken, with its own size as weight; a smaller one stands for
 * mean bytes each time the countdown runs out (the weights of Perfetto's heapprofd).
 */
#ifndef FR_SAMPLE_H
#define FR_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/thread.h"

#define FR_SAMPLE_MEAN (512u << 10)
#define FR_SAMPLE_FILTER 16384u

/* One count for each hash: how many live samples have it. Most frees look here and go on. */
extern _Atomic uint8_t fr_sample_filter[FR_SAMPLE_FILTER];

static FR_ALWAYS_INLINE uint32_t fr_sample_hash(const void *p)
{
	return (uint32_t)(((uint64_t)p * 0x9E3779B97F4A7C15ull) >> 50);
}

static FR_ALWAYS_INLINE bool fr_sample_maybe(const void *p)
{
	return atomic_load_explicit(&fr_sample_filter[fr_sample_hash(p)], memory_order_relaxed) !=
	       0;
}

/* Bytes until T's next sample. */
int64_t fr_sample_gap(struct fr_thread *t);

/* The countdown of T has run out at a block of SIZE: its weight, and the next countdown. */
uint64_t fr_sample_weight(struct fr_thread *t, uint64_t size);

/* Remembers a sampled block; false when the table is full there (counted). */
bool fr_sample_add(const void *p, uint64_t weight);

/* Forgets the block: its weight, or 0 if it was not sampled. */
uint64_t fr_sample_remove(const void *p);

/* Forgets all: frees went by unseen. */
void fr_sample_forget(void);

/* At birth. */
void fr_sample_init(void);

#endif
