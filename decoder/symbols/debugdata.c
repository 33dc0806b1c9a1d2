/* SPDX-License-Identifier: MIT */
/*
 * debugdata.c - unpacks .gnu_debugdata with liblzma.
 *
 * Context: a worker. Must not: unpack more than BYTES_MAX, whatever the file says.
 */
#include "symbols/debugdata.h"

#include <lzma.h>
#include <stdlib.h>

#define BYTES_MAX ((size_t)256 << 20)
#define LZMA_MEMORY_MAX (UINT64_C(256) << 20)

/* Decodes all of IN; the output buffer grows by doubling up to BYTES_MAX. */
static uint8_t *unpack(lzma_stream *s, size_t *size)
{
	size_t cap = 0;
	uint8_t *out = NULL;
	lzma_ret rc = LZMA_OK;

	while (rc == LZMA_OK && cap < BYTES_MAX) {
		size_t bigger = cap ? cap * 2 : (size_t)1 << 20;
		uint8_t *p = realloc(out, bigger);

		if (!p)
			break;
		out = p;
		s->next_out = out + cap;
		s->avail_out = bigger - cap;
		cap = bigger;
		rc = lzma_code(s, LZMA_FINISH);
	}
	*size = s->total_out;
	if (rc == LZMA_STREAM_END)
		return out;
	free(out);
	return NULL;
}

struct elf_file *fr_debugdata_open(struct elf_file *outer, void **data)
{
	struct span packed = fr_elf_find(outer, ".gnu_debugdata");
	lzma_stream s = LZMA_STREAM_INIT;
	struct elf_file *inner;
	size_t size = 0;

	*data = NULL;
	if (!packed.data || lzma_stream_decoder(&s, LZMA_MEMORY_MAX, 0) != LZMA_OK)
		return NULL;
	s.next_in = packed.data;
	s.avail_in = packed.size;
	*data = unpack(&s, &size);
	lzma_end(&s);
	if (!*data)
		return NULL;
	inner = fr_elf_open_memory(*data, size);
	if (!inner) {
		free(*data);
		*data = NULL;
	}
	return inner;
}
