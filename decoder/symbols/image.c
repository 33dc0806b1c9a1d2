/* SPDX-License-Identifier: MIT */
/*
 * image.c - checks and reads a block of answers.
 *
 * Context: the decoder's own process; the block may come from a worker that a damaged file has
 * misled, or from a damaged cache. Must not: trust a number of the block before check() has seen
 * it.
 */
#include "symbols/image.h"

#include <string.h>
#include <zlib.h>

#include "base/search.h"

static uint32_t checksum(const void *block, size_t size)
{
	size_t skip = offsetof(struct image_head, best);

	return (uint32_t)crc32_z(0, (const uint8_t *)block + skip, size - skip);
}

static bool sizes_fit(const struct image_head *h, size_t size)
{
	uint64_t want = sizeof(*h);

	want += (uint64_t)h->n_addrs * sizeof(struct image_addr);
	want += (uint64_t)h->n_frames * sizeof(struct image_frame);
	want += h->n_chars;
	return want == size && h->n_chars > 0 && h->build_id_len <= sizeof(h->build_id);
}

static bool addrs_sound(const struct image *img)
{
	const struct image_addr *a = img->addrs;
	uint32_t i;

	for (i = 0; i < img->head->n_addrs; i++) {
		if (a[i].kind > IMAGE_DATA || (uint64_t)a[i].first + a[i].n > img->head->n_frames)
			return false;
		if (i && (a[i - 1].kind > a[i].kind ||
			  (a[i - 1].kind == a[i].kind && a[i - 1].vaddr >= a[i].vaddr)))
			return false;
	}
	return true;
}

static bool frames_sound(const struct image *img)
{
	const struct image_frame *f = img->frames;
	uint32_t i;

	for (i = 0; i < img->head->n_frames; i++)
		if (f[i].fn >= img->head->n_chars || f[i].file >= img->head->n_chars)
			return false;
	return true;
}

bool fr_image_open(struct image *img, const void *block, size_t size)
{
	const struct image_head *h = block;

	if (size < sizeof(*h) || memcmp(h->magic, IMAGE_MAGIC, 8) || h->version != IMAGE_VERSION)
		return false;
	if (!sizes_fit(h, size) || h->checksum != checksum(block, size))
		return false;
	img->head = h;
	img->addrs = (const struct image_addr *)(h + 1);
	img->frames = (const struct image_frame *)(img->addrs + h->n_addrs);
	img->strings = (const char *)(img->frames + h->n_frames);
	if (img->strings[0] || img->strings[h->n_chars - 1])
		return false;
	if (h->source >= h->n_chars || h->problem >= h->n_chars)
		return false;
	return addrs_sound(img) && frames_sound(img);
}

static bool before(const void *element, const void *key)
{
	const struct image_addr *a = element, *k = key;

	return a->kind < k->kind || (a->kind == k->kind && a->vaddr < k->vaddr);
}

const struct image_addr *fr_image_find(const struct image *img, enum image_kind kind,
				       uint64_t vaddr)
{
	const struct image_addr key = {.kind = (uint16_t)kind, .vaddr = vaddr};
	size_t n = img->head->n_addrs;
	const struct image_addr *a =
		img->addrs + fr_search(img->addrs, n, sizeof(*a), before, &key);

	return a < img->addrs + n && a->kind == kind && a->vaddr == vaddr ? a : NULL;
}

const char *fr_image_string(const struct image *img, uint32_t str)
{
	return str ? img->strings + str : NULL;
}
