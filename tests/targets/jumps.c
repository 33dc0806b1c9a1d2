/* SPDX-License-Identifier: MIT */
/*
 * jumps.c - jumps out of calls, with setjmp over frames and with siglongjmp out of a handler.
 *
 *   jumps N       N times a timer's handler jumps out of a call that waits, or from wherever the
 *                 program (or the recorder in it) is just then; only calls that may be left so
 *   jumps N onstack   the handler is one for an alternate stack, which only another thread has
 *   jumps N stay      such a handler makes one call and comes back, into the recorder or not
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
static int idle[2], echo[2];

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
		if (read(idle[0], &c, 1) < 0)
			break;
		break;
	case 1:
		poll(&(struct pollfd){idle[0], POLLIN, 0}, 1, 2);
		break;
	case 2:
		recv(idle[0], &c, 1, 0);
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

static void call_and_come_back(int sig)
{
	jumps += send(echo[1], "x", 1, MSG_DONTWAIT) == 1;
}

static void stay(int n)
{
	char bytes[4096];

	while (jumps < n) {
		for (int k = 0; k < 50000; k++) {
			pthread_mutex_lock(&lock);
			pthread_mutex_unlock(&lock);
		}
		while (recv(echo[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
	}
	tick(0);
	say("{\"tid\":%d,\"sends\":%d}", tid(), jumps);
}

static void *with_a_stack(void *arg)
{
	static char stack[65536];
	stack_t st = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&st, NULL);
	return arg;
}

static void somebody_has_a_stack(void)
{
	pthread_t t;

	pthread_create(&t, NULL, with_a_stack, NULL);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = jump, .sa_flags = argc > 2 ? SA_ONSTACK : 0};
	volatile unsigned int i = 0;
	int n = argc > 1 ? atoi(argv[1]) : 1000;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, idle) || socketpair(AF_UNIX, SOCK_STREAM, 0, echo))
		broken("socketpair");
	if (argc > 2)
		somebody_has_a_stack();
	if (argc > 2 && strcmp(argv[2], "stay") == 0)
		act.sa_handler = call_and_come_back;
	sigaction(SIGALRM, &act, NULL);
	tick(700);
	if (act.sa_handler != jump) {
		stay(n);
		return 0;
	}
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
