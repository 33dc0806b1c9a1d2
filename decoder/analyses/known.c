/* SPDX-License-Identifier: MIT */
/*
 * known.c - see known.h. The model has no names, so it is made twice where futexes are locks:
 * first as it is, then with what the stacks of its waits say. Of an address that has been two
 * things, as memory is used again, and as threads have one futex for all they wait for, nothing
 * follows for who has the lock.
 */
#include "analyses/known.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define KNOWN(function, outer, WHAT, words) {function, outer, KNOWN_##WHAT, words},
static const struct known rows[] = {
#include "analyses/known.def"
};
#undef KNOWN
#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS < UINT8_MAX, "lock.known has the number of a row");

#define DEPTH 16 /* frames looked at: the library's own come first */
#define OUTER 5

/* What a frame is asked as: see known.def. */
static const char *text_of(const struct frame *f, char *buf, size_t size)
{
	if (f->fn)
		return f->fn;
	snprintf(buf, size, "%s+", f->mod ? f->mod : "");
	return buf;
}

static bool has_outer(const struct known *k, const struct frame *f, size_t n)
{
	if (!k->outer[0])
		return true;
	for (size_t i = 0; i < n && i < OUTER; i++) {
		if (f[i].fn && !fnmatch(k->outer, f[i].fn, 0))
			return true;
	}
	return false;
}

const struct known *fr_known_stack(struct symbols *sy, uint32_t stack)
{
	const struct frame *f;
	size_t n = stack ? fr_symbols_stack(sy, stack, &f) : 0;
	char buf[64];

	for (size_t i = 0; i < n && i < DEPTH; i++) {
		const char *text = text_of(&f[i], buf, sizeof(buf));

		for (size_t k = 0; k < ROWS; k++) {
			if (!fnmatch(rows[k].function, text, 0) &&
			    has_outer(&rows[k], f + i + 1, n - i - 1))
				return &rows[k];
		}
	}
	return NULL;
}

const char *fr_known_words(uint8_t number)
{
	return number && number <= ROWS ? rows[number - 1].words : NULL;
}

bool fr_known_is_parked(uint8_t number)
{
	return number && number <= ROWS && rows[number - 1].what == KNOWN_PARKED;
}

/* ---- futexes by address ---------------------------------------------------------------------- */

struct gathered {
	struct futexes f;
	size_t cap, cap_work;
	struct map by_addr;
};

static void merge(struct futex_known *f, enum futex_kind kind, uint8_t known)
{
	if (kind && !f->kind)
		f->known = known;
	if (f->kind != kind)
		f->kind = FUTEX_SHARED;
}

static void add(struct gathered *g, uint64_t addr, const struct known *k)
{
	static const enum futex_kind kinds[] = {
		[KNOWN_WORK] = FUTEX_UNKNOWN,
		[KNOWN_SHARED] = FUTEX_SHARED,
		[KNOWN_PARKED] = FUTEX_SHARED,
		[KNOWN_EXCLUSIVE] = FUTEX_EXCLUSIVE,
	};
	enum futex_kind kind = kinds[k->what];
	uint8_t known = (uint8_t)(k - rows + 1);
	bool is_new;
	uint32_t *at = fr_map_slot(&g->by_addr, addr, &is_new);

	if (!is_new) {
		merge(&g->f.locks[*at], kind, known);
		return;
	}
	*at = (uint32_t)g->f.n_locks;
	g->f.locks = fr_mem_grow(g->f.locks, &g->cap, g->f.n_locks + 1, sizeof(*g->f.locks));
	g->f.locks[g->f.n_locks++] = (struct futex_known){addr, (uint8_t)kind, known};
}

static void add_work(struct gathered *g, uint32_t stack)
{
	g->f.work = fr_mem_grow(g->f.work, &g->cap_work, g->f.n_work + 1, sizeof(*g->f.work));
	g->f.work[g->f.n_work++] = stack;
}

static size_t stacks_of(const struct model *m, uint32_t **out)
{
	uint32_t *ids = NULL;
	size_t n = 0, cap = 0;
	struct map seen = {0};
	bool is_new;

	for (size_t i = 0; i < m->n_spans; i++) {
		const struct span *s = &m->spans[i];

		if (s->kind != SPAN_FUTEX || !s->stack)
			continue;
		fr_map_slot(&seen, s->stack, &is_new);
		if (!is_new)
			continue;
		ids = fr_mem_grow(ids, &cap, n + 1, sizeof(*ids));
		ids[n++] = s->stack;
	}
	fr_map_free(&seen);
	*out = ids;
	return n;
}

/* One look at each stack, then one at each wait. */
static void gather(const struct model *m, struct symbols *sy, struct gathered *g)
{
	uint32_t *ids;
	size_t n = stacks_of(m, &ids);
	struct map row_of = {0}; /* by stack: number of the row */
	bool is_new;

	if (!n)
		return;
	fr_symbols_prefetch(sy, ids, n);
	for (size_t i = 0; i < n; i++) {
		const struct known *k = fr_known_stack(sy, ids[i]);

		*fr_map_slot(&row_of, ids[i], &is_new) = k ? (uint32_t)(k - rows + 1) : 0;
		if (k && k->what == KNOWN_WORK)
			add_work(g, ids[i]);
	}
	for (size_t i = 0; i < m->n_spans; i++) {
		const struct span *s = &m->spans[i];
		uint32_t row;

		if (s->kind != SPAN_FUTEX || !s->stack || s->object == MODEL_NONE)
			continue;
		row = *fr_map_slot(&row_of, s->stack, &is_new);
		if (row) /* else it says nothing: the stack may be cut, or without names */
			add(g, m->locks[s->object].addr, &rows[row - 1]);
	}
	fr_map_free(&row_of);
	free(ids);
}

static void only_locks(struct futexes *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_locks; i++) {
		if (f->locks[i].kind)
			f->locks[n++] = f->locks[i];
	}
	f->n_locks = n;
}

struct model *fr_known_model(const struct recording *rec, struct symbols *sy, struct diag *d)
{
	struct model *m = fr_model_build(rec, d);
	struct gathered g = {0};

	gather(m, sy, &g);
	only_locks(&g.f);
	if (g.f.n_locks) {
		fr_model_free(m);
		m = fr_model_build_knowing(rec, &g.f, d);
	}
	fr_map_free(&g.by_addr);
	free(g.f.locks);
	free(g.f.work);
	return m;
}
