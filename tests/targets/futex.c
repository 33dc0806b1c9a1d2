/* SPDX-License-Identifier: MIT */
/*
 * futex.c - futex(2) by syscall(), as libraries call it, and says each call.
 *
 *   futex calls    every operation that waits or wakes, at once and with a second thread
 *   futex timed    waits 2 s with a relative limit; says how that ended
 *   futex parked   waits without a limit
 */
#include <linux/futex.h>
#include <pthread.h>

#include "truth.h"

#define WAITV 449

struct waitv {
	uint64_t val, addr;
	uint32_t flags, reserved;
};

static uint32_t word, other, pi;
static int waiter;

static void said(const char *event, const void *addr, long op, long rc, int owner)
{
	say("{\"event\":\"%s\",\"futex\":%lu,\"op\":%ld,\"result\":%ld,\"err\":%d,\"tid\":%d,"
	    "\"owner\":%d}",
	    event, (unsigned long)addr, op, rc, rc < 0 ? errno : 0, tid(), owner);
}

static NOINLINE void wait_on(uint32_t *w, int op, uint32_t val, const struct timespec *limit)
{
	long rc = syscall(SYS_futex, w, op, val, limit, NULL, FUTEX_BITSET_MATCH_ANY);

	said("futex.wait", w, op, rc, 0);
}

static NOINLINE void wake(uint32_t *w, int op, uint32_t n)
{
	long rc = syscall(SYS_futex, w, op, n, 0L, NULL, FUTEX_BITSET_MATCH_ANY);

	said("futex.wake", w, op, rc, 0);
}

static void *sleeps(void *how)
{
	waiter = tid();
	wait_on(&word, FUTEX_WAIT_PRIVATE, 0, NULL);
	if (how) /* it was moved to the other word */
		return NULL;
	wait_on(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL);
	return NULL;
}

static void *wants_pi(void *owner)
{
	long rc;

	waiter = tid();
	rc = syscall(SYS_futex, &pi, FUTEX_LOCK_PI_PRIVATE, 0L, NULL);
	said("futex.wait", &pi, FUTEX_LOCK_PI_PRIVATE, rc, *(int *)owner);
	syscall(SYS_futex, &pi, FUTEX_UNLOCK_PI_PRIVATE);
	said("futex.wake", &pi, FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
	return NULL;
}

static void asleep(void)
{
	int t;

	while (!(t = __atomic_load_n(&waiter, __ATOMIC_ACQUIRE)))
		sched_yield();
	wait_blocked(t, SYS_futex);
}

static void with_a_second_thread(void)
{
	pthread_t t;
	long rc;

	pthread_create(&t, NULL, sleeps, NULL);
	asleep();
	wake(&word, FUTEX_WAKE_PRIVATE, 1);
	/* in between it does not sleep on this word: who is not there cannot be woken */
	while (syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 5L, 0L, NULL, -1L) == 0)
		sched_yield();
	pthread_join(t, NULL);
	waiter = 0;
	pthread_create(&t, NULL, sleeps, &word);
	asleep();
	rc = syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 0L, 9L, &other, 0L);
	said("futex.wake", &word, FUTEX_CMP_REQUEUE_PRIVATE, rc, 0);
	wake(&other, FUTEX_WAKE_PRIVATE, 7);
	pthread_join(t, NULL);
}

static void with_an_owner(void)
{
	int mine = tid();
	pthread_t t;
	long rc;

	waiter = 0;
	pi = (uint32_t)mine;
	pthread_create(&t, NULL, wants_pi, &mine);
	asleep();
	rc = syscall(SYS_futex, &pi, FUTEX_UNLOCK_PI_PRIVATE);
	said("futex.wake", &pi, FUTEX_UNLOCK_PI_PRIVATE, rc, 0);
	pthread_join(t, NULL);
}

static void calls(void)
{
	struct timespec ms = {0, 3000000}, until = in_ms(CLOCK_MONOTONIC, 3);
	struct timespec real = in_ms(CLOCK_REALTIME, 3);
	struct waitv v = {0, (uint64_t)&other, FUTEX_PRIVATE_FLAG | 2, 0};
	long rc;

	wait_on(&word, FUTEX_WAIT, 5, NULL);
	wait_on(&word, FUTEX_WAIT_PRIVATE, 0, &ms);
	wait_on(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until);
	wait_on(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &real);
	wait_on((uint32_t *)8, FUTEX_WAIT, 0, NULL);
	wait_on(&word, FUTEX_WAIT_PRIVATE, 0, (struct timespec *)8);
	wake(&word, FUTEX_WAKE_PRIVATE, 1);
	wake((uint32_t *)((char *)&word + 1), FUTEX_WAKE_PRIVATE, 1);
	until = in_ms(CLOCK_MONOTONIC, 3);
	rc = syscall(WAITV, &v, 1L, 0L, &until, (long)CLOCK_MONOTONIC);
	if (rc < 0 && errno != ENOSYS)
		said("futex.wait", &other, 0x10000, rc, 0);
	with_a_second_thread();
	with_an_owner();
}

static void timed(void)
{
	struct timespec limit = {2, 0};
	long began, rc;

	began = now_ms();
	say("{\"tid\":%d,\"began_ms\":%ld}", tid(), began);
	rc = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0L, &limit);
	say("{\"result\":%ld,\"errno\":%d,\"took_ms\":%ld}", rc, errno, now_ms() - began);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "calls";

	if (!strcmp(how, "timed")) {
		timed();
	} else if (!strcmp(how, "parked")) {
		say("{\"tid\":%d,\"futex\":%lu}", tid(), (unsigned long)&word);
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0L, NULL);
	} else {
		calls();
	}
	return 0;
}
