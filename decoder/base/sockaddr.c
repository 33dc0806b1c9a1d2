/* SPDX-License-Identifier: MIT */
/*
 * sockaddr.c - peers as text. One row per address family.
 */
#include "base/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What the recorder keeps of an address: longer unix paths arrive cut. */
#define KEPT 40u

static void inet4(struct sbuf *b, const uint8_t *p, size_t n)
{
	struct sockaddr_in a = {0};
	char host[INET_ADDRSTRLEN];

	memcpy(&a, p, n < sizeof(a) ? n : sizeof(a));
	inet_ntop(AF_INET, &a.sin_addr, host, sizeof(host));
	fr_sbuf_fmt(b, "%s:%u", host, ntohs(a.sin_port));
}

static void inet6(struct sbuf *b, const uint8_t *p, size_t n)
{
	struct sockaddr_in6 a = {0};
	char host[INET6_ADDRSTRLEN];

	memcpy(&a, p, n < sizeof(a) ? n : sizeof(a));
	if (IN6_IS_ADDR_V4MAPPED(&a.sin6_addr)) {
		inet_ntop(AF_INET, a.sin6_addr.s6_addr + 12, host, sizeof(host));
		fr_sbuf_fmt(b, "%s:%u", host, ntohs(a.sin6_port));
		return;
	}
	inet_ntop(AF_INET6, &a.sin6_addr, host, sizeof(host));
	fr_sbuf_fmt(b, "[%s]:%u", host, ntohs(a.sin6_port));
}

static void local(struct sbuf *b, const uint8_t *p, size_t n)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	const uint8_t *path = p + head;
	size_t len = n > head ? n - head : 0;

	fr_sbuf_str(b, "unix:");
	if (!len)
		return;
	if (!path[0]) { /* abstract: the length counts, NULs belong to the name */
		while (len > 1 && !path[len - 1])
			len--;
		if (len > 1)
			fr_sbuf_char(b, '@');
		fr_sbuf_text(b, path + 1, len - 1);
		return;
	}
	fr_sbuf_text(b, path, strnlen((const char *)path, len));
	if (n == KEPT && path[len - 1])
		fr_sbuf_str(b, "...");
}

static const struct {
	uint16_t family;
	uint16_t least; /* bytes without which nothing can be said */
	void (*print)(struct sbuf *b, const uint8_t *p, size_t n);
} families[] = {
	{AF_INET, 8, inet4},
	{AF_INET6, 24, inet6},
	{AF_UNIX, 2, local},
};

void fr_sockaddr_text(struct sbuf *b, const uint8_t *bytes, size_t n)
{
	uint16_t family;

	if (n < sizeof(family))
		return;
	memcpy(&family, bytes, sizeof(family));
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].family == family && n >= families[i].least) {
			families[i].print(b, bytes, n);
			return;
		}
	fr_sbuf_fmt(b, "family %u", family);
}
