/* SPDX-License-Identifier: MIT */
/*
 * text.h - the little text work the recorder needs, without stdio, locale or malloc.
 */
#ifndef FR_TEXT_H
#define FR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A bounded text being built. Always terminated; what does not fit is cut. */
struct fr_text {
	char *p;
	size_t n;
	size_t size;
};

static inline struct fr_text fr_text_on(char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct fr_text){buf, 0, size};
}

static inline void fr_text_bytes(struct fr_text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n && s[i] && t->n + 1 < t->size; i++)
		t->p[t->n++] = s[i];
	t->p[t->n] = '\0';
}

static inline void fr_text_str(struct fr_text *t, const char *s)
{
	fr_text_bytes(t, s, (size_t)-1);
}

static inline void fr_text_num(struct fr_text *t, uint64_t v, unsigned int base)
{
	char digits[24];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	fr_text_bytes(t, digits + i, sizeof(digits) - i);
}

/* What is behind the last slash; the whole PATH if there is none. */
static inline const char *fr_text_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where to look for a program without a slash, for fr_text_searched(). */
static inline const char *fr_text_search_path(void)
{
	const char *path = getenv("PATH");

	return path ? path : "/bin:/usr/bin"; /* as execvp of libc */
}

/* FILE in the first directory of *PATH into T; *PATH is then what is left, NULL at the end. */
static inline void fr_text_searched(struct fr_text *t, const char **path, const char *file)
{
	const char *end = strchrnul(*path, ':');

	fr_text_bytes(t, *path, (size_t)(end - *path));
	fr_text_str(t, end > *path ? "/" : "");
	fr_text_str(t, file);
	*path = *end ? end + 1 : NULL;
}

/* One shell pattern with * and ?, up to a comma. */
static inline bool fr_text_match_one(const char *p, const char *s)
{
	for (; *p && *p != ','; p++, s++) {
		if (*p == '*') {
			for (;; s++) {
				if (fr_text_match_one(p + 1, s))
					return true;
				if (!*s)
					return false;
			}
		}
		if (!*s || (*p != '?' && *p != *s))
			return false;
	}
	return !*s;
}

/* Does any of these patterns, separated by commas, fit the whole of S? */
static inline bool fr_text_match(const char *patterns, const char *s)
{
	for (const char *p = patterns; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (*p && fr_text_match_one(p, s))
			return true;
	}
	return false;
}

/* Copies S into a fixed field, cut and terminated. */
static inline void fr_text_copy(char *field, size_t size, const char *s)
{
	struct fr_text t = fr_text_on(field, size);

	fr_text_str(&t, s);
}

#endif
