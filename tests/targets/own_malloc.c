/* SPDX-License-Identifier: MIT */
/*
 * own_malloc.c - a program with an allocator of its own linked in, as many servers have: libc and
 * the program call that one, and no hook sees it. Says how often it was called by itself.
 */
#include "truth.h"

static char memory[1 << 20] __attribute__((aligned(16)));
static size_t used;
static int calls;

void *malloc(size_t n)
{
	size_t *p = (size_t *)(memory + used);

	n = (n + 31) & ~(size_t)15;
	if (used + n > sizeof(memory))
		return NULL;
	used += n;
	calls++;
	*p = n;
	return (char *)p + 16;
}

void free(void *p)
{
	calls += p != NULL;
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size); /* of fresh memory: 0 */
}

void *realloc(void *old, size_t n)
{
	char *p = malloc(n);

	if (p && old)
		memcpy(p, old, n);
	return p;
}

int main(void)
{
	int before = calls;

	for (int i = 0; i < 100; i++)
		free(malloc(1000));
	say("{\"own\":%d}", calls - before);
	return 0;
}
