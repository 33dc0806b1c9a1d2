/* SPDX-License-Identifier: MIT */
/*
 * arena.c - bump allocation from blocks of 64 KiB; larger wishes get a block of their own.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK ((size_t)64 << 10)
#define ALIGN ((size_t)16)

struct arena_block {
	struct arena_block *next;
	char bytes[] __attribute__((aligned(16)));
};

static char *block_add(struct arena *a, size_t size)
{
	struct arena_block *b = fr_mem_alloc(sizeof(*b) + size);

	b->next = a->blocks;
	a->blocks = b;
	return b->bytes;
}

void *fr_arena_alloc(struct arena *a, size_t size)
{
	char *p;

	if (size > SIZE_MAX / 2)
		size = SIZE_MAX / 2; /* fr_mem_alloc() refuses this like any other size */
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (size > BLOCK / 4)
		return block_add(a, size);
	if ((size_t)(a->end - a->at) < size) {
		a->at = block_add(a, BLOCK);
		a->end = a->at + BLOCK;
	}
	p = a->at;
	a->at += size;
	return p;
}

char *fr_arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = fr_arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *fr_arena_strdup(struct arena *a, const char *s)
{
	return fr_arena_strndup(a, s, strlen(s));
}

char *fr_arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	int len;
	char *p;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return fr_arena_strdup(a, fmt);
	p = fr_arena_alloc(a, (size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return p;
}

void fr_arena_free(struct arena *a)
{
	struct arena_block *b = a->blocks;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	*a = (struct arena){0};
}
