/* SPDX-License-Identifier: MIT */
/*
 * fails.c - calls that fail: a descriptor closed twice, numbers that are none, storms.
 *
 *   fails [closes|sweep|storm|repeats|killed]
 *
 * Says what failed, where and how often. `killed` goes on until it is.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "truth.h"

#define STORM 1000000

static int opened(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		broken("open");
	return fd;
}

NOINLINE static void first_close(int fd)
{
	if (close(fd) != 0)
		broken("the first close");
	say("{\"did\":\"close\",\"fd\":%d,\"tid\":%d}", fd, tid());
}

/* Gives the error, 0 = none. */
NOINLINE static int second_close(int fd)
{
	int rc = close(fd), err = errno;

	say("{\"did\":\"second\",\"fd\":%d,\"tid\":%d}", fd, tid());
	return rc ? err : 0;
}

NOINLINE static int late_write(int fd)
{
	long rc = write(fd, "x", 1);
	int err = errno;

	say("{\"did\":\"write\",\"fd\":%d,\"tid\":%d}", fd, tid());
	return rc < 0 ? err : 0;
}

static void *close_it(void *arg)
{
	first_close(*(int *)arg);
	return NULL;
}

/* One closes, another closes and writes; one number that nobody has had. */
static void closes(void)
{
	int fd = opened();
	FILE *f = fopen("/dev/null", "r");
	pthread_t t;

	if (!f || pthread_create(&t, NULL, close_it, &fd) || pthread_join(t, NULL))
		broken("the other thread");
	if (second_close(fd) != EBADF || late_write(fd) != EBADF || close(-1) == 0)
		broken("closed numbers");
	close(fileno(f));
	if (fclose(f) == 0 || errno != EBADF)
		broken("fclose of what is closed");
	fd = opened();
	first_close(fd);
	fd = opened(); /* the number again: a new life, which ends once */
	close(fd);
}

/* As daemons do. Some of the numbers were open once. */
static void sweep(void)
{
	int fds[20];

	for (int i = 0; i < 20; i++)
		fds[i] = opened();
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	for (int fd = 3; fd < 200; fd++)
		close(fd);
}

static int listener(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0),
	    c = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "fails-%d", getpid());
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1) ||
	    connect(c, (struct sockaddr *)&a, sizeof(a)))
		broken("a client");
	return s;
}

NOINLINE static long accepts(int s, long n)
{
	long failed = 0;

	while (n-- > 0)
		failed += accept(s, NULL, NULL) < 0 && errno == EMFILE;
	return failed;
}

static struct rlimit limit;

/* No descriptor is left: a client waits, and each accept says EMFILE. */
static int full(void)
{
	struct rlimit none;
	int s = listener();

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){0, limit.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &none))
		broken("the limit");
	return s;
}

static void storm(void)
{
	long failed = accepts(full(), STORM);

	setrlimit(RLIMIT_NOFILE, &limit);
	say("{\"did\":\"accept\",\"failed\":%ld}", failed);
}

/* Different failures at one stack are not one; nor is one at another stack. */
NOINLINE static void open_none(const char *path)
{
	if (open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0)
		broken("a directory");
}

static void repeats(void)
{
	for (int i = 0; i < 1000; i++) {
		open_none("/dev/null");
		open_none("/dev/zero");
	}
	open_none("/dev/full");
}

static void killed(void)
{
	int s = full();
	long end = now_ms() + 500;
	long failed = 0;

	while (now_ms() < end)
		failed += accepts(s, 100);
	say("{\"did\":\"accept\",\"failed\":%ld}", failed);
	end += 300;
	while (now_ms() < end)
		accepts(s, 100);
	say("{\"did\":\"kill\"}");
	for (;;)
		accepts(s, 100);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "closes"))
		closes();
	else if (!strcmp(what, "sweep"))
		sweep();
	else if (!strcmp(what, "storm"))
		storm();
	else if (!strcmp(what, "repeats"))
		repeats();
	else if (!strcmp(what, "killed"))
		killed();
	else
		broken("what?");
	return 0;
}
