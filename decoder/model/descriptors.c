/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - the lives of descriptors that are no sockets, copies of any, and what is
 * written where somebody in this process reads. Sockets and the table of lives: sockets.c.
 */
#include "model/flow.h"

static void begin(struct build *b, int64_t fd, uint64_t ns, uint64_t kind)
{
	uint32_t i = fd < 0 ? MODEL_NONE : fr_build_sock_new(b, fd, ns);

	if (i != MODEL_NONE && kind > FR_FD_LISTENER && kind <= FR_FD_OTHER)
		b->m->socks[i].kind = (uint8_t)kind;
}

static void opened(struct build *b, const struct event *e)
{
	uint32_t i;

	begin(b, (int64_t)e->arg[FR_A(FD_OPEN, fd)], e->t_ns, 0);
	i = fr_build_sock(b, (int64_t)e->arg[FR_A(FD_OPEN, fd)]);
	if (i == MODEL_NONE || !e->blob)
		return;
	b->m->socks[i].path = e->blob;
	b->m->socks[i].path_len = (uint32_t)e->arg[FR_A(FD_OPEN, path)];
}

static void pair(struct build *b, const struct event *e)
{
	uint32_t i, k;

	begin(b, (int64_t)e->arg[FR_A(FD_PAIR, fd)], e->t_ns, e->arg[FR_A(FD_PAIR, kind)]);
	begin(b, (int64_t)e->arg[FR_A(FD_PAIR, fd2)], e->t_ns, e->arg[FR_A(FD_PAIR, kind)]);
	i = fr_build_sock(b, (int64_t)e->arg[FR_A(FD_PAIR, fd)]);
	k = fr_build_sock(b, (int64_t)e->arg[FR_A(FD_PAIR, fd2)]);
	if (e->arg[FR_A(FD_PAIR, err)] || i == MODEL_NONE || k == MODEL_NONE)
		return;
	b->m->socks[i].other_end = k;
	b->m->socks[k].other_end = i;
}

/* A copy is the same object with another number: it keeps what is known of the first. */
static void copy(struct build *b, const struct event *e)
{
	uint32_t from, to;
	struct sock *s;

	if (e->arg[FR_A(FD_DUP, err)] || (int64_t)e->arg[FR_A(FD_DUP, fd)] < 0 ||
	    e->arg[FR_A(FD_DUP, old)] == e->arg[FR_A(FD_DUP, fd)])
		return;
	from = fr_build_sock(b, (int64_t)e->arg[FR_A(FD_DUP, old)]);
	to = fr_build_sock_new(b, (int64_t)e->arg[FR_A(FD_DUP, fd)], e->t_ns);
	if (from == MODEL_NONE || to == MODEL_NONE)
		return;
	s = &b->m->socks[to];
	s->peer = b->m->socks[from].peer;
	s->peer_len = b->m->socks[from].peer_len;
	s->listener = b->m->socks[from].listener;
	s->role = b->m->socks[from].role;
	s->kind = b->m->socks[from].kind;
	s->path = b->m->socks[from].path;
	s->path_len = b->m->socks[from].path_len;
	s->path_cut = b->m->socks[from].path_cut;
	s->same = b->m->socks[from].same;
	b->m->socks[s->same].copies++;
}

static void received(struct build *b, const struct event *e)
{
	uint32_t i;

	begin(b, (int64_t)e->arg[FR_A(FD_RECEIVED, fd)], e->t_ns, e->arg[FR_A(FD_RECEIVED, kind)]);
	i = fr_build_sock(b, (int64_t)e->arg[FR_A(FD_RECEIVED, fd)]);
	if (i != MODEL_NONE)
		fr_build_sock_peer(b, &b->m->socks[i], e->blob, e->arg[FR_A(FD_RECEIVED, peer)]);
}

/* Somebody who waits for data at the other end has what E wrote: E began to give it at its start.
 */
void fr_build_wrote(struct build *b, const struct event *e, uint32_t sock)
{
	uint32_t first = fr_sock_first(b, sock), reader = b->m->socks[first].other_end;
	uint64_t dur = e->arg[FR_A(IO_WRITE, dur)];
	uint64_t began = e->t_ns - (dur < e->t_ns ? dur : e->t_ns);

	if (e->kind == FR_EV_NET_SEND && !b->net_full)
		return;
	if (reader == MODEL_NONE &&
	    (b->m->socks[sock].kind == FR_FD_PIPE || b->m->socks[sock].kind == FR_FD_EVENTFD))
		reader = first;
	/* a file or a connection to another process has no reader here */
	if (reader != MODEL_NONE)
		fr_flow_put(b, reader, &(struct write){began, e->t_ns, e->id, 0, e->thread, false});
}

static void transferred(struct build *b, const struct event *e)
{
	uint32_t i = fr_build_sock(b, (int64_t)e->arg[FR_A(IO_READ, fd)]);
	struct sock *s = i == MODEL_NONE ? NULL : &b->m->socks[i];

	if (!s)
		return;
	if (e->arg[FR_A(IO_READ, kind)] > FR_FD_LISTENER &&
	    e->arg[FR_A(IO_READ, kind)] <= FR_FD_OTHER)
		s->kind = (uint8_t)e->arg[FR_A(IO_READ, kind)];
	s->calls++;
	if ((int64_t)e->arg[FR_A(IO_READ, result)] <= 0)
		return;
	if (e->kind == FR_EV_IO_READ) {
		s->received += e->arg[FR_A(IO_READ, result)];
		return;
	}
	s->sent += e->arg[FR_A(IO_READ, result)];
	fr_build_wrote(b, e, i);
}

void fr_build_fd(struct build *b, const struct event *e)
{
	switch (e->kind) {
	case FR_EV_FD_OPEN:
		opened(b, e);
		break;
	case FR_EV_FD_MAKE:
		begin(b, (int64_t)e->arg[FR_A(FD_MAKE, fd)], e->t_ns, e->arg[FR_A(FD_MAKE, kind)]);
		break;
	case FR_EV_FD_PAIR:
		pair(b, e);
		break;
	case FR_EV_FD_DUP:
		copy(b, e);
		break;
	case FR_EV_FD_RECEIVED:
		received(b, e);
		break;
	case FR_EV_FD_CLOSE:
		fr_build_sock_over(b, (int64_t)e->arg[FR_A(FD_CLOSE, fd)], e->t_ns);
		break;
	default:
		transferred(b, e);
	}
}
