/* SPDX-License-Identifier: MIT */
/*
 * sigwaits.c - programs that wait for their signals.
 *
 *   sigwaits CALL [SIGNALS]     CALL: sigwait sigwaitinfo sigtimedwait signalfd; SIGNALS: "usr1" or
 *                               "all". Takes SIGUSR1 out of the queue, all threads block it; says
 *                               each signal. SIGTERM ends it.
 *   sigwaits timed TENTHS       sigtimedwait that nothing ends; says errno and how long it took
 *   sigwaits CALL               CALL: pause sigsuspend; a handler of SIGUSR2 counts; says each
 *                               return; SIGTERM ends it
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "truth.h"

static sigset_t set;
static int from_fd = -1;
static volatile int handled;

static int next(const char *call)
{
	struct timespec long_time = {60, 0};
	struct signalfd_siginfo info;
	int sig = -1;

	if (strcmp(call, "sigwait") == 0)
		return sigwait(&set, &sig) == 0 ? sig : -1;
	if (strcmp(call, "sigwaitinfo") == 0)
		return sigwaitinfo(&set, NULL);
	if (strcmp(call, "sigtimedwait") == 0)
		return sigtimedwait(&set, NULL, &long_time);
	if (from_fd < 0)
		from_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return read(from_fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : -1;
}

static void queue(const char *call)
{
	int sig = 0;

	while (sig != SIGTERM) {
		sig = next(call);
		say("{\"got\":%d,\"errno\":%d}", sig, sig < 0 ? errno : 0);
	}
}

static void timed(int tenths)
{
	struct timespec t = {tenths / 10, tenths % 10 * 100000000L};
	long start = now_ms();
	int rc;

	rc = sigtimedwait(&set, NULL, &t);
	say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld}", rc, errno, now_ms() - start);
}

static void count(int sig)
{
	handled += sig == SIGUSR2 ? 1 : 1000;
}

static void paused(const char *call)
{
	struct sigaction act = {.sa_handler = count};
	sigset_t none;
	int rc;

	sigemptyset(&none);
	sigaction(SIGUSR2, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (handled < 1000) {
		rc = strcmp(call, "pause") == 0 ? pause() : sigsuspend(&none);
		say("{\"returned\":%d,\"errno\":%d,\"handled\":%d}", rc, errno, handled);
	}
}

/* Where a signal for the process could go that this thread did not block. */
static void *other_thread(void *arg)
{
	sigset_t mine;

	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	sigaddset(&mine, SIGUSR2);
	sigaddset(&mine, SIGTERM);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	for (;;)
		poll(NULL, 0, -1);
	return arg;
}

int main(int argc, char **argv)
{
	const char *call = argc > 1 ? argv[1] : "";
	pthread_t t;

	if (argc > 2 && strcmp(argv[2], "all") == 0)
		sigfillset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	if (strcmp(call, "pause") != 0 && strcmp(call, "sigsuspend") != 0)
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (strcmp(call, "timed") != 0 && pthread_create(&t, NULL, other_thread, NULL))
		broken("pthread_create");
	say("{\"tid\":%d}", tid());
	if (strcmp(call, "timed") == 0)
		timed(atoi(argv[2]));
	else if (strcmp(call, "pause") == 0 || strcmp(call, "sigsuspend") == 0)
		paused(call);
	else
		queue(call);
	return 0;
}
