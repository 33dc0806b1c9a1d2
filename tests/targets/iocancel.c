/* SPDX-License-Identifier: MIT */
/*
 * iocancel.c - a thread is cancelled in each call of files, sleeps and children that can block.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "truth.h"

static const struct timespec minute = {60, 0};
static int quiet[2], event;
static char fifo[64];
static pid_t child;
static volatile int blocked, cleaned;

static void do_nanosleep(void)
{
	nanosleep(&minute, NULL);
}
static void do_clock_nanosleep(void)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &minute, NULL);
}
static void do_until(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 60000);

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static void do_usleep(void)
{
	usleep(60000000);
}
static void do_sleep(void)
{
	sleep(60);
}
static void do_read(void)
{
	char c;

	if (read(quiet[0], &c, 1) != 1)
		broken("read");
}
static void do_readv(void)
{
	char c;

	if (readv(quiet[0], &(struct iovec){&c, 1}, 1) != 1)
		broken("readv");
}
static void do_eventfd(void)
{
	uint64_t v;

	if (read(event, &v, 8) != 8)
		broken("eventfd");
}
static void do_open(void)
{
	open(fifo, O_RDONLY);
}
static void do_waitpid(void)
{
	waitpid(child, NULL, 0);
}
static void do_wait(void)
{
	wait(NULL);
}
static void do_wait4(void)
{
	wait4(child, NULL, 0, NULL);
}
static void do_waitid(void)
{
	siginfo_t info;

	waitid(P_PID, child, &info, WEXITED);
}

#define CASE(name)                                                                                 \
	{                                                                                          \
#name, do_##name                                                                   \
	}

static const struct test {
	const char *name;
	void (*run)(void);
} tests[] = {
	CASE(nanosleep), CASE(clock_nanosleep), CASE(until),   CASE(usleep),  CASE(sleep),
	CASE(read),      CASE(readv),           CASE(open),    CASE(waitpid), CASE(wait),
	CASE(wait4),     CASE(waitid),          CASE(eventfd),
};

static void clean(void *arg)
{
	(void)arg;
	cleaned = 1;
}

static void *run(void *arg)
{
	const struct test *t = arg;

	pthread_cleanup_push(clean, NULL);
	blocked = tid();
	t->run();
	pthread_cleanup_pop(0);
	return NULL;
}

static void one(const struct test *t)
{
	void *result;
	pthread_t th;

	blocked = cleaned = 0;
	pthread_create(&th, NULL, run, (void *)t);
	while (!blocked)
		;
	wait_blocked(blocked, -1);
	pthread_cancel(th);
	pthread_join(th, &result);
	say("%s: cancelled %d cleaned %d", t->name, result == PTHREAD_CANCELED, cleaned);
}

int main(void)
{
	snprintf(fifo, sizeof(fifo), "/tmp/iocancel.%d", getpid());
	event = eventfd(0, 0);
	if (pipe(quiet) != 0 || event < 0 || mkfifo(fifo, 0600) != 0)
		broken("descriptors");
	child = fork();
	if (child == 0)
		for (;;)
			syscall(SYS_ppoll, NULL, 0, NULL, NULL); /* raw: no recording to leave */
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		one(&tests[i]);
	unlink(fifo);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
