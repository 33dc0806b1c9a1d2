/* SPDX-License-Identifier: MIT */
/*
 * sbuf.c - the growable string. What foreign bytes become stands in escape.c.
 */
#include "base/sbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/mem.h"

void fr_sbuf_grow(struct sbuf *b, size_t n)
{
	b->s = fr_mem_grow(b->s, &b->cap, b->n + n + 1, 1);
}

void fr_sbuf_pad(struct sbuf *b, char c, size_t n)
{
	memset(fr_sbuf_room(b, n), c, n);
	b->n += n;
	b->s[b->n] = 0;
}

void fr_sbuf_vfmt(struct sbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return;
	fr_sbuf_room(b, (size_t)len);
	vsnprintf(b->s + b->n, (size_t)len + 1, fmt, ap);
	b->n += (size_t)len;
}

void fr_sbuf_fmt(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fr_sbuf_vfmt(b, fmt, ap);
	va_end(ap);
}

void fr_sbuf_u64(struct sbuf *b, uint64_t v)
{
	char buf[FR_DIGITS_MAX], *at = fr_digits(buf + sizeof(buf), v);

	fr_sbuf_add(b, at, (size_t)(buf + sizeof(buf) - at));
}

void fr_sbuf_i64(struct sbuf *b, int64_t v)
{
	if (v < 0)
		fr_sbuf_char(b, '-');
	fr_sbuf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void fr_sbuf_hex(struct sbuf *b, uint64_t v)
{
	unsigned int n = (unsigned int)(67 - __builtin_clzll(v | 1)) / 4;
	char *p = fr_sbuf_room(b, 2 + n);

	*p++ = '0';
	*p++ = 'x';
	for (unsigned int shift = 4 * n; shift; p++) {
		shift -= 4;
		*p = "0123456789abcdef"[v >> shift & 15];
	}
	*p = 0;
	b->n += 2 + n;
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
