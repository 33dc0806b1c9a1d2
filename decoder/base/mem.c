/* SPDX-License-Identifier: MIT */
/*
 * mem.c - the one place of the decoder that knows what to do when memory is refused.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void (*failure)(size_t size);

void fr_mem_on_failure(void (*handler)(size_t size))
{
	failure = handler;
}

static void *checked(void *p, size_t size)
{
	if (p)
		return p;
	if (failure)
		failure(size);
	abort();
}

void *fr_mem_alloc(size_t size)
{
	return checked(calloc(1, size ? size : 1), size);
}

char *fr_mem_strndup(const char *s, size_t n)
{
	return checked(strndup(s, n), n);
}

void *fr_mem_array(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n ? n : 1, size, &bytes))
		return checked(NULL, SIZE_MAX);
	return checked(malloc(bytes), bytes);
}

void *fr_mem_more(void *p, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 4;
	size_t bytes;

	if (p && need <= *cap)
		return p;
	while (want < need)
		want = want <= SIZE_MAX / 2 ? want * 2 : need;
	if (__builtin_mul_overflow(want, size, &bytes))
		return checked(NULL, SIZE_MAX);
	*cap = want;
	return checked(realloc(p, bytes), bytes);
}

void *fr_mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
	size_t before = *cap;

	if (p && need <= before)
		return p;
	p = fr_mem_more(p, cap, need, size);
	memset((char *)p + before * size, 0, (*cap - before) * size);
	return p;
}
