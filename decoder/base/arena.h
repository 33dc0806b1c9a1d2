/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is given back all at once.
 */
#ifndef FR_BASE_ARENA_H
#define FR_BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *blocks; /* newest first; {0} is an empty arena */
	char *at;
	char *end;
};

void *fr_arena_alloc(struct arena *a, size_t size); /* zeroed, aligned to 16 bytes */
char *fr_arena_strndup(struct arena *a, const char *s, size_t n);
char *fr_arena_strdup(struct arena *a, const char *s);
char *fr_arena_fmt(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
void fr_arena_free(struct arena *a);

#endif
