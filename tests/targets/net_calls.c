/* SPDX-License-Identifier: MIT */
/*
 * net_calls.c - the rest of the network calls with known arguments: what truth.c does not make.
 *
 * Each line names the event that must be found in the recording, as truth.c does it; test_net_calls
 * compares.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "truth.h"

static __thread int line;
static __thread long rc;

/* The call and its line number stand on one source line; the result is kept for DID. */
#define CALL(x) (line = __LINE__, (x))
#define DID(event, via, fmt, ...)                                                                  \
	say("{\"event\":\"%s\",\"via\":\"%s\",\"tid\":%d,\"fn\":\"%s\",\"line\":%d," fmt "}",      \
	    event, via, tid(), __func__, line, __VA_ARGS__)

static void must(int ok, const char *what)
{
	if (!ok)
		broken(what);
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons((uint16_t)port)};
}

/* ---- making connections ---------------------------------------------------------------------- */

NOINLINE static int serve(int *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	rc = CALL(bind(fd, (void *)&a, len));
	DID("net.bind", "bind", "\"fd\":%d,\"addr\":\"127.0.0.1:0\",\"err\":0", fd);
	must(getsockname(fd, (void *)&a, &len) == 0, "getsockname");
	*port = ntohs(a.sin_port);
	rc = CALL(listen(fd, 7));
	DID("net.listen", "listen", "\"fd\":%d,\"addr\":\"127.0.0.1:%d\",\"backlog\":7,\"err\":0",
	    fd, *port);
	rc = CALL(bind(fd, (void *)&a, len));
	must(rc < 0 && errno == EINVAL, "second bind");
	DID("net.bind", "bind", "\"fd\":%d,\"addr\":\"127.0.0.1:%d\",\"err\":%d", fd, *port,
	    EINVAL);
	return fd;
}

static void wait_writable(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};

	must(poll(&p, 1, 5000) == 1, "a socket that is connected");
}

/* 0 for a UNIX socket: where its port would be are two NULs. */
static int local_port(int fd)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);

	must(getsockname(fd, (void *)&a, &len) == 0, "getsockname");
	return ntohs(a.sin_port);
}

/* How a client learns how its connect ended. */
enum learn { BY_SO_ERROR, BY_CONNECT, BY_SEND, BY_CLOSE };

NOINLINE static void nonblocking(int port, enum learn learn, int expect)
{
	struct sockaddr_in to = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = -1, mine;
	socklen_t len = sizeof(err);
	const char *via = "getsockopt";

	rc = CALL(connect(fd, (void *)&to, sizeof(to)));
	must(rc < 0 && errno == EINPROGRESS, "non-blocking connect");
	mine = local_port(fd);
	DID("net.connect", "connect",
	    "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":%d,\"local_port\":%d", fd, port,
	    EINPROGRESS, mine);
	wait_writable(fd);
	switch (learn) {
	case BY_SO_ERROR:
		rc = CALL(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len));
		must(rc == 0 && err == expect, "SO_ERROR");
		break;
	case BY_CONNECT:
		rc = CALL(connect(fd, (void *)&to, sizeof(to)));
		via = "connect";
		break;
	case BY_SEND:
		rc = CALL(send(fd, "x", 1, 0));
		via = "send";
		must(rc == 1, "send");
		break;
	case BY_CLOSE:
		rc = CALL(close(fd));
		via = "close";
		break;
	}
	if (expect)
		DID("net.connected", via, "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":%d", fd,
		    port, expect);
	else
		DID("net.connected", via,
		    "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":0,\"local_port\":%d", fd, port,
		    mine);
	if (learn == BY_CLOSE)
		return;
	rc = CALL(shutdown(fd, SHUT_RDWR));
	DID("net.shutdown", "shutdown", "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"how\":2", fd, port);
	close(fd);
}

/*
 * A listener whose queue is full answers nobody: SO_ERROR is 0 then too, and that is no connection.
 */
