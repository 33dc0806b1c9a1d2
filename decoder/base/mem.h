/* SPDX-License-Identifier: MIT */
/*
 * mem.h - heap memory: where there is none, the program ends, in one place.
 *
 * Sizes that come from a recording are bounded by the reader before they arrive here, so a refusal
 * means that the machine has no memory left. Then the handler that main.c has set is called; it
 * does not return. Must not: print.
 */
#ifndef FR_BASE_MEM_H
#define FR_BASE_MEM_H

#include <stddef.h>

void fr_mem_on_failure(void (*handler)(size_t size));

void *fr_mem_alloc(size_t size); /* zeroed */
char *fr_mem_strndup(const char *s, size_t n);

/*
 * Makes room for NEED elements of SIZE bytes in the array P that has room for *CAP; returns the
 * array, new elements zeroed. The usual push: a = fr_mem_grow(a, &cap, n + 1, sizeof(*a)); a[n++] =
 * x;
 */
void *fr_mem_grow(void *p, size_t *cap, size_t need, size_t size);

/*
 * The same without the zeros, for arrays that grow large and whose elements are filled anyway:
 * memory that is never used is never touched.
 */
void *fr_mem_more(void *p, size_t *cap, size_t need, size_t size);
void *fr_mem_array(size_t n, size_t size);

#endif
