/* SPDX-License-Identifier: MIT */
/*
 * flow.h - what is written into descriptors that this process reads itself, and who that wakes.
 * Private to decoder/model.
 *
 * A wait for data was ended by the first write that began during it. That is said only where
 * nothing else can have been it: of two writes at once by two threads, of several writes to
 * several readers, of what another process or a close may have done first, nothing is said.
 */
#ifndef FR_MODEL_FLOW_H
#define FR_MODEL_FLOW_H

#include "model/build.h"

/* One write, or the end of who writes. */
struct write {
	uint64_t began;
	uint64_t ended;
	uint64_t event;
	uint64_t taken_ns; /* the end of the wait that it ended, 0 = of none */
	uint32_t thread;
	bool is_end; /* a close or shutdown: ends a wait too, but which of several is not known */
};

/* The last writes to one reader. */
#define FLOW_WRITES 8u
struct flow {
	struct write w[FLOW_WRITES];
	uint64_t lost_ns; /* when the latest of the forgotten ones began */
	uint32_t n; /* ever */
	uint32_t reader; /* the thread that waited here */
	bool shared; /* several did */
	uint32_t next_free;
};

/* A wait for several descriptors: those that were ready, in b->ready. */
struct polled {
	uint32_t span;
	uint32_t first;
	uint32_t n;
};

/* A wait in the list of those at one descriptor. */
struct wait_at {
	uint32_t span;
	uint32_t before; /* index + 1 of the one before it, 0 = none */
};

/* What an epoll says when a descriptor is ready. */
struct watch {
	uint64_t data;
	uint32_t epoll;
	uint32_t sock; /* MODEL_NONE = nobody, WATCH_SEVERAL */
	bool edge; /* EPOLLET */
};
#define WATCH_SEVERAL (MODEL_NONE - 1)

/* The first of a descriptor and its copies: what they share is kept there. */
static inline uint32_t fr_sock_first(const struct build *b, uint32_t sock)
{
	return b->m->socks[sock].same;
}

static inline bool fr_sock_open(const struct build *b, uint32_t sock)
{
	return sock < b->m->n_socks && !b->m->socks[sock].end_ns;
}

/* Is it open, or a copy of it? */
static inline bool fr_sock_alive(const struct build *b, uint32_t first)
{
	return first < b->m->n_socks && b->m->socks[first].copies;
}

/* Who reads at READER was written to. */
void fr_flow_put(struct build *b, uint32_t reader, const struct write *w);
/* No more comes to the other end of SOCK. */
void fr_flow_end(struct build *b, uint32_t sock, uint64_t ns);
/* Nobody reads there any more: kept for a while, its writers may tell of it later. */
void fr_flow_retire(struct build *b, uint32_t sock);
void fr_flow_unwake(struct build *b, uint32_t sock, uint64_t from_ns); /* it was not so */

/* Sockets were recorded otherwise before E. */
void fr_flow_level(struct build *b, const struct event *e);

/* ready.c: S, made from the net.poll E, waited for several descriptors. */
void fr_ready_polled(struct build *b, const struct span *s, const struct event *e);
void fr_ready_watch(struct build *b, const struct event *e);

/* connections.c: both ends of a connection */
void fr_connections_connect(struct build *b, const struct event *e, uint32_t sock);
void fr_connections_accept(struct build *b, const struct event *e, uint32_t listener,
			   uint32_t sock);
void fr_connections_listen(struct build *b, const struct event *e, uint32_t listener);

#endif
