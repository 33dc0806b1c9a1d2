/* SPDX-License-Identifier: MIT */
/*
 * select.c - finds the value byte by byte, the highest first: how many values begin so, and below
 * that? At most nine passes whatever the values are, where the usual quickselect can be led into
 * one pass for each value.
 */
#include "base/select.h"

#include <stdlib.h>

#define FEW 512 /* sorting so many costs less than counting bytes */

static int by_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t highest(const uint64_t *v, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= v[i];
	return all;
}

uint64_t fr_select(uint64_t *v, size_t n, size_t k)
{
	uint64_t found = 0, all, digit;

	if (n < FEW) {
		qsort(v, n, sizeof(*v), by_u64);
		return v[k];
	}
	all = highest(v, n);
	for (unsigned int shift = 64; shift;) {
		size_t count[256] = {0};

		shift -= 8;
		if (!(all >> shift))
			continue;
		for (size_t i = 0; i < n; i++)
			count[v[i] >> shift & 255] += !((v[i] ^ found) >> shift >> 8);
		for (digit = 0; k >= count[digit]; digit++)
			k -= count[digit];
		found |= digit << shift;
	}
	return found;
}
