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
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "truth.h"

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

static const struct {
	const char *name;
	int (*run)(void);
} calls[] = {
	{"select", do_select},
	{"select_early", do_select_early},
	{"pselect", do_pselect},
	{"epoll_pwait2", do_epoll_pwait2},
};

int main(int argc, char **argv)
{
	if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		broken("usage: net_eintr CALL TENTHS");
	ms = atoi(argv[2]) * 100;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		long start;
		int rc;

		if (strcmp(argv[1], calls[i].name) != 0)
			continue;
		say("{\"tid\":%d}", tid());
		start = now_ms();
		errno = 0;
		rc = calls[i].run();
		say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld,\"left_ms\":%ld}", rc, errno,
		    now_ms() - start, (long)(tv.tv_sec * 1000 + tv.tv_usec / 1000));
	}
	return 0;
}
