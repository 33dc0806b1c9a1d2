/* SPDX-License-Identifier: MIT */
/*
 * wakes_net.c - as wakes.c, over connections of this process with itself and by waits for several
 * descriptors. "wake": "" says that the wait was ended by something that no event stands for, so
 * that nobody may be named.
 */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "did.h"

enum { TCP, TCP6, UNIX, FAMILIES };

static struct sockaddr_storage addr[FAMILIES];
static int listener[FAMILIES], client[FAMILIES], server[FAMILIES];
static int copy_fd, event_fd, pipe_fd[2], epoll_fd;
static volatile int waiter;

struct way {
	const char *wait, *wake; /* events */
	void (*waits)(int fd);
	void (*wakes)(int fd);
	int *read_fd, *write_fd;
	long nr; /* the system call that the waiter sleeps in */
};

static void receives(int fd)
{
	char c;

	must(recv(fd, &c, 1, 0) == 1, "recv");
}

static void sends(int fd)
{
	must(send(fd, "x", 1, 0) == 1, "send");
}

static void writes(int fd)
{
	uint64_t n = 1;

	must(write(fd, &n, sizeof(n)) == sizeof(n), "write");
}

static void reads(int fd)
{
	uint64_t n;

	must(read(fd, &n, sizeof(n)) == sizeof(n), "read");
}

/* Three descriptors, FD is the last. */
static void polls(int fd)
{
	struct pollfd p[3] = {{event_fd, POLLIN, 0}, {pipe_fd[0], POLLIN, 0}, {fd, POLLIN, 0}};

	must(poll(p, 3, -1) == 1 && p[2].revents == POLLIN, "poll");
	receives(fd);
}

static void polls_event(int fd)
{
	struct pollfd p[2] = {{pipe_fd[0], POLLIN, 0}, {fd, POLLIN, 0}};

	must(poll(p, 2, -1) == 1, "poll");
	reads(fd);
}

static void selects(int fd)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(pipe_fd[0], &r);
	FD_SET(fd, &r);
	must(select(FD_SETSIZE, &r, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &r), "select");
	receives(fd);
}

/* What the epoll says of them is a pointer. */
static void epolls(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &ev}, out[4];

	must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl");
	must(epoll_wait(epoll_fd, out, 4, -1) == 1 && out[0].data.ptr == &ev, "epoll_wait");
	must(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0, "epoll_ctl");
	receives(fd);
}

/* The other end reads, so that there is room again, and answers at once: its read is what wakes. */
static void polls_for_room(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	static char much[1 << 16];

	while (send(fd, much, sizeof(much), MSG_DONTWAIT) > 0)
		;
	must(poll(&p, 1, -1) == 1, "poll");
}

static void makes_room(int fd)
{
	static char much[1 << 22];

	must(recv(fd, much, sizeof(much), 0) > 0, "recv");
	while (recv(fd, much, sizeof(much), MSG_DONTWAIT) > 0)
		;
}

static void polls_for_end(int fd)
{
	struct pollfd p[2] = {{event_fd, POLLIN, 0}, {fd, POLLIN, 0}};
	char c;

	must(poll(p, 2, -1) == 1 && p[1].revents & POLLIN && recv(fd, &c, 1, 0) == 0, "end");
}

static void receives_end(int fd)
{
	char c;

	must(recv(fd, &c, 1, 0) == 0, "end");
}

static void hangs_up(int fd)
{
	must(shutdown(fd, SHUT_WR) == 0, "shutdown");
}

/* ---- accepting ------------------------------------------------------------------------------- */

static int family;

static void accepts(int fd)
{
	server[family] = accept(fd, NULL, NULL);
	must(server[family] >= 0, "accept");
}

static void polls_to_accept(int fd)
{
	struct pollfd p[2] = {{event_fd, POLLIN, 0}, {fd, POLLIN, 0}};

	must(poll(p, 2, -1) == 1, "poll");
	accepts(fd);
}

static socklen_t addr_len(void)
{
	return family == UNIX ? sizeof(struct sockaddr_un) : sizeof(struct sockaddr_storage);
}

static void connects(int fd)
{
	must(connect(fd, (void *)&addr[family], addr_len()) == 0, "connect");
}

static void connects_later(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};
	int err = -1;
	socklen_t len = sizeof(err);
	socklen_t size = addr_len();

	rc = connect(fd, (void *)&addr[family], size);
	must(rc == 0 || errno == EINPROGRESS, "connect");
	must(rc == 0 || poll(&p, 1, 5000) == 1, "poll");
	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0, "SO_ERROR");
}

