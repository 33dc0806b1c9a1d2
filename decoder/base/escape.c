/* SPDX-License-Identifier: MIT */
/*
 * escape.c - foreign bytes made harmless: for a terminal, for JSON, for libraries that want UTF-8.
 *
 * One decoder of UTF-8 (strict: no overlong forms, no surrogates, nothing above U+10FFFF) serves
 * the three. What it refuses is refused byte by byte.
 */
#include <stdbool.h>

#include "base/sbuf.h"

#define REPLACEMENT "\xef\xbf\xbd"

static bool is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

static size_t utf8_size(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Bytes of the character at P (N are there), its code point in *CP; 0 = not UTF-8. */
static size_t utf8_next(const uint8_t *p, size_t n, uint32_t *cp)
{
	size_t size = utf8_size(p[0]);

	if (!size || size > n)
		return 0;
	*cp = size == 1 ? p[0] : p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if (!is_tail(p[i]))
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if (size == 3 && (*cp < 0x800 || (*cp >= 0xd800 && *cp <= 0xdfff)))
		return 0;
	if (size == 4 && (*cp < 0x10000 || *cp > 0x10ffff))
		return 0;
	return size;
}

/* Controls, and what turns or hides the text that follows it. */
static bool is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x61c || cp == 0x200b ||
	       cp == 0x200e || cp == 0x200f || cp == 0x2028 || cp == 0x2029 ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

static void add_escaped(struct sbuf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fr_sbuf_str(b, "\\x");
		fr_sbuf_char(b, "0123456789abcdef"[p[i] >> 4]);
		fr_sbuf_char(b, "0123456789abcdef"[p[i] & 15]);
	}
}

static size_t plain_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\' && p[i] != '"')
		i++;
	return i;
}

static void text_one(struct sbuf *b, const uint8_t *p, size_t size, uint32_t cp)
{
	if (cp == '\n')
		fr_sbuf_str(b, "\\n");
	else if (cp == '\t')
		fr_sbuf_str(b, "\\t");
	else if (cp == '\\')
		fr_sbuf_str(b, "\\\\");
	else if (is_unsafe(cp))
		add_escaped(b, p, size);
	else
		fr_sbuf_add(b, p, size);
}

void fr_sbuf_text(struct sbuf *b, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		size_t size = plain_run(p, n);
		uint32_t cp;

		if (size) {
			fr_sbuf_add(b, p, size);
		} else if ((size = utf8_next(p, n, &cp)) != 0) {
			text_one(b, p, size, cp);
		} else {
			size = 1;
			add_escaped(b, p, size);
		}
		p += size;
		n -= size;
	}
}

static void json_escaped(struct sbuf *b, uint32_t cp)
{
	if (cp <= 0xffff)
		fr_sbuf_fmt(b, "\\u%04x", cp);
	else
		fr_sbuf_fmt(b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			    0xdc00 + ((cp - 0x10000) & 0x3ff));
}

/* What a writer of JSON leaves as it is, only within strings: all but controls below 0x20. */
void fr_sbuf_json_dumped(struct sbuf *b, const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;

	while (n) {
		uint32_t cp = 0;
		size_t size = *p < 0x7f ? 1 : utf8_next(p, n, &cp);

		if (*p >= 0x7f && size && is_unsafe(cp))
			json_escaped(b, cp);
		else
			fr_sbuf_add(b, p, size ? size : 1);
		p += size ? size : 1;
		n -= size ? size : 1;
	}
}

static void json_one(struct sbuf *b, const uint8_t *p, size_t size, uint32_t cp)
{
	if (cp == '"' || cp == '\\') {
		fr_sbuf_char(b, '\\');
		fr_sbuf_char(b, (char)cp);
	} else if (is_unsafe(cp)) {
		json_escaped(b, cp);
	} else {
		fr_sbuf_add(b, p, size);
	}
}

void fr_sbuf_json(struct sbuf *b, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	fr_sbuf_char(b, '"');
	while (n) {
		size_t size = plain_run(p, n);
		uint32_t cp;

		if (size) {
			fr_sbuf_add(b, p, size);
		} else if ((size = utf8_next(p, n, &cp)) != 0) {
			json_one(b, p, size, cp);
		} else {
			size = 1;
			fr_sbuf_str(b, REPLACEMENT);
		}
		p += size;
		n -= size;
	}
	fr_sbuf_char(b, '"');
}

void fr_sbuf_utf8(struct sbuf *b, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n) {
		uint32_t cp;
		size_t size = utf8_next(p, n, &cp);

		if (size && cp)
			fr_sbuf_add(b, p, size);
		else
			fr_sbuf_str(b, REPLACEMENT);
		p += size ? size : 1;
		n -= size ? size : 1;
	}
}
