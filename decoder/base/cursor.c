/* SPDX-License-Identifier: MIT */
/*
 * cursor.c - the checked half of cursor.h. The reader is little-endian like the format; a
 * big-endian host is refused at build time.
 */
#include "base/cursor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fr reads recordings in host order");

void fr_cursor_init(struct cursor *c, const void *bytes, size_t n)
{
	*c = (struct cursor){.start = bytes, .at = bytes, .end = (const uint8_t *)bytes + n};
}

const uint8_t *fr_cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p = c->at;

	if (!c->failed && n > (size_t)(c->end - c->at)) {
		c->failed = true;
		c->fail_off = (size_t)(c->at - c->start);
	}
	if (c->failed)
		return NULL;
	c->at += n;
	return p;
}

static uint64_t read_uint(struct cursor *c, size_t n)
{
	const uint8_t *p = fr_cursor_bytes(c, n);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, n);
	return v;
}

uint8_t fr_cursor_u8(struct cursor *c)
{
	return (uint8_t)read_uint(c, 1);
}

uint16_t fr_cursor_u16(struct cursor *c)
{
	return (uint16_t)read_uint(c, 2);
}

uint32_t fr_cursor_u32(struct cursor *c)
{
	return (uint32_t)read_uint(c, 4);
}

uint64_t fr_cursor_u64(struct cursor *c)
{
	return read_uint(c, 8);
}

uint64_t fr_cursor_varint(struct cursor *c)
{
	uint32_t len = c->at < c->end ? fr_varint_len(*c->at) : 1;

	if (len < FR_VARINT_MAX)
		return read_uint(c, len) >> len;
	fr_cursor_bytes(c, 1);
	return read_uint(c, 8);
}

int64_t fr_cursor_zigzag(struct cursor *c)
{
	return fr_zigzag(fr_cursor_varint(c));
}

size_t fr_varint_put(uint8_t *p, uint64_t v)
{
	uint32_t len = 1;

	while (len < 8 && v >> (7 * len))
		len++;
	if (v >> 56) {
		*p = 0;
		memcpy(p + 1, &v, 8);
		return FR_VARINT_MAX;
	}
	v = v << len | (uint64_t)1 << (len - 1);
	memcpy(p, &v, len);
	return len;
}