static void listens(void)
{
	struct sockaddr_in *four = (void *)&addr[TCP];
	struct sockaddr_in6 *six = (void *)&addr[TCP6];
	struct sockaddr_un *name = (void *)&addr[UNIX];
	socklen_t len = sizeof(addr[0]);

	four->sin_family = AF_INET;
	four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* both families: connected by an IPv4 address that the server sees as an IPv6 one */
	six->sin6_family = AF_INET6;
	name->sun_family = AF_UNIX;
	strcpy(name->sun_path, "./wakes.sock");
	unlink(name->sun_path);
	for (family = 0; family < FAMILIES; family++) {
		listener[family] = socket(addr[family].ss_family, SOCK_STREAM, 0);
		must(bind(listener[family], (void *)&addr[family], addr_len()) == 0 &&
			     listen(listener[family], 8) == 0,
		     "listen");
	}
	must(getsockname(listener[TCP], (void *)four, &len) == 0, "getsockname");
	len = sizeof(addr[0]);
	must(getsockname(listener[TCP6], (void *)six, &len) == 0, "getsockname");
	must(realpath("./wakes.sock", name->sun_path) != NULL, "realpath");
	*(struct sockaddr_in *)&addr[TCP6] =
		(struct sockaddr_in){.sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_ANY),
				     .sin_port = six->sin6_port};
}

/* ---- one after the other --------------------------------------------------------------------- */

static const struct way ways[] = {
	{"net.recv", "net.send", receives, sends, client, server, SYS_recvfrom},
	{"net.recv", "net.send", receives, sends, server, client, SYS_recvfrom},
	{"net.recv", "net.send", receives, sends, &copy_fd, client, SYS_recvfrom},
	{"net.poll", "net.send", polls, sends, client, server, SYS_poll},
	{"net.poll", "net.send", selects, sends, server, client, -1},
	{"net.poll", "net.send", epolls, sends, server, client, SYS_epoll_wait},
	{"net.poll", "io.write", polls_event, writes, &event_fd, &event_fd, SYS_poll},
	{"net.poll", "", polls_for_room, makes_room, client, server, SYS_poll},
	{"net.poll", "", polls_for_end, hangs_up, client, server, SYS_poll},
	{"net.recv", "", receives_end, hangs_up, server, client, SYS_recvfrom},
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct job {
	const struct way *way;
	int fd;
};

NOINLINE static void *waits(void *arg)
{
	const struct job *j = arg;

	waiter = tid();
	j->way->waits(j->fd);
	return NULL;
}

NOINLINE static void go(const struct way *w, int read_fd, int write_fd)
{
	uint64_t from = now_ns();
	struct job j = {w, read_fd};
	pthread_t t;

	waiter = 0;
	must(pthread_create(&t, NULL, waits, &j) == 0, "pthread_create");
	while (!waiter)
		usleep(1000);
	wait_blocked(waiter, w->nr);
	w->wakes(write_fd);
	must(pthread_join(t, NULL) == 0, "pthread_join");
	say("{\"wait\":\"%s\",\"wake\":\"%s\",\"waiter\":%d,\"waker\":%d,\"family\":%d,"
	    "\"from_ns\":%lu,\"to_ns\":%lu}",
	    w->wait, w->wake, waiter, tid(), family, from, now_ns());
}

static int of_family(const int *fds)
{
	bool each = fds == client || fds == server;

	return each ? fds[family] : *fds;
}

NOINLINE static void by(const struct way *accepting, int flags)
{
	client[family] = socket(addr[family].ss_family, SOCK_STREAM | flags, 0);
	go(accepting, listener[family], client[family]);
	copy_fd = dup(server[family]);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (flags && ways[i].read_fd == client && ways[i].waits == receives)
			continue;
		go(&ways[i], of_family(ways[i].read_fd), of_family(ways[i].write_fd));
	}
	close(client[family]);
	close(server[family]);
	close(copy_fd);
}

int main(void)
{
	const struct way blocking = {"net.accept", "net.connect", accepts, connects,
				     NULL,         NULL,          -1};
	const struct way later = {"net.poll", "net.connect", polls_to_accept, connects_later,
				  NULL,       NULL,          SYS_poll};

	event_fd = eventfd(0, 0);
	epoll_fd = epoll_create1(0);
	must(pipe(pipe_fd) == 0 && event_fd >= 0 && epoll_fd >= 0, "descriptors");
	listens();
	for (family = 0; family < FAMILIES; family++) {
		by(&blocking, 0);
		by(&later, SOCK_NONBLOCK);
	}
	unlink(((struct sockaddr_un *)&addr[UNIX])->sun_path);
	return 0;
}
