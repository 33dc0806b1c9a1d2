/* SPDX-License-Identifier: MIT */
/*
 * ready.c - which descriptors a poll, select or epoll_wait answered with.
 *
 * An epoll answers with numbers of the program's own; net.watch says what they stand for. One that
 * is ready to write says nothing of who read at the other end: such a wait has no waker.
 */
#include <string.h>

#include "model/flow.h"

#define EPOLL_DEL 2
#define EPOLL_ET (1u << 31)

struct answer {
	uint64_t number;
	bool in, out;
};

/* One of "5r,7rw,9h" at *P. */
static bool next(const uint8_t **p, const uint8_t *end, struct answer *a)
{
	const uint8_t *q = *p;

	*a = (struct answer){0};
	while (q < end && *q >= '0' && *q <= '9')
		a->number = a->number * 10 + (*q++ - '0');
	if (q == *p)
		return false;
	for (; q < end && *q != ','; q++) {
		a->in |= *q == 'r' || *q == 'h';
		a->out |= *q == 'w' || *q == 'x';
	}
	*p = q < end ? q + 1 : q;
	return true;
}

static uint64_t watch_key(uint32_t epoll, uint64_t data)
{
	uint64_t key = data ^ ((uint64_t)epoll + 1) * 0x9E3779B97F4A7C15ull;

	return key ? key : 1;
}

static struct watch *watch_of(const struct build *b, uint32_t epoll, uint64_t data)
{
	const struct map_slot *s = b->watch_by_key.slots
					   ? fr_map_find(&b->watch_by_key, watch_key(epoll, data))
					   : NULL;
	struct watch *w = s && s->key ? &b->watches[s->value] : NULL;

	return w && w->epoll == epoll && w->data == data ? w : NULL;
}

static struct watch *watch_new(struct build *b, uint32_t epoll, uint64_t data)
{
	bool is_new;
	uint32_t *at = fr_map_slot(&b->watch_by_key, watch_key(epoll, data), &is_new);

	if (is_new) {
		b->watches = fr_mem_grow(b->watches, &b->cap_watches, b->n_watches + 1,
					 sizeof(*b->watches));
		*at = (uint32_t)b->n_watches++;
	}
	b->watches[*at] = (struct watch){data, epoll, MODEL_NONE, false};
	return &b->watches[*at];
}

void fr_ready_watch(struct build *b, const struct event *e)
{
	uint32_t epoll = fr_build_sock(b, (int64_t)e->arg[FR_A(NET_WATCH, epoll)]);
	uint32_t sock = fr_build_sock(b, (int64_t)e->arg[FR_A(NET_WATCH, fd)]), *last;
	struct watch *w;

	if (e->arg[FR_A(NET_WATCH, err)] || epoll == MODEL_NONE || sock == MODEL_NONE)
		return;
	last = &b->m->socks[sock].watch;
	if (*last && b->watches[*last - 1].epoll == epoll && b->watches[*last - 1].sock == sock)
		b->watches[*last - 1].sock = MODEL_NONE;
	if (e->arg[FR_A(NET_WATCH, op)] == EPOLL_DEL)
		return;
	w = watch_of(b, epoll, e->arg[FR_A(NET_WATCH, data)]);
	if (!w)
		w = watch_new(b, epoll, e->arg[FR_A(NET_WATCH, data)]);
	if (w->sock == WATCH_SEVERAL || (fr_sock_open(b, w->sock) && w->sock != sock))
		w->sock = WATCH_SEVERAL;
	else
		w->sock = sock;
	w->edge = e->arg[FR_A(NET_WATCH, events)] & EPOLL_ET;
	*last = (uint32_t)(w - b->watches) + 1;
}

/* The descriptor of an answer for input, or MODEL_NONE. Edge-triggered ones tell both ways. */
static uint32_t sock_of(struct build *b, const struct answer *a, uint32_t epoll)
{
	const struct watch *w;
	uint32_t sock;

	if (epoll == MODEL_NONE) {
		sock = a->in && !a->out ? fr_build_sock(b, (int64_t)a->number) : MODEL_NONE;
		return sock == MODEL_NONE ? MODEL_NONE : fr_sock_first(b, sock);
	}
	w = watch_of(b, epoll, a->number);
	if (!w || !fr_sock_open(b, w->sock) || !a->in || (a->out && !w->edge))
		return MODEL_NONE;
	return fr_sock_first(b, w->sock);
}

static void keep(struct build *b, uint32_t sock)
{
	b->ready = fr_mem_grow(b->ready, &b->cap_ready, b->n_ready + 1, sizeof(*b->ready));
	b->ready[b->n_ready++] = sock;
}

/* All that were ready, or none if one of them is not known. */
static uint32_t list(struct build *b, const struct event *e, uint32_t epoll)
{
	const uint8_t *p = e->blob, *end = p ? p + e->arg[FR_A(NET_POLL, ready)] : NULL;
	size_t first = b->n_ready;
	struct answer a;

	while (p && next(&p, end, &a)) {
		uint32_t sock = sock_of(b, &a, epoll);

		if (sock == MODEL_NONE) {
			b->n_ready = first;
			return 0;
		}
		keep(b, sock);
	}
	if (b->n_ready - first != e->arg[FR_A(NET_POLL, result)])
		b->n_ready = first;
	return (uint32_t)(b->n_ready - first);
}

void fr_ready_polled(struct build *b, const struct span *s, const struct event *e)
{
	const char *call = fr_recording_call(b->rec, (uint32_t)e->arg[FR_A(NET_POLL, via)]);
	bool is_epoll = !strncmp(call, "epoll", 5);
	uint32_t first = (uint32_t)b->n_ready, n;
	uint32_t epoll =
		is_epoll ? fr_build_sock(b, (int64_t)e->arg[FR_A(NET_POLL, fd)]) : MODEL_NONE;

	if ((int64_t)e->arg[FR_A(NET_POLL, result)] <= 0 || (is_epoll && epoll == MODEL_NONE))
		return;
	n = list(b, e, epoll);
	if (!n)
		return;
	b->polled = fr_mem_grow(b->polled, &b->cap_polled, b->n_polled + 1, sizeof(*b->polled));
	b->polled[b->n_polled++] = (struct polled){(uint32_t)(s - b->m->spans), first, n};
	if (n == 1 && b->m->socks[b->ready[first]].role == SOCK_LISTENER)
		b->m->socks[b->ready[first]].polled = (uint32_t)(s - b->m->spans) + 1;
}
