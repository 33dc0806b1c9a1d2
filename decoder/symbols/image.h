/* SPDX-License-Identifier: MIT */
/*
 * image.h - the answers for one module as one block of bytes.
 *
 * What a worker sends through its socket and what the persistent cache keeps is the same block:
 *
 *   +------------------+--------------------+----------------------+-----------------+
 *   | struct image_head| struct image_addr  | struct image_frame   | strings         |
 *   |                  | [n_addrs], sorted  | [n_frames]           | NUL-terminated  |
 *   +------------------+--------------------+----------------------+-----------------+
 *
 * A string is its offset in the strings; 0 = none. Strings are valid UTF-8 without control
 * characters: they are cleaned when added. A block is untrusted (a worker may have crashed, a
 * cache file may be damaged): fr_image_open() checks everything once, readers need no checks.
 */
#ifndef FR_SYMBOLS_IMAGE_H
#define FR_SYMBOLS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC "FRSYMIMG"
#define IMAGE_VERSION 1u

enum image_kind {
	IMAGE_CODE = 0,
	IMAGE_DATA = 1, /* one frame, whose fn is the whole name of the variable */
};

struct image_head {
	char magic[8];
	uint32_t version;
	uint32_t checksum; /* CRC-32 of all that follows this field */
	uint32_t best; /* enum frame_origin */
	uint32_t n_addrs;
	uint32_t n_frames;
	uint32_t n_chars; /* size of the strings, terminators included */
	uint32_t source; /* string: the file that the names come from */
	uint32_t problem; /* string: why names are missing or poorer than they could be */
	uint64_t source_size;
	int64_t source_mtime_ns;
	uint32_t build_id_len;
	uint8_t build_id[32];
	uint32_t reserved;
};

struct image_addr {
	uint64_t vaddr;
	uint32_t first; /* index of the innermost frame */
	uint16_t n; /* 0 = looked for and not found */
	uint16_t kind; /* enum image_kind */
};

struct image_frame {
	uint32_t fn;
	uint32_t file;
	uint32_t line;
	uint32_t fn_off; /* of the address from the start of fn; UINT32_MAX = unknown */
	uint8_t inl;
	uint8_t origin; /* enum frame_origin */
	uint16_t flags; /* IMAGE_... */
};
#define IMAGE_BARE 1u /* fn is not qualified by namespace and class */
#define IMAGE_ORIGIN_DWARF 1u /* FRAME_DWARF, for those that must not see the recording */

_Static_assert(sizeof(struct image_head) == 96, "image");
_Static_assert(sizeof(struct image_addr) == 16, "image");
_Static_assert(sizeof(struct image_frame) == 20, "image");

/* A checked view of a block; the block stays the caller's. */
struct image {
	const struct image_head *head;
	const struct image_addr *addrs;
	const struct image_frame *frames;
	const char *strings;
};

bool fr_image_open(struct image *img, const void *block, size_t size);
const struct image_addr *fr_image_find(const struct image *img, enum image_kind kind,
				       uint64_t vaddr);
const char *fr_image_string(const struct image *img, uint32_t str);

/* Building. Out of memory is sticky: fr_image_finish() then returns NULL. */
struct image_builder;
struct image_builder *fr_image_new(void);
void fr_image_free(struct image_builder *b);
uint32_t fr_image_intern(struct image_builder *b, const char *s);
const char *fr_image_interned(const struct image_builder *b, uint32_t str);
void fr_image_add(struct image_builder *b, enum image_kind kind, uint64_t vaddr,
		  const struct image_frame *frames, size_t n);
/* All of IMG that B does not have yet. */
void fr_image_merge(struct image_builder *b, const struct image *img);
/* Head fields but for sizes are copied from HEAD. The block is malloc'ed. */
void *fr_image_finish(struct image_builder *b, const struct image_head *head, size_t *size);

/* Replaces control characters and bytes that are not UTF-8 by '?'. In place. */
void fr_image_clean(char *s);

#endif
