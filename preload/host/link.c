/* SPDX-License-Identifier: MIT */
/*
 * link.c - see link.h.
 */
#include "host/link.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/sys.h"
#include "store/region.h"

/* One end of a TCP connection; IPv4 as IPv6 writes it. */
struct end {
	uint8_t ip[16];
	uint16_t port;
};

struct name {
	union {
		struct sockaddr_storage ss;
		uint64_t word[sizeof(struct sockaddr_storage) / 8];
	};
	socklen_t len;
};

/* Zeros behind the name. */
static bool name_of(struct name *n, long call, int fd)
{
	memset(n, 0, sizeof(*n));
	n->len = sizeof(n->ss);
	return fr_sys3(call, fd, &n->ss, &n->len) == 0 && n->len <= sizeof(n->ss);
}

static bool socket_option(int fd, int name, void *value, socklen_t size)
{
	socklen_t len = size;

	return fr_sys6(SYS_getsockopt, fd, SOL_SOCKET, name, (long)value, (long)&len, 0) == 0 &&
	       len == size;
}

static uint64_t hash(const uint64_t *word, size_t n, uint64_t seed)
{
	uint64_t h = seed;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ word[i]) * 0x9E3779B97F4A7C15ull;
		h ^= h >> 29;
	}
	h = (h * 0xBF58476D1CE4E5B9ull) >> 16;
	return h ? h : 1;
}

static bool end_of(struct end *e, const void *addr, size_t len)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memset(e, 0, sizeof(*e));
	memcpy(&four, addr, len < sizeof(four) ? len : sizeof(four));
	if (len >= sizeof(four) && four.sin_family == AF_INET) {
		memcpy(e->ip, mapped, sizeof(mapped));
		memcpy(e->ip + sizeof(mapped), &four.sin_addr, 4);
		e->port = ntohs(four.sin_port);
		return true;
	}
	if (len < sizeof(six) || four.sin_family != AF_INET6)
		return false;
	memcpy(&six, addr, sizeof(six));
	memcpy(e->ip, &six.sin6_addr, sizeof(e->ip));
	e->port = ntohs(six.sin6_port);
	return true;
}

/* Who connects to "any" address reaches its own machine, and that is then the source as well. */
static bool is_any(const struct end *e)
{
	static const struct end any6, any4 = {.ip = {[10] = 0xff, [11] = 0xff}};

	return !memcmp(e->ip, any6.ip, sizeof(e->ip)) || !memcmp(e->ip, any4.ip, sizeof(e->ip));
}

static uint64_t tcp(const struct end *client, const struct end *server)
{
	uint64_t word[5];

	memcpy(word, client->ip, 16);
	memcpy(word + 2, is_any(server) ? client->ip : server->ip, 16);
	word[4] = (uint64_t)client->port << 16 | server->port;
	return client->port && server->port ? hash(word, 5, AF_INET) : 0;
}

/* A socket without a name has nothing but its family. */
static uint64_t local(const struct name *listener)
{
	if (listener->ss.ss_family != AF_UNIX || listener->len <= sizeof(sa_family_t))
		return 0;
	return hash(listener->word, sizeof(listener->word) / 8, listener->len);
}

static sa_family_t family_of(const void *addr, size_t len)
{
	sa_family_t family = AF_UNSPEC;

	if (len >= sizeof(family))
		memcpy(&family, addr, sizeof(family));
	return family;
}

struct fr_link fr_link_connect(int fd, const void *peer, size_t len)
{
	struct fr_link l = {0, 0};
	struct end me, other;
	struct name n;
	int type;

	switch (family_of(peer, len)) {
	case AF_UNIX: /* as the listener was bound, however this client has called it */
		if (name_of(&n, SYS_getpeername, fd))
			l.id = local(&n);
		break;
	case AF_INET:
	case AF_INET6:
		if (!name_of(&n, SYS_getsockname, fd) || !end_of(&me, &n.ss, n.len))
			break;
		l.port = me.port;
		if (end_of(&other, peer, len) && socket_option(fd, SO_TYPE, &type, sizeof(type)) &&
		    type == SOCK_STREAM)
			l.id = tcp(&me, &other);
		break;
	}
	return l;
}

uint64_t fr_link_accept(int fd, const void *peer, size_t len)
{
	struct end me, other;
	struct ucred cred;
	struct name n;

	switch (family_of(peer, len)) {
	case AF_UNIX:
		if (!socket_option(fd, SO_PEERCRED, &cred, sizeof(cred)) || !fr_region.hdr ||
		    cred.pid != (pid_t)fr_region.hdr->pid)
			return 0;
		return name_of(&n, SYS_getsockname, fd) ? local(&n) : 0;
	case AF_INET:
	case AF_INET6:
		if (end_of(&other, peer, len) && name_of(&n, SYS_getsockname, fd) &&
		    end_of(&me, &n.ss, n.len))
			return tcp(&other, &me);
	}
	return 0;
}