NOINLINE static void too_early(void)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fds[8], err = -1, n = 0;
	struct pollfd p = {-1, POLLOUT, 0};

	must(bind(listener, (void *)&a, len) == 0 && listen(listener, 0) == 0, "listen");
	must(getsockname(listener, (void *)&a, &len) == 0, "getsockname");
	do {
		must(n < 8, "a full queue");
		p.fd = fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		rc = connect(fds[n++], (void *)&a, sizeof(a));
	} while (poll(&p, 1, 100) == 1);
	len = sizeof(err);
	must(getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0, "SO_ERROR");
	rc = CALL(close(p.fd));
	DID("net.connected", "close", "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":%d", p.fd,
	    ntohs(a.sin_port), ECANCELED);
	while (--n)
		close(fds[n - 1]);
	close(listener);
}

NOINLINE static void unix_path(void)
{
	static const char path[] = "a-socket-with-a-name-that-is-longer-than-the-table-keeps";
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	unlink(path);
	rc = CALL(bind(listener, (void *)&a, sizeof(a)));
	DID("net.bind", "bind", "\"fd\":%d,\"addr\":\"unix:%s\",\"err\":0", listener, path);
	must(listen(listener, 1) == 0, "listen");
	rc = CALL(connect(fd, (void *)&a, sizeof(a)));
	DID("net.connect", "connect", "\"fd\":%d,\"peer\":\"unix:%s\",\"err\":0", fd, path);
	close(fd);
	close(listener);
	unlink(path);
}

/* accept with room for the peer, without, and with too little room. */
NOINLINE static int accepted(int listener, int port, int room)
{
	struct sockaddr_in to = loopback(port), peer;
	socklen_t len = (socklen_t)room, mylen = sizeof(peer);
	int fd = socket(AF_INET, SOCK_STREAM, 0), got;

	must(connect(fd, (void *)&to, sizeof(to)) == 0, "connect");
	must(getsockname(fd, (void *)&to, &mylen) == 0, "getsockname");
	memset(&peer, 0xff, sizeof(peer));
	got = CALL(accept(listener, room ? (void *)&peer : NULL, room ? &len : NULL));
	DID("net.accept", "accept", "\"listener\":%d,\"fd\":%d,\"peer\":\"127.0.0.1:%d\"", listener,
	    got, ntohs(to.sin_port));
	close(fd);
	return got;
}

/* ---- transfers ------------------------------------------------------------------------------- */

#define IO_DID(event, via, f, n, result)                                                           \
	DID(event, via, "\"fd\":%d,\"size\":%d,\"result\":%d,\"err\":%d", f, n, result,            \
	    rc < 0 ? errno : 0)

NOINLINE static void messages(int a, int b)
{
	char buf[3][50];
	struct iovec v[3] = {{buf[0], 10}, {buf[1], 20}, {buf[2], 30}};
	struct mmsghdr m[3] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &v[2], .msg_iovlen = 1}}};

	memset(buf, 'm', sizeof(buf));
	rc = CALL(sendmmsg(a, m, 3, 0));
	must(rc == 3, "sendmmsg");
	IO_DID("net.send", "sendmmsg", a, 60, 60);
	for (int i = 0; i < 3; i++)
		v[i].iov_len = 50;
	rc = CALL(recvmmsg(b, m, 2, 0, NULL));
	must(rc == 2, "recvmmsg");
	IO_DID("net.recv", "recvmmsg", b, 100, 30);
	rc = CALL(recvmmsg(b, m, 3, MSG_DONTWAIT, NULL));
	must(rc == 1, "recvmmsg of what is left");
	IO_DID("net.recv", "recvmmsg", b, 50, 30);
	rc = CALL(recvmmsg(b, m, 3, MSG_DONTWAIT, NULL));
	must(rc < 0 && errno == EAGAIN, "recvmmsg of nothing");
	IO_DID("net.recv", "recvmmsg", b, 0, -1);
}

