/* SPDX-License-Identifier: MIT */
/*
 * link.h - a number that both ends of a connection have in common, so that the decoder finds the
 * two when both are in this process: then who sends wakes who receives.
 *
 *   TCP    a hash of both addresses and ports: nobody else's has the same
 *   UNIX   a hash of the listener's name, and only if the other process is ourselves: a client has
 *          no name, which connect belongs to which accept follows from their order
 *
 * 0 where it cannot be known, under a filter of the host's too (confine.h). Costs two or three
 * system calls for each connection, none for each transfer. Context: hooks, signal handlers;
 * errno is not touched.
 */
#ifndef FR_LINK_H
#define FR_LINK_H

#include <stddef.h>
#include <stdint.h>

struct fr_link {
	uint64_t id; /* 48 bits: JSON keeps them */
	uint16_t port; /* our own, 0 = none or unknown */
};

/* Of FD, which was connected, or began to, to the address PEER. */
struct fr_link fr_link_connect(int fd, const void *peer, size_t len);

/* Of FD, which was accepted from PEER. */
uint64_t fr_link_accept(int fd, const void *peer, size_t len);

#endif
