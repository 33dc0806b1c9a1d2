/* SPDX-License-Identifier: MIT */
/*
 * events_walk.c - the two passes of every command that prints events: which stacks, then the
 * events themselves.
 */
#include <stdlib.h>

#include "analyses/known.h"
#include "base/mem.h"
#include "exporters/event_print.h"

#define FLUSH ((size_t)64 << 10)
#define BATCH 128 /* events */

struct wanted {
	uint8_t *seen; /* a bit for each stack id of the depot */
	uint64_t n_ids;
	uint32_t *ids;
	size_t n;
	size_t cap;
};

static void want(struct wanted *w, uint64_t id)
{
	if (!id || id >= w->n_ids || w->seen[id / 8] >> (id % 8) & 1)
		return;
	w->seen[id / 8] |= (uint8_t)(1u << (id % 8));
	w->ids = fr_mem_grow(w->ids, &w->cap, w->n + 1, sizeof(*w->ids));
	w->ids[w->n++] = (uint32_t)id;
}

static void want_event(struct wanted *w, const struct recording *rec, const struct event *e)
{
	const struct fr_event_rec *row = fr_event_schema(rec, e->kind);

	want(w, e->stack);
	for (unsigned int i = 0; i < e->n_args; i++)
		if (row->type[i] == FR_ARG_STACK)
			want(w, e->arg[i]);
}

/* The stream in batches, and what the user wants of it. */
struct walk {
	struct stream *stream;
	const struct filter *filter;
	uint64_t left; /* of -n */
	size_t at;
	size_t n;
	struct event batch[BATCH];
};

static void walk_open(struct walk *w, const struct call *c, const struct filter *f)
{
	w->stream = fr_stream_open(c->rec);
	w->filter = f;
	w->left = c->opt->limit ? c->opt->limit : UINT64_MAX;
	w->at = w->n = 0;
}

/* The next event that the user wants to see; NULL = no more. LABELS (or NULL) sees all. */
static const struct event *walk_next(struct walk *w, struct labels *labels)
{
	const struct event *e;

	while (w->left) {
		if (w->at == w->n) {
			w->at = 0;
			w->n = fr_stream_fill(w->stream, w->batch, BATCH);
			if (!w->n)
				return NULL;
		}
		e = &w->batch[w->at++];
		if (labels)
			fr_labels_feed(labels, e);
		if (fr_filter_event(w->filter, e)) {
			w->left--;
			return e;
		}
	}
	return NULL;
}

static void prefetch(struct call *c, struct event_print *p, struct walk *walk,
		     const struct filter *f)
{
	struct wanted w = {.n_ids = c->rec->sec[FR_SEC_DEPOT].size / 8};
	const struct event *e;

	w.seen = fr_mem_alloc(w.n_ids / 8 + 1);
	walk_open(walk, c, f);
	while ((e = walk_next(walk, NULL)))
		want_event(&w, c->rec, e);
	fr_stream_close(walk->stream);
	fr_symbols_prefetch(p->sy, w.ids, w.n);
	free(w.seen);
	free(w.ids);
}

/* Only the model knows who ended a wait; it takes a pass of its own over all events. */
static bool wakers_wanted(const struct filter *f)
{
	for (unsigned int kind = 0; kind <= FR_EV_MAX; kind++)
		if (fr_filter_kind(f, kind) && fr_model_has_waker(kind))
			return true;
	return false;
}

int fr_events_walk(struct call *c, struct event_print *p, struct sbuf *b,
		   void (*print)(struct event_print *p, struct sbuf *b, const struct event *e))
{
	struct filter *f = fr_filter_open(c->rec, c->opt, c->diag);
	const struct event *e;
	struct walk walk;

	if (!f)
		return FR_EXIT_ERROR;
	if (wakers_wanted(f))
		p->model = fr_known_model(c->rec, p->sy, c->diag);
	prefetch(c, p, &walk, f);
	walk_open(&walk, c, f);
	while ((e = walk_next(&walk, p->labels))) {
		print(p, b, e);
		if (b->n < FLUSH)
			continue;
		fwrite(b->s, 1, b->n, c->out);
		fr_sbuf_reset(b);
		if (ferror(c->out))
			break;
	}
	fwrite(fr_sbuf_cstr(b), 1, b->n, c->out);
	fr_sbuf_reset(b);
	fr_stream_close(walk.stream);
	fr_filter_close(f);
	return FR_EXIT_OK;
}
