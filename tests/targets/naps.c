/* SPDX-License-Identifier: MIT */
/*
 * naps.c - sleeps and waits that the kernel does not restart, while somebody sends signals.
 *
 *   naps CALL TENTHS   nanosleep nanosleep_rem nanosleep_same absolute relative usleep sleep
 *                      waitpid read
 *
 * Says its tid, calls, and says result, errno, how long it took and what was left where the call
 * tells. SIGUSR2 has a handler of its own, without SA_RESTART.
 */
#include <signal.h>
#include <sys/wait.h>

#include "interrupted.h"

static long ms;
static struct timespec left = {77, 77};

static struct timespec asked(void)
{
	return (struct timespec){ms / 1000, ms % 1000 * 1000000L};
}

static int do_nanosleep(void)
{
	struct timespec t = asked();

	return nanosleep(&t, NULL);
}

static int do_nanosleep_rem(void)
{
	struct timespec t = asked();

	return nanosleep(&t, &left);
}

/* As in the loop that everybody writes. */
static int do_nanosleep_same(void)
{
	int rc;

	left = asked();
	rc = nanosleep(&left, &left);
	return rc;
}

static int do_absolute(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, ms);

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int do_relative(void)
{
	struct timespec t = asked();

	return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &left);
}

static int do_usleep(void)
{
	return usleep(ms * 1000);
}

static int do_sleep(void)
{
	return (int)sleep((ms + 999) / 1000);
}

static int do_waitpid(void)
{
	struct timespec t = asked();
	pid_t pid = fork();

	if (pid == 0) {
		nanosleep(&t, NULL);
		_exit(0);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int do_read(void)
{
	struct timespec t = asked();
	int p[2];
	char c;

	if (pipe(p) != 0)
		broken("pipe");
	if (fork() == 0) {
		nanosleep(&t, NULL);
		_exit(write(p[1], "x", 1) != 1);
	}
	return read(p[0], &c, 1) == 1 ? 0 : -1;
}

static const struct named_call calls[] = {
	{"nanosleep", do_nanosleep},
	{"nanosleep_rem", do_nanosleep_rem},
	{"nanosleep_same", do_nanosleep_same},
	{"absolute", do_absolute},
	{"relative", do_relative},
	{"usleep", do_usleep},
	{"sleep", do_sleep},
	{"waitpid", do_waitpid},
	{"read", do_read},
	{NULL, NULL},
};

static void ignore(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = ignore};
	long took;
	int rc;

	if (argc < 3)
		broken("usage: naps CALL TENTHS");
	ms = atoi(argv[2]) * 100;
	sigaction(SIGUSR2, &act, NULL);
	rc = call_named(calls, argv[1], &took);
	say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld,\"left_s\":%ld,\"left_ns\":%ld}", rc,
	    errno, took, (long)left.tv_sec, left.tv_nsec);
	return 0;
}
