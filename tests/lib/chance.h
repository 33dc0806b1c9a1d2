/* SPDX-License-Identifier: MIT */
/*
 * chance.h - numbers by chance, the same in every run.
 */
#ifndef TESTS_LIB_CHANCE_H
#define TESTS_LIB_CHANCE_H

#include <stdint.h>

static uint64_t seed = 88172645463325252ull;

static inline uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

#endif
