/* SPDX-License-Identifier: MIT */
/*
 * inflate.c - decompresses one section.
 *
 * zstd is taken from libzstd.so.1 if the machine has it (no build or run dependency);
 * without it such a file gives symbol-table names only, and the problem is said.
 */
#include "symbols/inflate.h"

#include <elf.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/optional.h"

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

/* zlib cannot shrink more than 1032 times; zstd can, but no real DWARF does. */
#define RATIO_MAX 1100u

struct packed {
	uint32_t type; /* ELFCOMPRESS_... */
	uint64_t size; /* after decompression */
	struct span payload;
};

static bool parse(struct span raw, bool zdebug, struct packed *out)
{
	size_t head = zdebug ? 12 : sizeof(Elf64_Chdr);
	Elf64_Chdr ch;
	uint64_t be;

	if (!raw.data || raw.size < head)
		return false;
	if (zdebug) {
		if (memcmp(raw.data, "ZLIB", 4))
			return false;
		memcpy(&be, raw.data + 4, 8);
		out->type = ELFCOMPRESS_ZLIB;
		out->size = __builtin_bswap64(be);
	} else {
		memcpy(&ch, raw.data, sizeof(ch));
		out->type = ch.ch_type;
		out->size = ch.ch_size;
	}
	out->payload.data = raw.data + head;
	out->payload.size = raw.size - head;
	return out->size && out->size / RATIO_MAX <= out->payload.size;
}

uint64_t fr_inflate_size(struct span raw, bool zdebug)
{
	struct packed p;

	return parse(raw, zdebug, &p) ? p.size : 0;
}

static bool unzstd(uint8_t *out, const struct packed *p, const char **why)
{
	size_t (*decompress)(void *, size_t, const void *, size_t);

	*why = "debug sections are compressed with zstd and libzstd.so.1 is not to be had";
	fr_optional("libzstd.so.1", "ZSTD_decompress", (void **)&decompress);
	if (!decompress)
		return false;
	*why = "a compressed debug section is damaged";
	return decompress(out, p->size, p->payload.data, p->payload.size) == p->size;
}

static bool unzlib(uint8_t *out, const struct packed *p, const char **why)
{
	uLongf n = p->size;

	*why = "a compressed debug section is damaged";
	return uncompress(out, &n, p->payload.data, p->payload.size) == Z_OK && n == p->size;
}

uint8_t *fr_inflate(struct span raw, bool zdebug, const char **why)
{
	const char *reason = "a compressed debug section is damaged";
	struct packed p;
	uint8_t *out = NULL;
	bool ok = false;

	if (parse(raw, zdebug, &p))
		out = malloc(p.size);
	if (out && p.type == ELFCOMPRESS_ZLIB)
		ok = unzlib(out, &p, &reason);
	else if (out && p.type == ELFCOMPRESS_ZSTD)
		ok = unzstd(out, &p, &reason);
	if (ok)
		return out;
	*why = reason;
	free(out);
	return NULL;
}
