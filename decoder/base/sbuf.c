/* SPDX-License-Identifier: MIT */
/*
 * sbuf.c - the growable string. What foreign bytes become stands in escape.c.
 */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct sbuf *b, size_t n)
{
	if (b->cap - b->n <= n)
		b->s = fr_mem_grow(b->s, &b->cap, b->n + n + 1, 1);
}

void fr_sbuf_add(struct sbuf *b, const void *bytes, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->s + b->n, bytes, n);
	b->n += n;
	b->s[b->n] = 0;
}

void fr_sbuf_str(struct sbuf *b, const char *s)
{
	fr_sbuf_add(b, s, strlen(s));
}

void fr_sbuf_char(struct sbuf *b, char c)
{
	reserve(b, 1);
	b->s[b->n++] = c;
	b->s[b->n] = 0;
}

void fr_sbuf_pad(struct sbuf *b, char c, size_t n)
{
	reserve(b, n);
	memset(b->s + b->n, c, n);
	b->n += n;
	b->s[b->n] = 0;
}

void fr_sbuf_fmt(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	reserve(b, (size_t)len);
	va_start(ap, fmt);
	vsnprintf(b->s + b->n, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)len;
}

void fr_sbuf_u64(struct sbuf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	fr_sbuf_add(b, digits + at, sizeof(digits) - at);
}

void fr_sbuf_i64(struct sbuf *b, int64_t v)
{
	if (v < 0)
		fr_sbuf_char(b, '-');
	fr_sbuf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void fr_sbuf_hex(struct sbuf *b, uint64_t v)
{
	char digits[18];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	digits[--at] = 'x';
	digits[--at] = '0';
	fr_sbuf_add(b, digits + at, sizeof(digits) - at);
}

const char *fr_sbuf_cstr(const struct sbuf *b)
{
	return b->s ? b->s : "";
}

void fr_sbuf_reset(struct sbuf *b)
{
	b->n = 0;
	if (b->s)
		b->s[0] = 0;
}

void fr_sbuf_free(struct sbuf *b)
{
	free(b->s);
	*b = (struct sbuf){0};
}
