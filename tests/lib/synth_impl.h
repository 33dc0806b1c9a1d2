/* SPDX-License-Identifier: MIT */
/*
 * synth_impl.h - what synth.c (sections) and synth_chunks.c (events) share.
 */
#ifndef TESTS_LIB_SYNTH_IMPL_H
#define TESTS_LIB_SYNTH_IMPL_H

#include "tests/lib/synth.h"

struct bytes {
	uint8_t *p;
	size_t n;
	size_t cap;
};

/* A filling chunk of one thread in one tier. */
struct lane {
	uint32_t serial;
	uint32_t tid;
	int tier;
	uint8_t *chunk; /* NULL = none open */
	uint64_t last;
	uint64_t events;
	uint64_t last_obj;
	uint64_t last_ptr;
	uint64_t obj[FR_DICT_SIZE];
	uint64_t ptr[FR_DICT_SIZE];
	uint64_t stacks[FR_DICT_SIZE];
};

struct synth {
	struct fr_header hdr;
	struct bytes sections[FR_SECTIONS_MAX];
	struct bytes calls;
	struct lane **lanes;
	size_t n_lanes;
	size_t cap_lanes;
	uint64_t seq[FR_TIERS];
	uint32_t n_threads;
	int tier;
	int own_clock;
	struct fr_event_rec schema[128];
	uint8_t home[128][FR_ARGS_MAX]; /* where events.def has each argument of the schema */
	uint8_t event_tier[128];
};

void synth_chunks_finish(struct synth *s);
void *synth_grow(struct bytes *b, size_t n); /* N zero bytes at the end of B */
#define SYNTH_NEED(cond) ((cond) ? (void)0 : abort())

#endif
