/* SPDX-License-Identifier: MIT */
/*
 * net_errnos.c - errnos.c for the rest of the network calls: results and errno when they work and
 * when they fail. The output with and without the recorder must be the same.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "truth.h"

#define TRY(call)                                                                                  \
	do {                                                                                       \
		long result_;                                                                      \
		errno = 77;                                                                        \
		result_ = (long)(call);                                                            \
		say("%s = %ld, errno %d", #call, result_, errno);                                  \
	} while (0)

static void *volatile wild = (void *)8; /* not mapped */
static volatile int minus = -1;

static void sockets(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct mmsghdr m = {{0}, 0};
	int v = 5, fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(v);

	TRY(bind(minus, (void *)&a, sizeof(a)));
	TRY(bind(fd, wild, sizeof(a)));
	TRY(bind(fd, (void *)&a, 1 << 30));
	TRY(bind(fd, (void *)&a, sizeof(a)));
	TRY(listen(minus, 1));
	TRY(listen(0, 1));
	TRY(listen(fd, 1));
	TRY(shutdown(minus, SHUT_RD));
	TRY(shutdown(fd, 99));
	TRY(getsockopt(minus, SOL_SOCKET, SO_ERROR, &v, &len));
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, wild, &len));
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &v, wild));
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &v, &len));
	TRY(connect(fd, wild, 16));
	TRY(sendmmsg(minus, &m, 1, 0));
	TRY(sendmmsg(fd, wild, 1, MSG_NOSIGNAL));
	TRY(recvmmsg(minus, &m, 1, 0, NULL));
	TRY(recvmmsg(fd, wild, 1, MSG_DONTWAIT, NULL));
	TRY(recvmmsg(fd, &m, 1, MSG_DONTWAIT, wild));
	TRY(sendfile(fd, minus, NULL, 5));
	TRY(sendfile(minus, fd, NULL, 5));
	TRY(sendfile64(fd, minus, NULL, 5));
	TRY(splice(fd, NULL, fd, NULL, 5, 0));
	TRY(splice(minus, NULL, minus, NULL, 5, 0));
	TRY(splice(fd, wild, minus, wild, 5, 0));
	TRY(close(fd));
}

/* On a socket that is connecting for ever or refused at once. */
static void connecting(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(1)};
	int v, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(v);
	struct pollfd p = {fd, POLLOUT, 0};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(connect(fd, (void *)&a, sizeof(a)));
	TRY(poll(&p, 1, 1000));
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &v, &len));
	say("error %d, len %d", v, (int)len);
	TRY(connect(fd, (void *)&a, sizeof(a)));
	TRY(recv(fd, &v, sizeof(v), 0));
	TRY(recv(fd, &v, sizeof(v), 0));
	TRY(close(fd));
}

static void watches(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), s = socket(AF_INET, SOCK_STREAM, 0);
	struct epoll_event ev = {.events = EPOLLIN};

	TRY(epoll_ctl(minus, EPOLL_CTL_ADD, s, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, minus, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, s, wild));
	TRY(epoll_ctl(ep, EPOLL_CTL_MOD, s, &ev));
	TRY(epoll_ctl(ep, 77, s, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev));
	TRY(epoll_ctl(ep, EPOLL_CTL_DEL, s, wild));
	TRY(epoll_ctl(ep, EPOLL_CTL_DEL, s, NULL));
	close(ep);
	close(s);
}

static void waits(void)
{
	struct timespec bad = {0, 2000000000}, ms = {0, 1000000};
	struct timeval tv = {0, 1000}, badtv = {-1, 0};
	struct epoll_event ev;
	fd_set r;

	FD_ZERO(&r);
	TRY(select(0, NULL, NULL, NULL, &tv));
	say("left %ld %ld", (long)tv.tv_sec, (long)tv.tv_usec);
	TRY(select(-5, NULL, NULL, NULL, &tv));
	TRY(select(1, wild, NULL, NULL, &tv));
	TRY(select(0, NULL, NULL, NULL, &badtv));
	FD_SET(1000, &r);
	TRY(select(1001, &r, NULL, NULL, &tv));
	TRY(pselect(0, NULL, NULL, NULL, &ms, NULL));
	TRY(pselect(0, NULL, NULL, NULL, &bad, NULL));
	TRY(pselect(1, NULL, wild, NULL, &ms, NULL));
	TRY(epoll_pwait2(minus, &ev, 1, &ms, NULL));
	TRY(epoll_pwait2(0, &ev, 1, &ms, NULL));
	TRY(epoll_pwait2(epoll_create1(EPOLL_CLOEXEC), &ev, 1, wild, NULL));
	TRY(epoll_pwait2(epoll_create1(EPOLL_CLOEXEC), wild, 1, &ms, NULL));
	TRY(ppoll(wild, 1, &ms, NULL));
	watches();
}

static void names(void)
{
	struct addrinfo *res, hints = {.ai_family = 1234};
	struct hostent he, *h;
	char buf[8];
	int herr;

	TRY(getaddrinfo("localhost", NULL, NULL, &res));
	TRY(getaddrinfo(NULL, NULL, NULL, &res));
	TRY(getaddrinfo(NULL, "80", NULL, &res));
	TRY(getaddrinfo("localhost", NULL, &hints, &res));
	TRY(getnameinfo(NULL, 0, buf, sizeof(buf), NULL, 0, 0));
	TRY(gethostbyname("localhost") != NULL);
	TRY(gethostbyname_r("localhost", &he, buf, sizeof(buf), &h, &herr));
	TRY(gethostbyaddr("abc", 3, AF_INET) != NULL);
}

int main(void)
{
	sockets();
	connecting();
	waits();
	names();
	return 0;
}
