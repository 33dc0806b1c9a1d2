/* SPDX-License-Identifier: MIT */
/*
 * image_build.c - collects answers and strings and makes a block of them (see image.h).
 *
 * Context: a worker (answers of one request) or the decoder (merging before the cache is written).
 * Invariant: every string stands once in `chars`; offset 0 is the empty string, "none".
 */
#include "symbols/image.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct image_builder {
	struct image_addr *addrs;
	struct image_frame *frames;
	char *chars;
	uint32_t *slots; /* open addressing, offsets into chars, 0 = free */
	size_t n_addrs, cap_addrs;
	size_t n_frames, cap_frames;
	size_t n_chars, cap_chars;
	size_t n_strings, n_slots; /* n_slots is a power of two */
	bool failed;
};

static bool grow(struct image_builder *b, void **p, size_t *cap, size_t need, size_t each)
{
	size_t want = *cap ? *cap : 64;
	void *bigger;

	if (b->failed || need > UINT32_MAX) {
		b->failed = true;
		return false;
	}
	if (need <= *cap)
		return true;
	while (want < need)
		want *= 2;
	bigger = realloc(*p, want * each);
	if (!bigger) {
		b->failed = true;
		return false;
	}
	*p = bigger;
	*cap = want;
	return true;
}

struct image_builder *fr_image_new(void)
{
	struct image_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->n_slots = 1024;
	b->slots = calloc(b->n_slots, sizeof(*b->slots));
	if (!b->slots || !grow(b, (void **)&b->chars, &b->cap_chars, 1, 1)) {
		fr_image_free(b);
		return NULL;
	}
	b->chars[0] = 0;
	b->n_chars = 1;
	return b;
}

void fr_image_free(struct image_builder *b)
{
	if (!b)
		return;
	free(b->addrs);
	free(b->frames);
	free(b->chars);
	free(b->slots);
	free(b);
}

/* Length of the UTF-8 sequence at S, 0 = not one. */
static size_t utf8_length(const unsigned char *s)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint32_t c = n ? s[0] & (0xffu >> (n + 1)) : 0;
	size_t i;

	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* U+0080..U+009F are control characters; surrogates are not characters. */
	if (!n || c < least[n] || c < 0xa0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

void fr_image_clean(char *s)
{
	unsigned char *p = (unsigned char *)s;

	while (*p) {
		size_t n = *p < 0x80 ? 1 : utf8_length(p);

		if (!n || *p < 0x20 || *p == 0x7f) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
}

static uint64_t hash(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

/* The slot that holds the string at OFF, or the free slot where it belongs. */
static uint32_t *slot_of(const struct image_builder *b, uint32_t *slots, size_t n, uint32_t off)
{
	const char *s = b->chars + off;
	size_t i = hash(s, strlen(s)) & (n - 1);

	while (slots[i] && strcmp(b->chars + slots[i], s))
		i = (i + 1) & (n - 1);
	return &slots[i];
}

static bool rehash(struct image_builder *b)
{
	size_t n = b->n_slots * 2, i;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots) {
		b->failed = true;
		return false;
	}
	for (i = 0; i < b->n_slots; i++)
		if (b->slots[i])
			*slot_of(b, slots, n, b->slots[i]) = b->slots[i];
	free(b->slots);
	b->slots = slots;
	b->n_slots = n;
	return true;
}

uint32_t fr_image_intern(struct image_builder *b, const char *s)
{
	size_t len = s ? strnlen(s, 1 << 16) : 0;
	uint32_t off = (uint32_t)b->n_chars;
	uint32_t *slot;

	if (!len || !grow(b, (void **)&b->chars, &b->cap_chars, b->n_chars + len + 1, 1))
		return 0;
	if (b->n_strings * 2 >= b->n_slots && !rehash(b))
		return 0;
	memcpy(b->chars + off, s, len);
	b->chars[off + len] = 0;
	fr_image_clean(b->chars + off);
	slot = slot_of(b, b->slots, b->n_slots, off);
	if (!*slot) {
		*slot = off;
		b->n_strings++;
		b->n_chars += len + 1;
	}
	return *slot;
}

const char *fr_image_interned(const struct image_builder *b, uint32_t str)
{
	return b->chars + str;
}

void fr_image_add(struct image_builder *b, enum image_kind kind, uint64_t vaddr,
		  const struct image_frame *frames, size_t n)
{
	struct image_addr a = {vaddr, (uint32_t)b->n_frames, (uint16_t)n, (uint16_t)kind};

	if (n > UINT16_MAX ||
	    !grow(b, (void **)&b->addrs, &b->cap_addrs, b->n_addrs + 1, sizeof(a)) ||
	    !grow(b, (void **)&b->frames, &b->cap_frames, b->n_frames + n, sizeof(*frames)))
		return;
	b->addrs[b->n_addrs++] = a;
	if (n)
		memcpy(b->frames + b->n_frames, frames, n * sizeof(*frames));
	b->n_frames += n;
}

void fr_image_merge(struct image_builder *b, const struct image *img)
{
	uint32_t i, k;

	for (i = 0; i < img->head->n_addrs; i++) {
		const struct image_addr *a = &img->addrs[i];
		size_t first = b->n_frames;

		fr_image_add(b, a->kind, a->vaddr, img->frames + a->first, a->n);
		if (b->failed)
			return;
		for (k = 0; k < a->n; k++) {
			struct image_frame f = b->frames[first + k];

			f.fn = fr_image_intern(b, fr_image_string(img, f.fn));
			f.file = fr_image_intern(b, fr_image_string(img, f.file));
			b->frames[first + k] = f;
		}
	}
}

/* Equal addresses: what was added first comes first, and stays. */
static int compare(const void *x, const void *y)
{
	const struct image_addr *a = x, *b = y;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->vaddr != b->vaddr)
		return a->vaddr < b->vaddr ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static void sort_unique(struct image_builder *b)
{
	size_t i, n = 0;

	if (b->n_addrs)
		qsort(b->addrs, b->n_addrs, sizeof(*b->addrs), compare);
	for (i = 0; i < b->n_addrs; i++) {
		if (n && b->addrs[n - 1].kind == b->addrs[i].kind &&
		    b->addrs[n - 1].vaddr == b->addrs[i].vaddr)
			continue;
		b->addrs[n++] = b->addrs[i];
	}
	b->n_addrs = n;
}

static char *put(char *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

void *fr_image_finish(struct image_builder *b, const struct image_head *head, size_t *size)
{
	size_t skip = offsetof(struct image_head, best);
	struct image_head h = *head;
	char *block, *p;

	sort_unique(b);
	memcpy(h.magic, IMAGE_MAGIC, 8);
	h.version = IMAGE_VERSION;
	h.n_addrs = (uint32_t)b->n_addrs;
	h.n_frames = (uint32_t)b->n_frames;
	h.n_chars = (uint32_t)b->n_chars;
	*size = sizeof(h) + b->n_addrs * sizeof(*b->addrs) + b->n_frames * sizeof(*b->frames) +
		b->n_chars;
	block = b->failed ? NULL : malloc(*size);
	if (!block)
		return NULL;
	p = put(block, &h, sizeof(h));
	p = put(p, b->addrs, b->n_addrs * sizeof(*b->addrs));
	p = put(p, b->frames, b->n_frames * sizeof(*b->frames));
	put(p, b->chars, b->n_chars);
	h.checksum = (uint32_t)crc32_z(0, (uint8_t *)block + skip, *size - skip);
	memcpy(block, &h, sizeof(h));
	return block;
}