NOINLINE static void files(int a, int b)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), p[2];
	char buf[200];

	must(pipe(p) == 0, "pipe");
	rc = CALL(sendfile(a, file, NULL, 100));
	IO_DID("net.send", "sendfile", a, 100, 100);
	rc = CALL(sendfile64(a, file, NULL, 50));
	IO_DID("net.send", "sendfile64", a, 50, 50);
	must(recv(b, buf, 150, MSG_WAITALL) == 150, "recv");
	must(write(p[1], "spliced", 7) == 7, "write");
	rc = CALL(splice(p[0], NULL, a, NULL, 64, 0));
	IO_DID("net.send", "splice", a, 64, 7);
	rc = CALL(splice(b, NULL, p[1], NULL, 32, 0));
	IO_DID("net.recv", "splice", b, 32, 7);
	close(file);
	close(p[0]);
	close(p[1]);
}

/* ---- waits ----------------------------------------------------------------------------------- */

#define POLL_DID(via, f, n, ms, result)                                                            \
	DID("net.poll", via, "\"fd\":%d,\"nfds\":%d,\"timeout_ms\":%d,\"result\":%d", f, n, ms,    \
	    (int)(result))

#if __USE_FORTIFY_LEVEL > 0
#define FORTIFIED(name) "__" name "_chk"
#else
#define FORTIFIED(name) name
#endif

NOINLINE static void selects(int a, int b)
{
	struct timeval tv = {0, 15000};
	struct timespec ts = {0, 16000000};
	fd_set r, w;

	FD_ZERO(&r);
	FD_SET(b, &r);
	rc = CALL(select(b + 1, &r, NULL, NULL, &tv));
	POLL_DID("select", b, b + 1, 15, 0);
	must(rc == 0 && !FD_ISSET(b, &r) && tv.tv_sec == 0 && tv.tv_usec == 0, "select");
	FD_SET(b, &r);
	rc = CALL(pselect(b + 1, &r, NULL, NULL, &ts, NULL));
	POLL_DID("pselect", b, b + 1, 16, 0);
	must(rc == 0 && ts.tv_nsec == 16000000, "pselect");
	FD_ZERO(&w);
	FD_SET(a, &w);
	rc = CALL(select(a + 1, NULL, &w, NULL, NULL));
	POLL_DID("select", a, a + 1, -1, 1);
	must(FD_ISSET(a, &w), "select of a writable socket");
	tv = (struct timeval){0, 1000};
	rc = CALL(select(0, NULL, NULL, NULL, &tv));
	POLL_DID("select", -1, 0, 1, 0);
}

NOINLINE static void polls(int b)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 0xabcdef0123456789};
	struct timespec ts = {0, 17000000};
	struct pollfd p[1] = {{b, POLLIN, 0}};
	volatile nfds_t one = 1;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	rc = CALL(ppoll(p, one, &ts, NULL));
	POLL_DID(FORTIFIED("ppoll"), b, 1, 17, 0);
	rc = CALL(epoll_ctl(ep, EPOLL_CTL_ADD, b, &ev));
	DID("net.watch", "epoll_ctl",
	    "\"epoll\":%d,\"fd\":%d,\"op\":1,\"events\":1,\"data\":\"0x%lx\",\"err\":0", ep, b,
	    ev.data.u64);
	rc = CALL(epoll_ctl(ep, EPOLL_CTL_ADD, b, &ev));
	DID("net.watch", "epoll_ctl", "\"epoll\":%d,\"fd\":%d,\"op\":1,\"err\":%d", ep, b, EEXIST);
	rc = CALL(epoll_pwait2(ep, &ev, 1, &ts, NULL));
	POLL_DID("epoll_pwait2", ep, 1, 17, 0);
	must(rc == 0 && ts.tv_nsec == 17000000, "epoll_pwait2");
	close(ep);
}

/* ---- names ----------------------------------------------------------------------------------- */

#define DNS_DID(via, name, answer)                                                                 \
	DID("dns.lookup", via, "\"name\":\"%s\",\"result\":%d", name, (int)(answer))

#define LONG "a-label-of-thirty-two-characters"
#define BAD "no-such-host.invalid"

