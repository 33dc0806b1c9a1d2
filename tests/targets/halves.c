/* SPDX-License-Identifier: MIT */
/*
 * halves.c - moves more than fits at once, is sent a signal in the middle, says how much it moved.
 *
 *   halves CALL SIGNAL   the other end is a thread: it takes or gives some, sends SIGNAL when the
 *                        main thread waits for more, then does the rest
 *
 * SIGUSR2 is the program's own, with SA_RESTART; it cuts the transfer.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "truth.h"

#define SIZE (4u << 20)
#define SOME (64u << 10)

static char ours[SIZE], theirs[SIZE];
static int here, there, handled, signo;
static pid_t main_thread;

static void on_usr2(int sig)
{
	(void)sig;
	handled++;
}

/* Sleeps the main thread in a system call? The partner has made sure that it does not begin. */
static int waits(void)
{
	char path[64], c = 'r';
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", main_thread);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		char line[512] = "", *end;

		if (read(fd, line, sizeof(line) - 1) > 0) {
			end = strrchr(line, ')');
			c = end ? end[2] : 'r';
		}
		close(fd);
	}
	return c == 'S';
}

static void interrupt(void)
{
	while (!waits())
		sched_yield();
	syscall(SYS_tgkill, getpid(), main_thread, signo);
}

static void *take(void *arg)
{
	size_t got = 0;

	while (got < SOME)
		got += (size_t)read(there, theirs + got, SOME - got);
	interrupt();
	for (ssize_t n = 1; n > 0; got += (size_t)n) {
		n = read(there, theirs + (got < SIZE ? got : 0), SOME);
		if (n < 0)
			_exit(98);
	}
	*(size_t *)arg = got;
	return NULL;
}

static void *give(void *arg)
{
	size_t done = 0;

	while (done < SOME)
		done += (size_t)write(there, theirs + done, SOME - done);
	interrupt();
	while (done < SIZE)
		done += (size_t)write(there, theirs + done, SOME);
	close(there);
	*(size_t *)arg = done;
	return NULL;
}

static struct iovec parts[4] = {
	{ours, 1000}, {NULL, 0}, {ours + 1000, 100000}, {ours + 101000, SIZE - 101000}};
static struct msghdr message = {.msg_iov = parts, .msg_iovlen = 4};

static ssize_t do_write(void)
{
	return write(here, ours, SIZE);
}

static ssize_t do_writev(void)
{
	return writev(here, parts, 4);
}

static ssize_t do_send(void)
{
	return send(here, ours, SIZE, 0);
}

static ssize_t do_sendmsg(void)
{
	return sendmsg(here, &message, 0);
}

static ssize_t do_sendfile(void)
{
	FILE *f = tmpfile();

	if (!f || fwrite(ours, 1, SIZE, f) != SIZE || fflush(f) != 0)
		return -2;
	lseek(fileno(f), 0, SEEK_SET);
	return sendfile(here, fileno(f), NULL, SIZE);
}

static ssize_t do_recv(void)
{
	return recv(here, ours, SIZE, MSG_WAITALL);
}

static ssize_t do_recvmsg(void)
{
	return recvmsg(here, &message, MSG_WAITALL);
}

static const struct {
	const char *name;
	ssize_t (*call)(void);
	int pipe, receives;
} calls[] = {
	{"write", do_write, 1, 0},       {"writev", do_writev, 1, 0},
	{"send", do_send, 0, 0},         {"sendmsg", do_sendmsg, 0, 0},
	{"sendfile", do_sendfile, 0, 0}, {"write_socket", do_write, 0, 0},
	{"recv", do_recv, 0, 1},         {"recvmsg", do_recvmsg, 0, 1},
};

static int run(size_t k)
{
	struct sigaction act = {.sa_handler = on_usr2, .sa_flags = SA_RESTART};
	size_t moved = 0;
	pthread_t t;
	ssize_t n;
	int p[2], error;

	sigaction(SIGUSR2, &act, NULL);
	if (calls[k].pipe ? pipe(p) : socketpair(AF_UNIX, SOCK_STREAM, 0, p))
		return 2;
	here = p[1];
	there = p[0];
	for (size_t i = 0; i < SIZE; i++)
		*(calls[k].receives ? &theirs[i] : &ours[i]) = (char)(i * 7 + i / 4096);
	pthread_create(&t, NULL, calls[k].receives ? give : take, &moved);
	errno = 0;
	n = calls[k].call();
	error = errno;
	if (!calls[k].receives)
		close(here);
	else
		while (read(here, ours, SOME) > 0)
			;
	pthread_join(t, NULL);
	say("{\"result\": %zd, \"errno\": %d, \"moved\": %zu, \"same\": %d, \"handled\": %d}", n,
	    error, moved, memcmp(ours, theirs, SIZE) == 0, handled);
	return 0;
}

int main(int argc, char **argv)
{
	main_thread = (pid_t)syscall(SYS_gettid);
	signo = argc > 2 ? atoi(argv[2]) : 0;
	for (size_t k = 0; argc > 2 && k < sizeof(calls) / sizeof(*calls); k++) {
		if (strcmp(argv[1], calls[k].name) == 0)
			return run(k);
	}
	return 2;
}
