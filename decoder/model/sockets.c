/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - what the events of sockets say of the lives of descriptors.
 *
 * A life begins with socket, accept or the first event seen on a number; connect and accept bring
 * the peer, close ends the life and brings the peer too.
 */
#include "model/flow.h"

static void accepted(struct build *b, const struct event *e)
{
	uint32_t listener = fr_build_sock(b, (int64_t)e->arg[FR_A(NET_ACCEPT, listener)]);
	uint32_t i;

	if (listener != MODEL_NONE)
		b->m->socks[listener].role = SOCK_LISTENER;
	if ((int64_t)e->arg[FR_A(NET_ACCEPT, fd)] < 0) {
		if (listener != MODEL_NONE)
			fr_connections_accept(b, e, fr_sock_first(b, listener), MODEL_NONE);
		return;
	}
	i = fr_build_sock_new(b, (int64_t)e->arg[FR_A(NET_ACCEPT, fd)], e->t_ns);
	if (i == MODEL_NONE)
		return;
	b->m->socks[i].role = SOCK_ACCEPTED;
	b->m->socks[i].listener = listener;
	fr_build_sock_peer(b, &b->m->socks[i], e->blob, e->arg[FR_A(NET_ACCEPT, peer)]);
	if (listener != MODEL_NONE)
		fr_connections_accept(b, e, fr_sock_first(b, listener), i);
}

static void transferred(struct build *b, const struct event *e)
{
	uint32_t i = fr_build_sock(b, (int64_t)e->arg[FR_A(NET_SEND, fd)]);
	struct sock *s = i == MODEL_NONE ? NULL : &b->m->socks[i];

	if (!s)
		return;
	s->calls++;
	if ((int64_t)e->arg[FR_A(NET_SEND, result)] <= 0)
		return;
	b->m->socks[fr_sock_first(b, i)].moved =
		e->kind == FR_EV_NET_RECV ? SOCK_MOVED_IN : SOCK_MOVED_OUT;
	if (e->kind == FR_EV_NET_RECV) {
		s->received += e->arg[FR_A(NET_SEND, result)];
		return;
	}
	s->sent += e->arg[FR_A(NET_SEND, result)];
	fr_build_wrote(b, e, i);
}

/* SHUT_RD ends the waits here, SHUT_WR those at the other end. */
static void shut(struct build *b, const struct event *e)
{
	uint32_t i = fr_build_sock(b, (int64_t)e->arg[FR_A(NET_SHUTDOWN, fd)]);

	if (i == MODEL_NONE)
		return;
	i = fr_sock_first(b, i);
	if (e->arg[FR_A(NET_SHUTDOWN, how)] != 0)
		fr_flow_end(b, i, e->t_ns);
	if (e->arg[FR_A(NET_SHUTDOWN, how)] != 1 && b->m->socks[i].flow)
		fr_flow_put(b, i, &(struct write){e->t_ns, e->t_ns, 0, 0, MODEL_NONE, true});
}

void fr_build_net(struct build *b, const struct event *e)
{
	int64_t fd = (int64_t)e->arg[FR_A(NET_SOCKET, fd)];
	uint32_t i;

	switch (e->kind) {
	case FR_EV_NET_SOCKET:
		fr_build_sock_new(b, fd, e->t_ns);
		break;
	case FR_EV_NET_ACCEPT:
		accepted(b, e);
		break;
	case FR_EV_NET_LISTEN:
		i = fr_build_sock(b, fd);
		if (i == MODEL_NONE || e->arg[FR_A(NET_LISTEN, err)])
			break;
		fr_connections_listen(b, e, fr_sock_first(b, i));
		b->m->socks[i].role = SOCK_LISTENER;
		break;
	case FR_EV_NET_SHUTDOWN:
		shut(b, e);
		break;
	case FR_EV_NET_CONNECT:
	case FR_EV_NET_CONNECTED:
		i = fr_build_sock(b, fd);
		if (i != MODEL_NONE) {
			b->m->socks[i].role = SOCK_CONNECTED;
			fr_build_sock_peer(b, &b->m->socks[i], e->blob,
					   e->arg[FR_A(NET_CONNECT, peer)]);
			if (e->kind == FR_EV_NET_CONNECT)
				fr_connections_connect(b, e, i);
		}
		break;
	case FR_EV_NET_CLOSE:
		i = fr_build_sock(b, fd);
		if (i != MODEL_NONE)
			fr_build_sock_peer(b, &b->m->socks[i], e->blob,
					   e->arg[FR_A(NET_CLOSE, peer)]);
		fr_build_sock_over(b, fd, e->t_ns);
		break;
	default:
		transferred(b, e);
	}
}
