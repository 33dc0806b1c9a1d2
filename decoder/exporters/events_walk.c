/* SPDX-License-Identifier: MIT */
/*
 * events_walk.c - the two passes of every command that prints events: which stacks, then the
 * events themselves.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "exporters/event_print.h"

#define FLUSH ((size_t)64 << 10)

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

/* The next event that the user wants to see; *LEFT counts down -n. LABELS (or NULL) sees all. */
static bool next(struct stream *s, const struct filter *f, struct labels *labels, uint64_t *left,
		 struct event *e)
{
	if (!*left)
		return false;
	while (fr_stream_next(s, e)) {
		if (labels)
			fr_labels_feed(labels, e);
		if (fr_filter_event(f, e)) {
			--*left;
			return true;
		}
	}
	return false;
}

static uint64_t limit(const struct call *c)
{
	return c->opt->limit ? c->opt->limit : UINT64_MAX;
}

static void prefetch(struct call *c, struct event_print *p, const struct filter *f)
{
	struct wanted w = {.n_ids = c->rec->sec[FR_SEC_DEPOT].size / 8};
	struct stream *s = fr_stream_open(c->rec);
	uint64_t left = limit(c);
	struct event e;

	w.seen = fr_mem_alloc(w.n_ids / 8 + 1);
	while (next(s, f, NULL, &left, &e))
		want_event(&w, c->rec, &e);
	fr_stream_close(s);
	fr_symbols_prefetch(p->sy, w.ids, w.n);
	free(w.seen);
	free(w.ids);
}

int fr_events_walk(struct call *c, struct event_print *p, struct sbuf *b,
		   void (*print)(struct event_print *p, struct sbuf *b, const struct event *e))
{
	struct filter *f = fr_filter_open(c->rec, c->opt, c->diag);
	uint64_t left = limit(c);
	struct stream *s;
	struct event e;

	if (!f)
		return FR_EXIT_ERROR;
	prefetch(c, p, f);
	s = fr_stream_open(c->rec);
	while (!ferror(c->out) && next(s, f, p->labels, &left, &e)) {
		print(p, b, &e);
		if (b->n >= FLUSH) {
			fwrite(b->s, 1, b->n, c->out);
			fr_sbuf_reset(b);
		}
	}
	fwrite(fr_sbuf_cstr(b), 1, b->n, c->out);
	fr_sbuf_reset(b);
	fr_stream_close(s);
	fr_filter_close(f);
	return FR_EXIT_OK;
}
