/* SPDX-License-Identifier: MIT */
/*
 * jumps.c - jumps out of calls, with setjmp over frames and with siglongjmp out of a handler.
 *
 *   jumps N       N times a timer's handler jumps out of a call that waits, or from wherever the
 *                 program (or the recorder in it) is just then; only calls that may be left so
 *
 * Then it does a known work in peace, and says it.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "truth.h"

static sigjmp_buf back;
static jmp_buf out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once;
static volatile int jumps, calls;
static int quiet[2], echo[2];

static void jump(int sig)
{
	siglongjmp(back, sig);
}

static void tick(long us)
{
	struct itimerval t = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* One of the calls that a handler may leave for good. */
static void one(unsigned int i)
{
	struct timespec long_time = {0, 1000000};
	char c;

	switch (i % 8) {
	case 0:
		if (read(quiet[0], &c, 1) < 0)
			break;
		break;
	case 1:
		poll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, 2);
		break;
	case 2:
		recv(quiet[0], &c, 1, 0);
		break;
	case 3:
		nanosleep(&long_time, NULL);
		break;
	default:
		for (int k = 0; k < 200; k++)
			if (send(echo[1], "x", 1, 0) == 1)
				recv(echo[0], &c, 1, MSG_DONTWAIT);
	}
}

static void jump_out(void)
{
	longjmp(out, 1);
}

/* The init function of a once leaves by a jump, over the recorder's frame. */
static void over_frames(void)
{
	if (setjmp(out) == 0) {
		pthread_once(&once, jump_out);
		broken("came back");
	}
}

NOINLINE static void work_in_peace(void)
{
	pthread_mutex_lock(&lock);
	free(malloc(4321));
	pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = jump};
	volatile unsigned int i = 0;
	int n = argc > 1 ? atoi(argv[1]) : 1000;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) || socketpair(AF_UNIX, SOCK_STREAM, 0, echo))
		broken("socketpair");
	sigaction(SIGALRM, &act, NULL);
	tick(700);
	if (sigsetjmp(back, 1) != 0)
		jumps++;
	while (jumps < n)
		one(i++);
	tick(0);
	signal(SIGALRM, SIG_IGN);
	over_frames();
	for (int k = 0; k < 10; k++)
		work_in_peace();
	say("{\"tid\":%d,\"lock\":\"%p\",\"locks\":10}", tid(), (void *)&lock);
	syscall(SYS_read, 0, &n, 1); /* until the test has looked */
	return 0;
}
