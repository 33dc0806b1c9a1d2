/* SPDX-License-Identifier: MIT */
/*
 * flow.c - see flow.h: the writes, and which of them ended a wait.
 *
 * Each descriptor has the list of its waits, the latest first: a write is stamped at its end and
 * goes back over those that were there when it began. A damaged file may have writes that took for
 * ever, so each wait is tried only a number of times: then it leaves the lists, and nothing is said
 * of it.
 */
#include "model/flow.h"

#include <stdlib.h>

#include "base/search.h"

/* What may have ended a wait at one descriptor. */
struct found {
	struct write *first;
	uint32_t n;
	bool sure;
};

/*
 * More than the recorder lists in one net.poll. Where so many writes began before the end of a wait
 * and came back after it, those that are remembered do not tell which of them was first.
 */
#define ASKED_MOST 64u

static bool is_in(const struct write *w, const struct span *s)
{
	return w->began + CLOCK_SLACK_NS >= s->start_ns && w->began <= s->end_ns + CLOCK_SLACK_NS;
}

/* Began before the wait, and may have given something during it? Not if it has ended one before. */
static bool is_over(const struct write *w, const struct span *s)
{
	return w->began + CLOCK_SLACK_NS < s->start_ns && w->ended > s->start_ns &&
	       (!w->taken_ns || w->taken_ns > s->start_ns + CLOCK_SLACK_NS);
}

static struct flow *flow_of(struct build *b, uint32_t sock)
{
	uint32_t i = b->m->socks[fr_sock_first(b, sock)].flow;

	return i ? &b->flows[i - 1] : NULL;
}

/* Two threads that write at once: which came first is not known. */
static bool at_once(const struct write *a, const struct write *b)
{
	return a != b && a->thread != b->thread && b->began < a->ended;
}

static struct found find_write(struct build *b, uint32_t sock, const struct span *s)
{
	struct flow *f = flow_of(b, sock);
	uint32_t i, n = f ? (f->n < FLOW_WRITES ? f->n : FLOW_WRITES) : 0;
	struct found out = {.sure = f &&
				    (!f->lost_ns || f->lost_ns + CLOCK_SLACK_NS < s->start_ns)};

	for (i = 0; i < n; i++) {
		if (is_over(&f->w[i], s))
			out.sure = false;
		if (!is_in(&f->w[i], s))
			continue;
		out.n++;
		if (!out.first || f->w[i].began < out.first->began)
			out.first = &f->w[i];
	}
	for (i = 0; i < n; i++)
		if (is_in(&f->w[i], s) && at_once(out.first, &f->w[i]))
			out.sure = false;
	if (!out.first || out.first->is_end || (out.n > 1 && (f->shared || s->flags & SPAN_WHOLE)))
		out.sure = false;
	return out;
}

/* The first of all that were ready; each must have become so in a way that is known. */
static struct found find_first_write(struct build *b, const struct polled *p, const struct span *s)
{
	struct found out = {.sure = p->n > 0};
	uint32_t i;

	for (i = 0; i < p->n && out.sure; i++) {
		struct found one = find_write(b, b->ready[p->first + i], s);

		out.sure = one.sure;
		if (!one.sure)
			break;
		if (!out.first || one.first->began < out.first->began) {
			out.sure = !out.first || !at_once(one.first, out.first);
			out.first = one.first;
		} else {
			out.sure = !at_once(out.first, one.first);
		}
	}
	return out;
}

static bool is_before(const void *polled, const void *span)
{
	return ((const struct polled *)polled)->span < *(const uint32_t *)span;
}

/* S as a wait for several descriptors; NULL = it was none. */
static const struct polled *polled_by(const struct build *b, const struct span *s)
{
	uint32_t span = (uint32_t)(s - b->m->spans);
	size_t i = fr_search(b->polled, b->n_polled, sizeof(*b->polled), is_before, &span);

	return i < b->n_polled && b->polled[i].span == span ? &b->polled[i] : NULL;
}

static void resolve(struct build *b, struct span *s)
{
	const struct polled *p;
	struct found f;

	s->waker = MODEL_NONE;
	s->waker_event = 0;
	if (s->flags & SPAN_FAILED || s->start_ns < b->m->sure_ns || s->asked > ASKED_MOST)
		return;
	p = s->kind == SPAN_POLL ? polled_by(b, s) : NULL;
	if (!p && !(s->flags & SPAN_DATA))
		return;
	f = p ? find_first_write(b, p, s) : find_write(b, s->object, s);
	if (!f.sure || f.first->thread == s->thread)
		return;
	f.first->taken_ns = s->end_ns;
	s->waker = f.first->thread;
	s->waker_event = f.first->event;
}