NOINLINE static void names(void)
{
	struct sockaddr_in a = loopback(80);
	struct addrinfo *res = NULL;
	char host[100];

	rc = CALL(getaddrinfo("localhost", "80", NULL, &res));
	must(rc == 0 && res, "getaddrinfo of localhost");
	DNS_DID("getaddrinfo", "localhost", 0);
	freeaddrinfo(res);
	rc = CALL(getaddrinfo(BAD, NULL, NULL, &res));
	must(rc != 0, "getaddrinfo of a name that is not");
	DNS_DID("getaddrinfo", BAD, rc);
	rc = CALL(getaddrinfo(LONG "." LONG "." LONG ".invalid", NULL, NULL, &res));
	must(rc != 0, "getaddrinfo of a long name");
	DNS_DID("getaddrinfo",
		LONG "."
		     "a-label-of-thirty-two-characte"
		     "r",
		rc); /* 64 of them are kept */
	rc = CALL(getnameinfo((void *)&a, sizeof(a), host, sizeof(host), NULL, 0, NI_NUMERICHOST));
	DNS_DID("getnameinfo", "127.0.0.1", 0);
	rc = CALL(getnameinfo((void *)&a, 3, host, sizeof(host), NULL, 0, 0));
	DNS_DID("getnameinfo", "", rc);
}

NOINLINE static void old_names(void)
{
	struct in_addr in = {htonl(INADDR_LOOPBACK)};
	struct hostent *h, he;
	char buf[2000];
	int herr;

	h = CALL(gethostbyname("localhost"));
	must(h != NULL, "gethostbyname of localhost");
	DNS_DID("gethostbyname", "localhost", 0);
	h = CALL(gethostbyname2("localhost", AF_INET));
	DNS_DID("gethostbyname2", "localhost", 0);
	h = CALL(gethostbyname(BAD));
	must(!h, "gethostbyname of a name that is not");
	DNS_DID("gethostbyname", BAD, h_errno);
	h = CALL(gethostbyaddr(&in, sizeof(in), AF_INET));
	DNS_DID("gethostbyaddr", h ? h->h_name : "", h ? 0 : h_errno);
	rc = CALL(gethostbyname_r("localhost", &he, buf, sizeof(buf), &h, &herr));
	DNS_DID("gethostbyname_r", "localhost", h ? 0 : herr);
	rc = CALL(gethostbyname_r("localhost", &he, buf, 2, &h, &herr));
	must(rc == ERANGE, "gethostbyname_r without room");
	DNS_DID("gethostbyname_r", "localhost", herr);
	rc = CALL(gethostbyname2_r("localhost", AF_INET, &he, buf, sizeof(buf), &h, &herr));
	DNS_DID("gethostbyname2_r", "localhost", h ? 0 : herr);
	rc = CALL(gethostbyaddr_r(&in, sizeof(in), AF_INET, &he, buf, sizeof(buf), &h, &herr));
	DNS_DID("gethostbyaddr_r", h ? h->h_name : "", h ? 0 : herr);
}

int main(void)
{
	int port, listener = serve(&port), closed = 1, s[2];

	nonblocking(port, BY_SO_ERROR, 0);
	nonblocking(port, BY_CONNECT, 0);
	nonblocking(port, BY_SEND, 0);
	nonblocking(port, BY_CLOSE, 0);
	nonblocking(closed, BY_SO_ERROR, ECONNREFUSED);
	nonblocking(closed, BY_CONNECT, ECONNREFUSED);
	too_early();
	unix_path();
	for (int i = 0; i < 4; i++)
		close(accept(listener, NULL, NULL));
	close(accepted(listener, port, 0));
	close(accepted(listener, port, 3));
	close(accepted(listener, port, sizeof(struct sockaddr_in)));
	close(listener);
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0, "socketpair");
	messages(s[0], s[1]);
	close(s[0]);
	close(s[1]);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
	files(s[0], s[1]);
	selects(s[0], s[1]);
	polls(s[1]);
	names();
	old_names();
	return 0;
}
