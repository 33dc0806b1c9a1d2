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
	messages();
	return 0;
}
