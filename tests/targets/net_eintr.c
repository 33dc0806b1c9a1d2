/* SPDX-License-Identifier: MIT */
/*
 * net_eintr.c - eintr.c for the rest of the calls that SA_RESTART does not restart.
 *
 *   net_eintr CALL SECONDS_TENTHS
 *
 * Says its tid, makes the call with a timeout of so many tenths of a second and says result, errno,
 * how long it took and what select has left of its timeout.
 */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "interrupted.h"

static int fds[2];
static int ms;
static struct timeval tv;

static int do_select(void)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	tv = (struct timeval){ms / 1000, ms % 1000 * 1000L};
	return select(fds[0] + 1, &r, NULL, NULL, &tv);
}

/* Ends before its time: the rest must be what was not waited. */
static int do_select_early(void)
{
	int rc;

	if (fork() == 0) {
		poll(NULL, 0, ms / 2);
		_exit(write(fds[1], "x", 1) != 1);
	}
	rc = do_select();
	return rc;
}

static int do_pselect(void)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	fd_set r;

	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	return pselect(fds[0] + 1, &r, NULL, NULL, &t, NULL);
}

static int do_epoll_pwait2(void)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &ev);
	return epoll_pwait2(ep, &ev, 1, &t, NULL);
}

/* The signal after 800 ms, messages after 1000, 1700 and 2600. */
static void send_late(pid_t to)
{
	poll(NULL, 0, 800);
	kill(to, SIGUSR1);
	poll(NULL, 0, 200);
	send(fds[1], "a", 1, 0);
	poll(NULL, 0, 700);
	send(fds[1], "b", 1, 0);
	poll(NULL, 0, 900);
	send(fds[1], "c", 1, 0);
	_exit(0);
}

/* The timeout of 1600 ms is over when the second message comes: with that one it returns. */
static int do_recvmmsg(void)
{
	struct timeval long_time = {60, 0}; /* with it the kernel does not restart the call */
	struct timespec t = {1, 600000000};
	struct mmsghdr v[3];
	char bytes[3];
	struct iovec iov[3];
	pid_t me = getpid();
	int rc;

	memset(v, 0, sizeof(v));
	for (int i = 0; i < 3; i++) {
		iov[i] = (struct iovec){bytes + i, 1};
		v[i].msg_hdr.msg_iov = &iov[i];
		v[i].msg_hdr.msg_iovlen = 1;
	}
	close(fds[0]);
	close(fds[1]);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
		broken("socketpair");
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time));
	if (fork() == 0)
		send_late(me);
	rc = recvmmsg(fds[0], v, 3, 0, &t);
	tv = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return rc;
}

static const struct named_call calls[] = {
	{"select", do_select},     {"select_early", do_select_early},
	{"pselect", do_pselect},   {"epoll_pwait2", do_epoll_pwait2},
	{"recvmmsg", do_recvmmsg}, {NULL, NULL},
};

int main(int argc, char **argv)
{
	long took;
	int rc;

	if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		broken("usage: net_eintr CALL TENTHS");
	ms = atoi(argv[2]) * 100;
	rc = call_named(calls, argv[1], &took);
	say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld,\"left_ms\":%ld}", rc, errno, took,
	    (long)(tv.tv_sec * 1000 + tv.tv_usec / 1000));
	return 0;
}
