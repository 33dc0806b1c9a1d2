/* SPDX-License-Identifier: MIT */
/*
 * waits.c - groups all waits by what they were for. Percentiles are exact.
 */
#include "exporters/waits.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/select.h"

/* A group is known by its text: kind and object as the user reads them. */
struct group {
	UT_hash_handle hh;
	char *key;
	struct wait_row row;
	uint64_t *durs;
	size_t cap;
	uint64_t worst_ns;
};

/* The group of each object, so that its text is made once. */
struct groups {
	struct group *all;
	struct group **by_lock[SPAN_KINDS];
	struct group **by_sock[SPAN_KINDS];
	struct group *other[SPAN_KINDS];
};

static struct group *intern(struct groups *gs, const char *kind, const char *what, bool idle)
{
	struct group *g;
	char *key;

	if (asprintf(&key, "%s %s", kind, what) < 0)
		return NULL;
	HASH_FIND_STR(gs->all, key, g);
	if (g) {
		free(key);
		return g;
	}
	g = fr_mem_alloc(sizeof(*g));
	g->key = key;
	g->row = (struct wait_row){.kind = kind, .what = what, .idle = idle};
	HASH_ADD_KEYPTR(hh, gs->all, g->key, strlen(g->key), g);
	return g;
}

static const char *lock_what(struct view *v, const struct span *s)
{
	const struct known *k = s->kind == SPAN_FUTEX ? fr_name_primitive(v->names, s) : NULL;
	uint32_t lock = s->object;

	if (k || v->m->locks[lock].futex)
		return fr_name_fmt(v->names, "%s %s", k ? k->words : fr_name_lock_kind(v->m, lock),
				   fr_name_lock(v->names, lock));
	return fr_name_lock_symbol(v->names, lock) ? fr_name_class(v->names, lock)
						   : fr_name_lock(v->names, lock);
}

static const char *sock_what(struct view *v, const struct span *s, bool *idle)
{
	const struct sock *k = &v->m->socks[s->object];
	const char *peer;

	*idle = s->kind == SPAN_ACCEPT || s->kind == SPAN_POLL;
	if (k->role == SOCK_ACCEPTED) {
		*idle |= s->kind == SPAN_RECV;
		if (k->listener == MODEL_NONE)
			return "clients";
		return fr_name_fmt(v->names, "clients of fd %d", v->m->socks[k->listener].fd);
	}
	peer = *idle ? NULL : fr_name_peer(v->names, s->object);
	return peer ? peer : fr_name_fd(v->names, s->object);
}

static struct group **slot(struct view *v, struct groups *gs, const struct span *s)
{
	struct group ***table;
	size_t n;

	if (s->object == MODEL_NONE || s->kind == SPAN_JOIN || s->kind == SPAN_OTHER)
		return &gs->other[s->kind];
	table = fr_span_is_sock(s) ? &gs->by_sock[s->kind] : &gs->by_lock[s->kind];
	n = fr_span_is_sock(s) ? v->m->n_socks : v->m->n_locks;
	if (!*table)
		*table = fr_mem_alloc((n + 1) * sizeof(**table));
	return &(*table)[s->object];
}

static struct group *group_of(struct view *v, struct groups *gs, const struct span *s)
{
	struct group **g = slot(v, gs, s);
	const char *what = "";
	bool idle = fr_span_is(s, 1u << SPAN_JOIN | 1u << SPAN_POLL | 1u << SPAN_ACCEPT |
					  1u << SPAN_SLEEP | 1u << SPAN_PROCESS);

	if (*g)
		return *g;
	idle |= fr_name_is_idle(v->names, s);
	if (g != &gs->other[s->kind])
		what = fr_span_is_sock(s) ? sock_what(v, s, &idle) : lock_what(v, s);
	else if (s->kind == SPAN_OTHER)
		what = fr_span_call(v->m, s);
	*g = intern(gs, fr_span_kind_name(s->kind), what, idle);
	return *g;
}

static void add(struct group *g, const struct span *s, uint64_t from_ns)
{
	uint64_t start = s->start_ns > from_ns ? s->start_ns : from_ns, ns = s->end_ns - start;

	g->durs = fr_mem_more(g->durs, &g->cap, g->row.count + 1, sizeof(*g->durs));
	g->durs[g->row.count++] = ns;
	g->row.total_ns += ns;
	if (ns >= g->worst_ns) {
		g->worst_ns = ns;
		g->row.worst = s->event;
	}
}

static void finish(struct group *g)
{
	struct wait_row *r = &g->row;

	r->p50_ns = fr_select(g->durs, r->count, (r->count - 1) / 2);
	if (r->count >= 100)
		r->p99_ns = fr_select(g->durs, r->count, (r->count * 99 + 99) / 100 - 1);
	r->max_ns = g->worst_ns;
}

static int by_total(const void *a, const void *b)
{
	const struct wait_row *x = a, *y = b;

	if (x->idle != y->idle)
		return x->idle ? 1 : -1;
	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	return strcmp(x->what, y->what);
}

static void free_tables(struct groups *gs)
{
	size_t i;

	for (i = 0; i < SPAN_KINDS; i++) {
		free(gs->by_lock[i]);
		free(gs->by_sock[i]);
	}
}

size_t fr_waits_top(struct view *v, uint64_t from_ns, struct wait_row **out)
{
	struct groups gs = {0};
	struct group *g, *tmp;
	size_t i, n = 0;

	for (i = 0; i < v->m->n_spans; i++) {
		const struct span *s = &v->m->spans[i];

		if (s->end_ns > from_ns && fr_span_ns(s))
			add(group_of(v, &gs, s), s, from_ns);
	}
	*out = fr_mem_alloc((HASH_COUNT(gs.all) + 1) * sizeof(**out));
	HASH_ITER(hh, gs.all, g, tmp)
	{
		if (g->row.count)
			finish(g);
		if (g->row.count)
			(*out)[n++] = g->row;
		HASH_DEL(gs.all, g);
		free(g->durs);
		free(g->key);
		free(g);
	}
	qsort(*out, n, sizeof(**out), by_total);
	free_tables(&gs);
	return n;
}
