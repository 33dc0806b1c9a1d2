/* SPDX-License-Identifier: MIT */
/*
 * search.h - where something belongs in an array that is in order: the one binary search.
 *
 * Inline, so that a BEFORE that the caller's file knows costs no call.
 */
#ifndef FR_BASE_SEARCH_H
#define FR_BASE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether ELEMENT lies before the place that is looked for: true up to there, false from there. */
typedef bool (*fr_before_fn)(const void *element, const void *key);

/* Index of the first of N elements of SIZE bytes that is not BEFORE the place; N = all are. */
static inline size_t fr_search(const void *array, size_t n, size_t size, fr_before_fn before,
			       const void *key)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (before((const char *)array + mid * size, key))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

#endif
