/* SPDX-License-Identifier: MIT */
/*
 * wakes_storm.c FAMILY - many threads of this process connect to each other at once, and every
 * byte says who sent it: so whoever is said to have woken whom can be checked.
 *
 * Servers accept from one listener, each in its own way (recv, poll, epoll, select). A client sends
 * its thread id, the server answers with its own, over and over. Each says for every message it
 * has received, in order, from whom; a server also says which wait was before it.
 */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "did.h"

#define SERVERS 4
#define CLIENTS 4
#define CONNECTIONS 40
#define MESSAGES 5
#define GOT_MAX (CLIENTS * CONNECTIONS * MESSAGES)

static union {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
} addr;
static socklen_t addr_len;
static int listener, accepted;

/* What one thread has received. */
struct got {
	int me, n, from[GOT_MAX];
};

static struct got servers[SERVERS], clients[CLIENTS];

static void wait_readable(int how, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 7};
	struct pollfd p = {fd, POLLIN, 0};
	int epoll;
	fd_set r;

	switch (how) {
	case 1:
		must(poll(&p, 1, -1) == 1, "poll");
		break;
	case 2:
		FD_ZERO(&r);
		FD_SET(fd, &r);
		must(select(fd + 1, &r, NULL, NULL, NULL) == 1, "select");
		break;
	case 3:
		epoll = epoll_create1(0);
		must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl");
		must(epoll_wait(epoll, &ev, 1, -1) == 1, "epoll_wait");
		close(epoll);
	}
}

static bool receive(struct got *g, int fd)
{
	int from = 0;
	ssize_t n = recv(fd, &from, sizeof(from), 0);

	must(n == 0 || n == sizeof(from), "recv");
	if (n)
		g->from[g->n++] = from;
	return n > 0;
}

static void *serve(void *arg)
{
	struct got *g = arg;
	int how = (int)(g - servers);

	g->me = tid();
	while (__atomic_fetch_add(&accepted, 1, __ATOMIC_RELAXED) < CLIENTS * CONNECTIONS) {
		int fd = accept(listener, NULL, NULL);

		must(fd >= 0, "accept");
		for (wait_readable(how, fd); receive(g, fd); wait_readable(how, fd))
			must(send(fd, &g->me, sizeof(g->me), 0) == sizeof(g->me), "send");
		close(fd);
	}
	return NULL;
}

static void *ask(void *arg)
{
	struct got *g = arg;

	g->me = tid();
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = socket(addr.sa.sa_family, SOCK_STREAM, 0);

		must(connect(fd, &addr.sa, addr_len) == 0, "connect");
		for (int k = 0; k < MESSAGES; k++) {
			must(send(fd, &g->me, sizeof(g->me), 0) == sizeof(g->me), "send");
			must(receive(g, fd), "an answer");
		}
		close(fd);
	}
	return NULL;
}

static void say_got(const struct got *g, const char *role)
{
	for (int i = 0; i < g->n; i++)
		say("{\"role\":\"%s\",\"tid\":%d,\"from\":%d}", role, g->me, g->from[i]);
}

int main(int argc, char **argv)
{
	pthread_t t[SERVERS + CLIENTS];

	if (argc > 1 && !strcmp(argv[1], "unix")) {
		addr.un.sun_family = AF_UNIX;
		strcpy(addr.un.sun_path + 1, "wakes-storm-");
		snprintf(addr.un.sun_path + 13, 20, "%d", (int)getpid());
		addr_len = sizeof(addr.un);
	} else {
		addr.in = (struct sockaddr_in){.sin_family = AF_INET};
		addr_len = sizeof(addr.in);
	}
	listener = socket(addr.sa.sa_family, SOCK_STREAM, 0);
	must(bind(listener, &addr.sa, addr_len) == 0 && listen(listener, 100) == 0, "listen");
	must(getsockname(listener, &addr.sa, &addr_len) == 0, "getsockname");
	for (int i = 0; i < SERVERS; i++)
		must(pthread_create(&t[i], NULL, serve, &servers[i]) == 0, "pthread_create");
	for (int i = 0; i < CLIENTS; i++)
		must(pthread_create(&t[SERVERS + i], NULL, ask, &clients[i]) == 0,
		     "pthread_create");
	for (int i = 0; i < SERVERS + CLIENTS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < SERVERS; i++)
		say_got(&servers[i], "server");
	for (int i = 0; i < CLIENTS; i++)
		say_got(&clients[i], "client");
	return 0;
}
