/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - the lives of descriptors that are no sockets, copies of any, and who woke whom
 * through a pipe or an eventfd. Sockets and the table of lives: sockets.c.
 */
#include "model/build.h"

static void begin(struct build *b, int64_t fd, uint64_t ns, uint64_t kind)
{
	uint32_t i = fd < 0 ? MODEL_NONE : fr_build_sock_new(b, fd, ns);

	if (i != MODEL_NONE && kind > FR_FD_LISTENER && kind <= FR_FD_OTHER)
		b->m->socks[i].kind = (uint8_t)kind;
}

static void pair(struct build *b, const struct event *e)
{
	uint32_t i, k;

	begin(b, (int64_t)e->arg[0], e->t_ns, e->arg[2]);
	begin(b, (int64_t)e->arg[1], e->t_ns, e->arg[2]);
	i = fr_build_sock(b, (int64_t)e->arg[0]);
	k = fr_build_sock(b, (int64_t)e->arg[1]);
	if (e->arg[3] || i == MODEL_NONE || k == MODEL_NONE)
		return;
	b->m->socks[i].other_end = k;
	b->m->socks[k].other_end = i;
}

/* A copy is the same object with another number: it keeps what is known of the first. */
static void copy(struct build *b, const struct event *e)
{
	uint32_t from, to;
	struct sock *s;

	if (e->arg[3] || (int64_t)e->arg[1] < 0 || e->arg[0] == e->arg[1])
		return;
	from = fr_build_sock(b, (int64_t)e->arg[0]);
	to = fr_build_sock_new(b, (int64_t)e->arg[1], e->t_ns);
	if (from == MODEL_NONE || to == MODEL_NONE)
		return;
	s = &b->m->socks[to];
	s->peer = b->m->socks[from].peer;
	s->peer_len = b->m->socks[from].peer_len;
	s->listener = b->m->socks[from].listener;
	s->role = b->m->socks[from].role;
	s->kind = b->m->socks[from].kind;
	s->other_end = b->m->socks[from].other_end;
}

static void received(struct build *b, const struct event *e)
{
	uint32_t i;

	begin(b, (int64_t)e->arg[0], e->t_ns, e->arg[1]);
	i = fr_build_sock(b, (int64_t)e->arg[0]);
	if (i != MODEL_NONE)
		fr_build_sock_peer(b, &b->m->socks[i], e->blob, e->arg[2]);
}

/* The writer may have come back later than whom it woke: its event is then the later one. */
static void woke_earlier(struct build *b, uint32_t sock, uint32_t writer, uint64_t from_ns)
{
	size_t i;

	for (i = b->m->n_spans; i-- > 0;) {
		struct span *s = &b->m->spans[i];

		if (s->end_ns + CLOCK_SLACK_NS < from_ns)
			break;
		if (s->kind == SPAN_FILE && s->object == sock && s->thread != writer &&
		    s->waker == MODEL_NONE)
			s->waker = writer;
	}
}

static void transferred(struct build *b, const struct event *e)
{
	uint32_t i = fr_build_sock(b, (int64_t)e->arg[0]);
	struct sock *s = i == MODEL_NONE ? NULL : &b->m->socks[i];

	if (!s)
		return;
	if (e->arg[5] > FR_FD_LISTENER && e->arg[5] <= FR_FD_OTHER)
		s->kind = (uint8_t)e->arg[5];
	s->calls++;
	if ((int64_t)e->arg[2] <= 0)
		return;
	if (e->kind == FR_EV_IO_READ) {
		s->received += e->arg[2];
		return;
	}
	s->sent += e->arg[2];
	if (s->other_end != MODEL_NONE)
		i = s->other_end;
	s = &b->m->socks[i];
	s->writer = e->thread;
	s->written_ns = e->t_ns - (e->arg[3] < e->t_ns ? e->arg[3] : e->t_ns);
	if (s->kind == FR_FD_PIPE || s->kind == FR_FD_EVENTFD)
		woke_earlier(b, i, e->thread, s->written_ns);
}

void fr_build_fd_woken(struct build *b, struct span *s)
{
	const struct sock *k = s->object == MODEL_NONE ? NULL : &b->m->socks[s->object];

	if (k && k->written_ns && k->written_ns + CLOCK_SLACK_NS >= s->start_ns &&
	    k->writer != s->thread)
		s->waker = k->writer;
}

void fr_build_fd(struct build *b, const struct event *e)
{
	switch (e->kind) {
	case FR_EV_FD_OPEN:
		begin(b, (int64_t)e->arg[0], e->t_ns, 0);
		break;
	case FR_EV_FD_MAKE:
		begin(b, (int64_t)e->arg[0], e->t_ns, e->arg[1]);
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
		fr_build_sock_over(b, (int64_t)e->arg[0], e->t_ns);
		break;
	default:
		transferred(b, e);
	}
}
