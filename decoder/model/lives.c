/* SPDX-License-Identifier: MIT */
/*
 * lives.c - the lives of descriptors: who was at the other end of fd 7 at that moment.
 *
 * Begun and ended by what events say (sockets.c, descriptors.c). For what is open at the end the
 * recording's table of descriptors knows peer and kind.
 */
#include <string.h>

#include "model/flow.h"

/* A descriptor number beyond this is not believed: no kernel hands it out by default. */
#define FD_MAX (1 << 20)
#define PEER_MAX 128u

static uint32_t new_sock(struct build *b, int64_t fd, uint64_t start_ns)
{
	struct model *m = b->m;
	size_t i;

	if (fd < 0 || fd > FD_MAX)
		return MODEL_NONE;
	if ((size_t)fd >= b->n_fds) {
		b->fd_now = fr_mem_grow(b->fd_now, &b->cap_fds, (size_t)fd + 1, sizeof(*b->fd_now));
		for (i = b->n_fds; i <= (size_t)fd; i++)
			b->fd_now[i] = MODEL_NONE;
		b->n_fds = (size_t)fd + 1;
	}
	m->socks = fr_mem_grow(m->socks, &b->cap_socks, m->n_socks + 1, sizeof(*m->socks));
	m->socks[m->n_socks] = (struct sock){.start_ns = start_ns,
					     .fd = (int32_t)fd,
					     .listener = MODEL_NONE,
					     .same = (uint32_t)m->n_socks,
					     .other_end = MODEL_NONE,
					     .copies = 1};
	b->fd_now[fd] = (uint32_t)m->n_socks;
	return (uint32_t)m->n_socks++;
}

uint32_t fr_build_sock(struct build *b, int64_t fd)
{
	if (fd >= 0 && (size_t)fd < b->n_fds && b->fd_now[fd] != MODEL_NONE)
		return b->fd_now[fd];
	return new_sock(b, fd, 0);
}

void fr_build_sock_peer(struct build *b, struct sock *s, const uint8_t *bytes, uint64_t n)
{
	if (s->peer || !bytes || n < 2)
		return;
	n = n < PEER_MAX ? n : PEER_MAX;
	s->peer = memcpy(fr_arena_alloc(&b->m->arena, n), bytes, n);
	s->peer_len = (uint32_t)n;
}

void fr_build_sock_over(struct build *b, int64_t fd, uint64_t ns)
{
	uint32_t i, first;

	if (fd < 0 || (size_t)fd >= b->n_fds || b->fd_now[fd] == MODEL_NONE)
		return;
	i = b->fd_now[fd];
	first = fr_sock_first(b, i);
	b->fd_now[fd] = MODEL_NONE;
	b->m->socks[i].end_ns = ns;
	if (--b->m->socks[first].copies)
		return;
	fr_flow_end(b, first, ns);
	fr_flow_retire(b, first);
}

uint32_t fr_build_sock_new(struct build *b, int64_t fd, uint64_t ns)
{
	fr_build_sock_over(b, fd, ns);
	return new_sock(b, fd, ns);
}

/* What was opened and closed while nothing was recorded is not known: nor who has the numbers. */
void fr_build_sock_all_over(struct build *b, uint64_t ns)
{
	for (; b->n_left < b->m->n_socks; b->n_left++) {
		int32_t fd = b->m->socks[b->n_left].fd;

		if (b->fd_now[fd] == b->n_left)
			fr_build_sock_over(b, fd, ns);
	}
}

/* Without a table nothing is known: then a receive is what its name says. */
bool fr_build_fd_is_socket(const struct build *b, uint64_t fd)
{
	const struct section_view *v = &b->rec->sec[FR_SEC_FDS];
	struct fr_fd_rec r;

	if (!v->data || fd >= v->size / sizeof(r))
		return true;
	memcpy(&r, v->data + fd * sizeof(r), sizeof(r));
	return r.x_kind <= FR_FD_LISTENER;
}

/* A file that was opened before the window, or whose opening was not worth an event. */
static void path_of(struct sock *s, const struct fr_fd_rec *r, const uint8_t *bytes)
{
	if (s->path || !r->peer_len || r->peer_len > sizeof(r->peer))
		return;
	s->path = bytes;
	s->path_len = r->peer_len;
	s->path_cut = r->peer_len == sizeof(r->peer);
}

/* What is open at the end: peer and kind from the recording's table. */
void fr_build_sock_end(struct build *b)
{
	const struct section_view *v = &b->rec->sec[FR_SEC_FDS];
	struct fr_fd_rec r;
	size_t fd;

	for (fd = 0; v->data && fd < b->n_fds && (fd + 1) * sizeof(r) <= v->size; fd++) {
		struct sock *s;

		if (b->fd_now[fd] == MODEL_NONE)
			continue;
		s = &b->m->socks[b->fd_now[fd]];
		memcpy(&r, v->data + fd * sizeof(r), sizeof(r));
		if (r.x_kind == FR_FD_LISTENER && s->role == SOCK_UNKNOWN)
			s->role = SOCK_LISTENER;
		if (r.x_kind == FR_FD_SOCKET)
			fr_build_sock_peer(b, s, r.peer,
					   r.peer_len < sizeof(r.peer) ? r.peer_len
								       : sizeof(r.peer));
		if (r.x_kind == FR_FD_FILE || r.x_kind == FR_FD_UNKNOWN || r.x_kind == FR_FD_OTHER)
			path_of(s, &r, v->data + fd * sizeof(r) + offsetof(struct fr_fd_rec, peer));
	}
}
