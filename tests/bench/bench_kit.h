/* SPDX-License-Identifier: MIT */
/*
 * bench_kit.h - what the benchmarks of the decoder have in common: chance that is the same in every
 * run, and the time.
 */
#ifndef TESTS_BENCH_KIT_H
#define TESTS_BENCH_KIT_H

#include <stdint.h>
#include <time.h>

static uint64_t seed = 88172645463325252ull;

static inline uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* CPU time, so that what else the machine does does not count. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
