/* SPDX-License-Identifier: MIT */
/*
 * bench_kit.h - what the benchmarks of the decoder have in common: chance, and the time.
 */
#ifndef TESTS_BENCH_KIT_H
#define TESTS_BENCH_KIT_H

#include <time.h>

#include "tests/lib/chance.h"

/* CPU time, so that what else the machine does does not count. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
