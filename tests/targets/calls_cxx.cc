// SPDX-License-Identifier: MIT
/*
 * calls_cxx.cc - net, file and process calls of a C++ program: its own, and what std::fstream and
 * operator new make of it. Each line names the event that must be found, as truth.c does it.
 */
#include <arpa/inet.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <vector>

#include "did.h"

namespace
{

#define MOVED(event, via, f, n)                                                                    \
	DID(event, via, "\"fd\":%d,\"size\":%d,\"result\":%d,\"err\":%d", f, n, rc, err_of(rc))

/* A descriptor that closes itself; says so. */
class Owned
{
      public:
	explicit Owned(int fd) : fd_(fd)
	{
	}
	~Owned();
	int get() const
	{
		return fd_;
	}

      private:
	int fd_;
};

Owned::~Owned()
{
	CALL(close(fd_));
	say("{\"event\":\"net.close\",\"via\":\"close\",\"tid\":%d,\"fn\":\"~Owned\",\"line\":%d,"
	    "\"fd\":%d}",
	    tid(), line, fd_);
}

NOINLINE void transfer(int a, int b)
{
	char buf[100] = "";
	std::vector<iovec> v{{buf, 10}, {buf, 20}};

	rc = CALL(static_cast<int>(send(a, buf, 11, 0)));
	MOVED("net.send", "send", a, 11);
	rc = CALL(static_cast<int>(recv(b, buf, sizeof(buf), 0)));
	MOVED("net.recv", "recv", b, 100);
	rc = CALL(static_cast<int>(writev(a, v.data(), 2)));
	MOVED("net.send", "writev", a, 30);
	rc = CALL(static_cast<int>(read(b, buf, sizeof(buf))));
	MOVED("net.recv", "read", b, 100);
	rc = CALL(static_cast<int>(recv(b, buf, 1, MSG_DONTWAIT)));
	MOVED("net.recv", "recv", b, 1);
}

/* Descriptors are closed by the unwinding of an exception, from their destructors. */
NOINLINE void sockets()
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
	try {
		Owned a(s[0]), b(s[1]);

		transfer(a.get(), b.get());
		throw std::runtime_error("on the way out");
	} catch (const std::exception &) {
		must(write(s[0], "x", 1) < 0 && errno == EBADF, "closed descriptors");
	}
}

NOINLINE void refused()
{
	sockaddr_in to{};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_family = AF_INET;
	to.sin_port = htons(1);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	rc = CALL(connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)));
	must(rc < 0 && errno == ECONNREFUSED, "a closed port");
	DID("net.connect", "connect", "\"fd\":%d,\"peer\":\"127.0.0.1:1\",\"err\":%d", fd, errno);
	close(fd);
}

/* Written by libstdc++, below a function of ours. */
NOINLINE void streams()
{
	{
		std::ofstream out("stream");

		out << std::string(100000, 'x');
		must(out.good(), "ofstream");
	}
	rc = CALL(unlink("stream"));
	DID("io.path", "unlink", "\"path\":\"stream\",\"err\":%d", err_of(rc));
}

NOINLINE void objects()
{
	void *p;

	std::unique_ptr<std::vector<char>> v(new std::vector<char>(123457));
	p = v->data();
	say("{\"vector\":\"%p\",\"size\":123457}", p);
}

NOINLINE void children()
{
	int status;
	pid_t pid = CALL(fork()), got;

	if (pid == 0)
		_exit(7);
	DID("process.fork", "fork", "\"pid\":%d,\"err\":0", pid);
	got = CALL(waitpid(pid, &status, 0));
	DID("process.wait", "waitpid", "\"asked\":%d,\"pid\":%d,\"status\":%d,\"err\":0", pid, got,
	    status);
}

} // namespace

int main(int argc, char **argv)
{
	if (argc > 1 && chdir(argv[1]) != 0)
		broken("chdir");
	sockets();
	refused();
	streams();
	objects();
	children();
	return 0;
}
