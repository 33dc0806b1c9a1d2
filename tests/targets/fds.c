/* SPDX-License-Identifier: MIT */
/*
 * fds.c - programs that care which descriptors are open.
 *
 *   fds open       the first descriptor at main, and all that are open then
 *   fds close FILE closes everything from 3 on, then reuses the numbers for FILE and sockets,
 *                  says "ready", waits for a line on descriptor 0 and shows that FILE and the
 *                  sockets hold only what it wrote itself
 *   fds few        the same lists with RLIMIT_NOFILE lowered to 8 at the start of main
 */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "truth.h"

static void list(void)
{
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			say("open at main: %d", fd);
	say("first free: %d", open("/dev/null", O_RDONLY));
}

static void close_and_reuse(const char *path)
{
	char b[64] = "", c;
	int file, s[2];
	struct stat st;

	closefrom(3);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		broken("socketpair");
	say("ready: %d %d %d", file, s[0], s[1]);
	if (write(file, "mine", 4) != 4 || read(0, &c, 1) != 1)
		broken("write or read");
	fstat(file, &st);
	say("file size: %ld", (long)st.st_size);
	say("sockets: %zd %zd", recv(s[0], b, sizeof(b), MSG_DONTWAIT),
	    recv(s[1], b, sizeof(b), MSG_DONTWAIT));
	say("still open: %d %d %d", fcntl(file, F_GETFD) >= 0, fcntl(s[0], F_GETFD) >= 0,
	    fcntl(s[1], F_GETFD) >= 0);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "close") == 0) {
		close_and_reuse(argv[2]);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "few") == 0)
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){8, 8});
	list();
	return 0;
}