/* What came to SOCK at FROM_NS or later may have been otherwise than it seemed. */
static void again(struct build *b, uint32_t sock, uint64_t from_ns)
{
	uint32_t *at = &b->m->socks[sock].waits;

	while (*at) {
		struct wait_at *w = &b->waits[*at - 1];
		struct span *s = &b->m->spans[w->span];

		if (s->end_ns + CLOCK_SLACK_NS < from_ns)
			break;
		s->asked += s->asked <= ASKED_MOST;
		resolve(b, s);
		if (s->asked > ASKED_MOST)
			*at = w->before;
		else
			at = &w->before;
	}
}

/* S is one of the waits for data at SOCK, and the latest. */
static void list(struct build *b, uint32_t sock, const struct span *s)
{
	uint32_t *last = &b->m->socks[fr_sock_first(b, sock)].waits;
	uint32_t span = (uint32_t)(s - b->m->spans);

	if (*last && b->waits[*last - 1].span == span)
		return;
	b->waits = fr_mem_grow(b->waits, &b->cap_waits, b->n_waits + 1, sizeof(*b->waits));
	b->waits[b->n_waits++] = (struct wait_at){span, *last};
	*last = (uint32_t)b->n_waits;
}

static void waits_here(struct build *b, uint32_t sock, const struct span *s)
{
	struct flow *f = flow_of(b, sock);

	list(b, sock, s);
	if (!f || f->shared || f->reader == s->thread)
		return;
	f->shared = f->reader != MODEL_NONE;
	f->reader = s->thread;
	if (f->shared) /* what was said of the other reader meanwhile */
		again(b, fr_sock_first(b, sock), s->start_ns);
}

void fr_flow_woken(struct build *b, struct span *s)
{
	const struct polled *p = s->kind == SPAN_POLL ? polled_by(b, s) : NULL;
	uint32_t i;

	if (s->flags & SPAN_DATA && s->object != MODEL_NONE)
		waits_here(b, s->object, s);
	for (i = 0; p && i < p->n; i++)
		waits_here(b, b->ready[p->first + i], s);
	if (p || s->object != MODEL_NONE)
		resolve(b, s);
}

static struct flow *flow_need(struct build *b, uint32_t sock)
{
	uint32_t *at = &b->m->socks[sock].flow, i = b->free_flow;

	if (*at)
		return &b->flows[*at - 1];
	if (i) {
		b->free_flow = b->flows[i - 1].next_free;
	} else {
		b->flows = fr_mem_grow(b->flows, &b->cap_flows, b->n_flows + 1, sizeof(*b->flows));
		i = (uint32_t)++b->n_flows;
	}
	b->flows[i - 1] = (struct flow){.reader = MODEL_NONE};
	*at = i;
	return &b->flows[i - 1];
}

void fr_flow_put(struct build *b, uint32_t reader, const struct write *w)
{
	struct write *at;
	struct flow *f;

	if (!fr_sock_alive(b, reader) && !b->m->socks[reader].flow)
		return;
	f = flow_need(b, reader);
	at = &f->w[f->n % FLOW_WRITES];
	if (f->n++ >= FLOW_WRITES && at->began > f->lost_ns)
		f->lost_ns = at->began;
	*at = *w;
	again(b, reader, w->began);
}

void fr_flow_end(struct build *b, uint32_t sock, uint64_t ns)
{
	uint32_t reader = b->m->socks[fr_sock_first(b, sock)].other_end;

	if (reader != MODEL_NONE)
		fr_flow_put(b, reader, &(struct write){ns, ns, 0, 0, MODEL_NONE, true});
}

static void drop(struct build *b, uint32_t sock)
{
	uint32_t *at = &b->m->socks[sock].flow;

	if (!*at)
		return;
	b->flows[*at - 1].next_free = b->free_flow;
	b->free_flow = *at;
	*at = 0;
}

void fr_flow_retire(struct build *b, uint32_t sock)
{
	uint32_t *at = &b->retired[b->n_retired % FLOWS_RETIRED];

	if (!b->m->socks[sock].flow)
		return;
	if (b->n_retired++ >= FLOWS_RETIRED)
		drop(b, *at);
	*at = sock;
}

void fr_flow_unwake(struct build *b, uint32_t sock, uint64_t from_ns)
{
	drop(b, sock);
	again(b, sock, from_ns);
}

/* At a lower level not every send was there to be seen. */
static void nobody_yet(struct build *b)
{
	for (; b->n_doubted < b->m->n_spans; b->n_doubted++) {
		struct span *s = &b->m->spans[b->n_doubted];

		if (s->kind != SPAN_RECV && s->kind != SPAN_POLL)
			continue;
		s->asked = ASKED_MOST + 1;
		resolve(b, s);
	}
}

void fr_flow_level(struct build *b, const struct event *e)
{
	if (e->arg[FR_A(LEVEL, class)] != FR_CLASS_NET)
		return;
	b->net_full = e->arg[FR_A(LEVEL, level)] == FR_LEVEL_FULL;
	if (e->arg[FR_A(LEVEL, before)] != FR_LEVEL_FULL)
		nobody_yet(b);
}
