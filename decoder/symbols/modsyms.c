/* SPDX-License-Identifier: MIT */
/*
 * modsyms.c - cache first, then a worker; after a crash a worker without DWARF; then nothing.
 *
 * Owns: the blocks of answers (strings in them are handed out), the worker. Context: the decoder's
 * own process.
 */
#include "symbols/modsyms.h"

#include <stdlib.h>

#include "base/mem.h"
#include "symbols/cache.h"
#include "symbols/symbols.h"
#include "symbols/worker.h"

struct block {
	void *bytes;
	struct image img;
};

struct wanted {
	uint64_t *v;
	size_t n, cap;
};

struct modsyms {
	struct module_ref ref;
	struct worker *worker;
	bool no_dwarf; /* a worker crashed in it */
	bool dead; /* a worker without DWARF crashed as well, or there are no processes */
	bool fresh; /* some block is worth keeping */
	struct block *blocks; /* oldest first */
	size_t n_blocks, cap_blocks;
	struct wanted wanted[2]; /* by enum image_kind */
};

static void push_block(struct modsyms *ms, void *bytes, const struct image *img)
{
	ms->blocks =
		fr_mem_grow(ms->blocks, &ms->cap_blocks, ms->n_blocks + 1, sizeof(*ms->blocks));
	ms->blocks[ms->n_blocks++] = (struct block){bytes, *img};
}

static bool ask(struct modsyms *ms)
{
	const struct wanted *w = ms->wanted;

	if (!ms->worker)
		ms->worker = fr_worker_start(&ms->ref, !ms->no_dwarf);
	return ms->worker && fr_worker_ask(ms->worker, w[0].v, w[0].n, w[1].v, w[1].n);
}

static bool receive(struct modsyms *ms)
{
	struct image img;
	size_t size = 0;
	void *bytes = ms->worker ? fr_worker_receive(ms->worker, &size) : NULL;

	if (!bytes || !fr_image_open(&img, bytes, size)) {
		free(bytes);
		fr_worker_stop(ms->worker);
		ms->worker = NULL;
		return false;
	}
	push_block(ms, bytes, &img);
	if (img.head->n_addrs)
		ms->fresh = true;
	return true;
}

/*
 * What is in the cache from symbol tables only may be poorer than what can be had now: a debug
 * package may have been installed since.
 */
static bool still_best(struct modsyms *ms, const struct image *cached)
{
	const char *a, *b;
	bool same;

	if (cached->head->best == FRAME_DWARF)
		return true;
	if (!ask(ms) || !receive(ms))
		return true;
	a = fr_image_string(cached, cached->head->source);
	b = fr_image_string(&ms->blocks[0].img, ms->blocks[0].img.head->source);
	same = cached->head->best >= ms->blocks[0].img.head->best && a && b && !strcmp(a, b);
	return same;
}

struct modsyms *fr_modsyms_open(const struct module_ref *m)
{
	struct modsyms *ms = fr_mem_alloc(sizeof(*ms));
	struct image img;
	void *cached;

	ms->ref = *m;
	cached = fr_cache_load(m->build_id, m->build_id_len, &img);
	if (cached && still_best(ms, &img))
		push_block(ms, cached, &img);
	else
		free(cached);
	return ms;
}

/* The newest answers come first: they stay where two blocks answer the same address. */
static void store(struct modsyms *ms)
{
	const struct image *newest = &ms->blocks[ms->n_blocks - 1].img;
	struct image_builder *b = fr_image_new();
	struct image_head h = *newest->head;
	void *bytes;
	size_t i, size = 0;

	if (!b)
		return;
	h.source = fr_image_intern(b, fr_image_string(newest, h.source));
	h.problem = fr_image_intern(b, fr_image_string(newest, h.problem));
	for (i = ms->n_blocks; i-- > 0;)
		fr_image_merge(b, &ms->blocks[i].img);
	bytes = fr_image_finish(b, &h, &size);
	if (bytes)
		fr_cache_store(ms->ref.build_id, ms->ref.build_id_len, bytes, size);
	free(bytes);
	fr_image_free(b);
}

void fr_modsyms_close(struct modsyms *ms)
{
	size_t i;

	if (!ms)
		return;
	fr_worker_stop(ms->worker);
	/* After a crash the answers are poorer than the file could give: not worth keeping. */
	if (ms->fresh && !ms->no_dwarf && ms->blocks[ms->n_blocks - 1].img.head->best)
		store(ms);
	for (i = 0; i < ms->n_blocks; i++)
		free(ms->blocks[i].bytes);
	free(ms->blocks);
	free(ms->wanted[0].v);
	free(ms->wanted[1].v);
	free(ms);
}

const struct image_addr *fr_modsyms_find(const struct modsyms *ms, enum image_kind kind,
					 uint64_t vaddr, const struct image **img)
{
	size_t i;

	for (i = ms->n_blocks; i-- > 0;) {
		const struct image_addr *a = fr_image_find(&ms->blocks[i].img, kind, vaddr);

		if (a) {
			*img = &ms->blocks[i].img;
			return a;
		}
	}
	return NULL;
}

void fr_modsyms_want(struct modsyms *ms, enum image_kind kind, uint64_t vaddr)
{
	struct wanted *w = &ms->wanted[kind];
	const struct image *img;

	if (ms->dead || fr_modsyms_find(ms, kind, vaddr, &img))
		return;
	w->v = fr_mem_grow(w->v, &w->cap, w->n + 1, sizeof(*w->v));
	w->v[w->n++] = vaddr;
}

static int compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static void sort_unique(struct wanted *w)
{
	size_t i, n = 0;

	if (w->n)
		qsort(w->v, w->n, sizeof(*w->v), compare);
	for (i = 0; i < w->n; i++)
		if (!n || w->v[n - 1] != w->v[i])
			w->v[n++] = w->v[i];
	w->n = n;
}

bool fr_modsyms_ask(struct modsyms *ms)
{
	if (ms->dead || (!ms->wanted[0].n && !ms->wanted[1].n))
		return false;
	sort_unique(&ms->wanted[0]);
	sort_unique(&ms->wanted[1]);
	/* A failure shows when receiving. */
	ask(ms);
	return true;
}

void fr_modsyms_receive(struct modsyms *ms)
{
	bool ok = receive(ms);

	if (!ok && !ms->no_dwarf) {
		ms->no_dwarf = true;
		ok = ask(ms) && receive(ms);
	}
	ms->dead = !ok;
	ms->wanted[0].n = 0;
	ms->wanted[1].n = 0;
}

void fr_modsyms_rest(struct modsyms *ms)
{
	fr_worker_stop(ms->worker);
	ms->worker = NULL;
}

void fr_modsyms_state(struct modsyms *ms, struct modsyms_state *out)
{
	const struct image *img;

	if (!ms->n_blocks && !ms->dead) {
		ask(ms);
		fr_modsyms_receive(ms);
	}
	*out = (struct modsyms_state){0};
	if (ms->n_blocks) {
		img = &ms->blocks[ms->n_blocks - 1].img;
		out->best = img->head->best;
		out->source = fr_image_string(img, img->head->source);
		out->problem = fr_image_string(img, img->head->problem);
	}
	if (ms->no_dwarf)
		out->problem = "reading its debug information crashed or took too long";
	if (ms->dead)
		out->problem = "reading its symbols crashed or took too long";
}
