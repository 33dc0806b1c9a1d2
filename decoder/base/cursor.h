/* SPDX-License-Identifier: MIT */
/*
 * cursor.h - bounded reading of untrusted bytes.
 *
 * The first read beyond the end is remembered (failed, fail_off); it and all later reads give 0,
 * so that a parser tests once at its end and not at every field. Nothing is aligned.
 */
#ifndef FR_BASE_CURSOR_H
#define FR_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
	size_t fail_off; /* where the first underflow happened */
	bool failed;
};

void fr_cursor_init(struct cursor *c, const void *bytes, size_t n);
const uint8_t *fr_cursor_bytes(struct cursor *c, size_t n); /* NULL = not there */
uint8_t fr_cursor_u8(struct cursor *c);
uint16_t fr_cursor_u16(struct cursor *c);
uint32_t fr_cursor_u32(struct cursor *c);
uint64_t fr_cursor_u64(struct cursor *c);
uint64_t fr_cursor_varint(struct cursor *c); /* as preload/wire/wire.h defines it */
int64_t fr_cursor_zigzag(struct cursor *c);

/* The longest varint; the unchecked forms below may read this many bytes from *P. */
#define FR_VARINT_MAX 9u

static inline uint32_t fr_varint_len(uint8_t first)
{
	return (uint32_t)__builtin_ctz(first | 0x100u) + 1;
}

/* For bytes already known to be good: see read/chunk.c. */
static inline uint64_t fr_varint_get(const uint8_t **p)
{
	uint64_t w;
	uint32_t len;

	memcpy(&w, *p, sizeof(w));
	if (__builtin_expect(!(w & 0xff), 0)) {
		memcpy(&w, *p + 1, sizeof(w));
		*p += FR_VARINT_MAX;
		return w;
	}
	len = (uint32_t)__builtin_ctzll(w) + 1;
	*p += len;
	return (w << (64 - 8 * len)) >> (64 - 7 * len);
}

static inline int64_t fr_zigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Writes V at P (room for FR_VARINT_MAX), returns the length. For builders of test recordings. */
size_t fr_varint_put(uint8_t *p, uint64_t v);

#endif
