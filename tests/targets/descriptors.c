/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - numbers that change their meaning: what the recorder believes of a descriptor
 * must be what it is. Says each call that shows it; -1 in a name stands for "of no socket".
 */
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "did.h"

static const char PIPE[] = "pipe", EVENTFD[] = "eventfd", EPOLL[] = "epoll", FILE_[] = "file";

static void socket_pair(int s[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
}

static int file(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	must(fd >= 0, "O_TMPFILE");
	return fd;
}

/* A write of one byte shows what FD is taken for. */
NOINLINE static void as_socket(int fd)
{
	rc = (int)CALL(write(fd, "x", 1));
	DID("net.send", "write", "\"fd\":%d,\"result\":%d,\"err\":%d", fd, rc, err_of(rc));
}

NOINLINE static void as_other(int fd, const char *kind)
{
	static const uint64_t one = 1;

	rc = (int)CALL(write(fd, &one, 8));
	DID("io.write", "write", "\"fd\":%d,\"result\":%d,\"err\":%d,\"kind\":\"%s\"", fd, rc,
	    err_of(rc), kind);
}

NOINLINE static void copies(void)
{
	int s[2], p[2], f, d;

	socket_pair(s);
	f = file();
	as_other(f, FILE_);
	rc = CALL(dup2(s[0], f));
	DID("fd.dup", "dup2", "\"old\":%d,\"fd\":%d,\"kind\":\"socket\",\"err\":0", s[0], f);
	as_socket(f);
	must(pipe(p) == 0, "pipe");
	rc = CALL(dup3(p[1], f, O_CLOEXEC));
	DID("fd.dup", "dup3", "\"old\":%d,\"fd\":%d,\"kind\":\"%s\",\"err\":0", p[1], f, PIPE);
	as_other(f, PIPE);
	d = CALL(dup(f));
	DID("fd.dup", "dup", "\"old\":%d,\"fd\":%d,\"kind\":\"%s\",\"err\":0", f, d, PIPE);
	as_other(d, PIPE);
	rc = CALL(dup2(-1, f));
	must(rc == -1 && errno == EBADF, "dup2 of nothing");
	DID("fd.dup", "dup2", "\"old\":-1,\"fd\":-1,\"err\":%d", EBADF);
	as_other(f, PIPE);
	rc = CALL(dup2(s[0], s[0]));
	as_socket(s[0]);
	CALL(close(f));
	DID("fd.close", "close", "\"fd\":%d,\"kind\":\"%s\"", f, PIPE);
	f = fcntl(s[1], F_DUPFD_CLOEXEC, 50);
	must(f >= 50, "F_DUPFD");
	as_socket(f);
	close(f);
	f = eventfd(0, EFD_CLOEXEC);
	as_other(f, EVENTFD);
	as_other(dup(f), EVENTFD);
}

/* closefrom ends the sockets; the same numbers are then something else, and again. */
NOINLINE static void ranges(int from)
{
	int s[2], p[2];

	socket_pair(s);
	must(s[0] >= from, "number");
	CALL(closefrom(from));
	DID("net.close", "closefrom", "\"fd\":%d", s[1]);
	must(pipe(p) == 0, "pipe");
	as_other(p[1], PIPE);
	must(close_range(from, 1000, CLOSE_RANGE_CLOEXEC) == 0, "close_range");
	as_other(p[1], PIPE);
	CALL(close_range(from, ~0U, 0));
	DID("fd.close", "close_range", "\"fd\":%d", p[1]);
	socket_pair(s);
	as_socket(s[0]);
	as_socket(s[1]);
	closefrom(from);
}

NOINLINE static void streams(void)
{
	int s[2], fd;
	FILE *f;
	DIR *d;

	socket_pair(s);
	f = fdopen(s[1], "w");
	CALL(fclose(f));
	DID("net.close", "fclose", "\"fd\":%d", s[1]);
	fd = file();
	must(fd == s[1], "number");
	as_other(fd, FILE_);
	close(fd);
	d = opendir("/");
	must(d && dirfd(d) == fd, "opendir");
	rc = (int)CALL(write(fd, "x", 1));
	must(rc < 0 && errno == EBADF, "a directory that can be written");
	DID("io.write", "write", "\"fd\":%d,\"result\":-1,\"err\":%d,\"kind\":\"other\"", fd,
	    EBADF);
	rc = CALL(closedir(d));
	must(rc == 0, "closedir");
	DID("fd.close", "closedir", "\"fd\":%d,\"kind\":\"other\"", fd);
	f = popen("exit 0", "r");
	fd = fileno(f);
	must(pclose(f) == 0, "pclose");
	close(s[0]);
	socket_pair(s);
	must(s[0] == fd || s[1] == fd, "number");
	as_socket(fd);
	fd = CALL(epoll_create1(EPOLL_CLOEXEC));
	DID("fd.make", "epoll_create1", "\"fd\":%d,\"kind\":\"%s\",\"err\":0", fd, EPOLL);
}

#define PAIR(via, p, kind)                                                                         \
	DID("fd.pair", via, "\"fd\":%d,\"fd2\":%d,\"kind\":\"%s\",\"err\":%d", rc ? -1 : (p)[0],   \
	    rc ? -1 : (p)[1], kind, err_of(rc))
#define MADE(via, fd, kind)                                                                        \
	DID("fd.make", via, "\"fd\":%d,\"kind\":\"%s\",\"err\":%d", fd, kind, err_of(fd))

/* What connects threads: with both ends, and what was refused. */
NOINLINE static void objects(void)
{
	eventfd_t value = 7;
	int p[2], e;

	rc = CALL(pipe(p));
	PAIR("pipe", p, PIPE);
	rc = CALL(pipe2(p, O_CLOEXEC));
	PAIR("pipe2", p, PIPE);
	rc = CALL(pipe2(p, -1));
	must(rc == -1 && errno == EINVAL, "pipe2 with strange flags");
	PAIR("pipe2", p, PIPE);
	rc = CALL(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
	PAIR("socketpair", p, "socket");
	rc = CALL(socketpair(AF_INET, SOCK_STREAM, 0, p));
	must(rc == -1, "socketpair of TCP");
	PAIR("socketpair", p, "socket");
	e = CALL(epoll_create(3));
	MADE("epoll_create", e, EPOLL);
	e = CALL(epoll_create1(-1));
	must(e == -1 && errno == EINVAL, "epoll_create1 with strange flags");
	MADE("epoll_create1", e, EPOLL);
	e = CALL(eventfd(3, EFD_NONBLOCK));
	MADE("eventfd", e, EVENTFD);
	rc = CALL(eventfd_write(e, value));
	DID("io.write", "eventfd_write",
	    "\"fd\":%d,\"size\":8,\"result\":8,\"err\":0,\"kind\":\"%s\"", e, EVENTFD);
	rc = CALL(eventfd_read(e, &value));
	must(rc == 0 && value == 10, "eventfd_read");
	DID("io.read", "eventfd_read",
	    "\"fd\":%d,\"size\":8,\"result\":8,\"err\":0,\"kind\":\"%s\"", e, EVENTFD);
	rc = CALL(eventfd_read(e, &value));
	must(rc == -1 && errno == EAGAIN, "eventfd_read of nothing");
	DID("io.read", "eventfd_read", "\"fd\":%d,\"result\":-1,\"err\":%d", e, EAGAIN);
}

/* A stream that is opened again: the number goes through other files. */
NOINLINE static void reopened(FILE *(*again)(const char *, const char *, FILE *), const char *via)
{
	int s[2];
	FILE *f;

	socket_pair(s);
	f = fdopen(s[1], "w");
	f = CALL(again("/dev/null", "w", f));
	DID("net.close", via, "\"fd\":%d", s[1]);
	must(f && fileno(f) == s[1], "freopen");
	rc = (int)CALL(write(s[1], "12345678", 8));
	DID("io.write", "write", "\"fd\":%d,\"result\":8,\"kind\":\"other\"", s[1]);
	fclose(f);
}

/* A socket and a file by message, from a child; their numbers were others before. */
NOINLINE static void messages(void)
{
	union {
		char b[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char c = 'x';
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control.b,
			   .msg_controllen = sizeof(control.b)};
	int s[2], t[2], got[2], f = file();
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	socket_pair(s);
	socket_pair(t);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(h), (int[]){t[0], f}, 2 * sizeof(int));
	must(sendmsg(s[0], &m, 0) == 1, "sendmsg");
	socket_pair(got); /* closed where nobody sees it: their numbers come with the message */
	syscall(SYS_close, got[0]);
	syscall(SYS_close, got[1]);
	m.msg_controllen = sizeof(control.b);
	must(CALL(recvmsg(s[1], &m, 0)) == 1, "recvmsg");
	memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	DID("fd.received", "", "\"fd\":%d,\"kind\":\"socket\"", got[0]);
	DID("fd.received", "", "\"fd\":%d,\"kind\":\"%s\"", got[1], FILE_);
	as_socket(got[0]);
	as_other(got[1], FILE_);
}

int main(void)
{
	int first = dup(0);

	close(first);
	copies();
	ranges(first);
	streams();
	objects();
	reopened(freopen, "freopen");
	reopened(freopen64, "freopen64");
	messages();
	return 0;
}
