/* SPDX-License-Identifier: MIT */
/*
 * eintr.c - calls that SA_RESTART does not restart, while somebody sends signals.
 *
 *   eintr CALL SECONDS_TENTHS [usr2]
 *
 * With `usr2` SIGUSR2 has a handler of the program's own.
 *
 * Says its tid, makes the call with a timeout of so many tenths of a second and says result,
 * errno and how long it took. The recorder's signal must not end the wait nor prolong it.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "interrupted.h"

static int fds[2];
static int ms;

static int do_poll(void)
{
	struct pollfd p = {fds[0], POLLIN, 0};

	return poll(&p, 1, ms);
}

static int do_ppoll(void)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	struct pollfd p = {fds[0], POLLIN, 0};

	return ppoll(&p, 1, &t, NULL);
}

static int do_epoll_wait(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
	return epoll_wait(ep, &ev, 1, ms);
}

static int do_epoll_pwait(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
	return epoll_pwait(ep, &ev, 1, ms, NULL);
}

static int with_timeout(int option, int receive)
{
	static char big[1 << 16];
	struct timeval t = {ms / 1000, ms % 1000 * 1000L};

	setsockopt(fds[0], SOL_SOCKET, option, &t, sizeof(t));
	if (receive)
		return recv(fds[0], big, 1, 0);
	while (send(fds[0], big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	return send(fds[0], big, sizeof(big), 0);
}

static int do_recv(void)
{
	return with_timeout(SO_RCVTIMEO, 1);
}

static int do_send(void)
{
	return with_timeout(SO_SNDTIMEO, 0);
}

static const struct named_call calls[] = {
	{"poll", do_poll}, {"ppoll", do_ppoll}, {"epoll_wait", do_epoll_wait},
	{"recv", do_recv}, {"send", do_send},   {"epoll_pwait", do_epoll_pwait},
	{NULL, NULL},
};

static void handled(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction own = {.sa_handler = handled};
	long took;
	int rc;

	if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		broken("usage: eintr CALL TENTHS");
	ms = atoi(argv[2]) * 100;
	if (argc > 3)
		sigaction(SIGUSR2, &own, NULL);
	rc = call_named(calls, argv[1], &took);
	say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld}", rc, errno, took);
	return 0;
}
