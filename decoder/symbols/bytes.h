/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - a bounded cursor over bytes of a debug file.
 *
 * Sticky: the first read beyond the end sets `bad` and empties the cursor; every later read gives
 * 0. So parsers need no check per field, only one where they commit to what they read.
 *
 * Little-endian files only: fr_elf_open() refuses the others.
 */
#ifndef FR_SYMBOLS_BYTES_H
#define FR_SYMBOLS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data; /* NULL = section missing */
	size_t size;
};

struct bytes {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static inline struct bytes bytes_at(struct span s, uint64_t off)
{
	struct bytes b = {s.data, s.data, true};

	if (s.data && off <= s.size) {
		b.p = s.data + off;
		b.end = s.data + s.size;
		b.bad = false;
	}
	return b;
}

static inline size_t bytes_left(const struct bytes *b)
{
	return (size_t)(b->end - b->p);
}

static inline bool bytes_need(struct bytes *b, uint64_t n)
{
	if (n <= bytes_left(b))
		return true;
	b->bad = true;
	b->p = b->end;
	return false;
}

static inline void bytes_skip(struct bytes *b, uint64_t n)
{
	if (bytes_need(b, n))
		b->p += n;
}

/* An unsigned integer of 1..8 bytes. */
static inline uint64_t bytes_uint(struct bytes *b, unsigned int n)
{
	uint64_t v = 0;

	if (n > 8 || !bytes_need(b, n))
		return 0;
	memcpy(&v, b->p, n);
	b->p += n;
	return v;
}

static inline uint8_t bytes_u8(struct bytes *b)
{
	if (!bytes_need(b, 1))
		return 0;
	return *b->p++;
}

/* *SHIFT = bits that were there, *LAST = the last byte. */
static inline uint64_t bytes_leb(struct bytes *b, unsigned int *shift, uint8_t *last)
{
	uint64_t v = 0;

	*shift = 0;
	do {
		*last = 0;
		if (!bytes_need(b, 1))
			return 0;
		*last = *b->p++;
		if (*shift < 64)
			v |= (uint64_t)(*last & 0x7f) << *shift;
		*shift += 7;
	} while (*last & 0x80);
	return v;
}

static inline uint64_t bytes_uleb(struct bytes *b)
{
	unsigned int shift;
	uint8_t last;

	return bytes_leb(b, &shift, &last);
}

static inline int64_t bytes_sleb(struct bytes *b)
{
	unsigned int shift;
	uint8_t last;
	uint64_t v = bytes_leb(b, &shift, &last);

	if (shift < 64 && (last & 0x40))
		v |= ~UINT64_C(0) << shift;
	return (int64_t)v;
}

/* A terminated string; NULL (and bad) if the end comes first. */
static inline const char *bytes_string(struct bytes *b)
{
	const char *s = (const char *)b->p;
	const uint8_t *nul = bytes_left(b) ? memchr(b->p, 0, bytes_left(b)) : NULL;

	if (!nul) {
		b->bad = true;
		b->p = b->end;
		return NULL;
	}
	b->p = nul + 1;
	return s;
}

/* The terminated string at OFF of a string section, or NULL. */
static inline const char *span_string(struct span s, uint64_t off)
{
	struct bytes b = bytes_at(s, off);

	return b.bad ? NULL : bytes_string(&b);
}

#endif
