/* SPDX-License-Identifier: MIT */
/*
 * select.h - one value of a sorted order without sorting: percentiles of millions of waits.
 */
#ifndef FR_BASE_SELECT_H
#define FR_BASE_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* The value that would stand at K < N if the N values V were sorted. May reorder them. */
uint64_t fr_select(uint64_t *v, size_t n, size_t k);

#endif
