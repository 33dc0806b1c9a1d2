/* SPDX-License-Identifier: MIT */
/*
 * cfi_bytes.h - reads call frame information byte by byte, and never past the segment it lies in.
 */
#ifndef FR_CFI_BYTES_H
#define FR_CFI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* bad: something was asked for that is not there; what was read since is 0. */
struct fr_bytes {
	const uint8_t *p, *end;
	bool bad;
};

static inline const uint8_t *fr_bytes_skip(struct fr_bytes *b, uint64_t n)
{
	const uint8_t *at = b->p;

	if (b->bad || n > (uint64_t)(b->end - b->p)) {
		b->bad = true;
		return NULL;
	}
	b->p += n;
	return at;
}

/* A number of SIZE bytes, at most 8, in this processor's order. */
static inline uint64_t fr_bytes_number(struct fr_bytes *b, size_t size)
{
	const uint8_t *at = fr_bytes_skip(b, size);
	uint64_t v = 0;

	if (at)
		memcpy(&v, at, size); /* both processors have the low byte first */
	return v;
}

/* The same with a sign. */
static inline int64_t fr_bytes_signed(struct fr_bytes *b, size_t size)
{
	unsigned int unused = 64 - 8 * (unsigned int)size;

	return (int64_t)(fr_bytes_number(b, size) << unused) >> unused;
}

/* The first N bytes as a reader of their own. */
static inline struct fr_bytes fr_bytes_part(struct fr_bytes *b, uint64_t n)
{
	const uint8_t *at = fr_bytes_skip(b, n);

	return (struct fr_bytes){at, at ? at + n : NULL, !at};
}

/* LEB128: seven bits a byte, the lowest first. */
uint64_t fr_bytes_uleb(struct fr_bytes *b);
int64_t fr_bytes_sleb(struct fr_bytes *b);

#endif
