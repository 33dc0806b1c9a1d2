/* SPDX-License-Identifier: MIT */
/*
 * synceintr.c - waits for semaphores and file locks while somebody sends signals.
 *
 *   synceintr CALL TENTHS [alarm]
 *
 * As eintr.c. A thread of its own ends the calls without a timeout after TENTHS. With `alarm` a
 * handler of the program's own, without SA_RESTART, interrupts the call earlier.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>

#include "truth.h"

static sem_t sem;
static int ms, mine, theirs;

static int do_sem_timedwait(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, ms);

	return sem_timedwait(&sem, &t);
}

static int do_sem_clockwait(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, ms);

	return sem_clockwait(&sem, CLOCK_MONOTONIC, &t);
}

static int do_sem_wait(void)
{
	return sem_wait(&sem);
}

static int do_flock(void)
{
	return flock(mine, LOCK_EX);
}

/* Keeps its hands off the semaphore of the timed waits. */
static void *end_it(void *call)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	poll(NULL, 0, ms);
	if (call == (void *)do_sem_wait)
		sem_post(&sem);
	if (call == (void *)do_flock)
		flock(theirs, LOCK_UN);
	return NULL;
}

static void on_alarm(int sig)
{
}

static void set_alarm(void)
{
	struct itimerval soon = {.it_value = {0, 50000}};
	struct sigaction a = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static const struct {
	const char *name;
	int (*run)(void);
} calls[] = {
	{"sem_timedwait", do_sem_timedwait},
	{"sem_clockwait", do_sem_clockwait},
	{"sem_wait", do_sem_wait},
	{"flock", do_flock},
};

int main(int argc, char **argv)
{
	char name[] = "/tmp/fr-eintr-XXXXXX";

	mine = mkstemp(name);
	theirs = open(name, O_RDWR);
	unlink(name);
	if (argc < 3 || mine < 0 || theirs < 0 || sem_init(&sem, 0, 0) || flock(theirs, LOCK_EX))
		broken("usage: synceintr CALL TENTHS [alarm]");
	ms = atoi(argv[2]) * 100;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		pthread_t t;
		long start;
		int rc;

		if (strcmp(argv[1], calls[i].name) != 0)
			continue;
		if (pthread_create(&t, NULL, end_it, (void *)calls[i].run))
			broken("pthread_create");
		say("{\"tid\":%d}", tid());
		if (argc > 3)
			set_alarm();
		start = now_ms();
		errno = 0;
		rc = calls[i].run();
		say("{\"result\":%d,\"errno\":%d,\"took_ms\":%ld}", rc, errno, now_ms() - start);
		_exit(0);
	}
	return 1;
}
