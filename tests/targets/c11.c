/* SPDX-License-Identifier: MIT */
/*
 * c11.c - <threads.h>: its functions do not call those of POSIX through the PLT. Said as in
 * truth.c.
 */
#include <poll.h>
#include <threads.h>

#include "did.h"

static mtx_t mutex;
static cnd_t cond;
static once_flag once = ONCE_FLAG_INIT;
static volatile int waiter_tid;
static int signalled;

/* Results as the recording has them. */
static int as_errno(int result)
{
	return result == thrd_success    ? 0
	       : result == thrd_busy     ? EBUSY
	       : result == thrd_timedout ? ETIMEDOUT
					 : EINVAL;
}

#define LOCK_DID(via)                                                                              \
	DID("mutex.lock", via, "\"lock\":\"%p\",\"err\":%d", (void *)&mutex, as_errno(rc))
#define LIFE_DID(event, via, p)                                                                    \
	DID(event, via, "\"lock\":\"%p\",\"err\":%d", (void *)(p), as_errno(rc))

NOINLINE static void mutexes(void)
{
	struct timespec t;

	rc = CALL(mtx_init(&mutex, mtx_timed));
	LIFE_DID("lock.init", "mtx_init", &mutex);
	rc = CALL(mtx_lock(&mutex));
	LOCK_DID("mtx_lock");
	rc = CALL(mtx_trylock(&mutex));
	must(rc == thrd_busy, "mtx_trylock");
	LOCK_DID("mtx_trylock");
	t = in_ms(CLOCK_REALTIME, 15);
	rc = CALL(mtx_timedlock(&mutex, &t));
	must(rc == thrd_timedout, "mtx_timedlock");
	LOCK_DID("mtx_timedlock");
	rc = CALL(mtx_unlock(&mutex));
	DID("mutex.unlock", "mtx_unlock", "\"lock\":\"%p\"", (void *)&mutex);
	rc = CALL(mtx_trylock(&mutex));
	LOCK_DID("mtx_trylock");
	mtx_unlock(&mutex);
}

static void nap(void)
{
	poll(NULL, 0, 20);
}

NOINLINE static void onces(void)
{
	CALL(call_once(&once, nap));
	DID("once", "call_once", "\"once\":\"%p\",\"waited\":0", (void *)&once);
	call_once(&once, nap); /* no event */
}

#define WAIT_DID(via)                                                                              \
	DID("cond.wait", via, "\"cond\":\"%p\",\"lock\":\"%p\",\"err\":%d", (void *)&cond,         \
	    (void *)&mutex, as_errno(rc))

NOINLINE static int cond_waiter(void *arg)
{
	mtx_lock(&mutex);
	waiter_tid = tid();
	while (!signalled) {
		rc = CALL(cnd_wait(&cond, &mutex));
		WAIT_DID("cnd_wait");
	}
	mtx_unlock(&mutex);
	return *(int *)arg;
}

NOINLINE static void threads(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 15);
	int seven = -7, got = 0;
	thrd_t th;

	rc = CALL(cnd_init(&cond));
	LIFE_DID("lock.init", "cnd_init", &cond);
	mtx_lock(&mutex);
	rc = CALL(cnd_timedwait(&cond, &mutex, &t));
	must(rc == thrd_timedout, "cnd_timedwait");
	WAIT_DID("cnd_timedwait");
	mtx_unlock(&mutex);
	rc = CALL(thrd_create(&th, cond_waiter, &seven));
	DID("thread.create", "thrd_create", "\"handle\":\"0x%lx\",\"routine\":\"%p\",\"err\":0", th,
	    (void *)cond_waiter);
	while (!waiter_tid)
		poll(NULL, 0, 1);
	wait_blocked(waiter_tid, SYS_futex);
	mtx_lock(&mutex);
	signalled = 1;
	CALL(cnd_signal(&cond));
	DID("cond.signal", "cnd_signal", "\"cond\":\"%p\",\"waiters\":1", (void *)&cond);
	mtx_unlock(&mutex);
	rc = CALL(thrd_join(th, &got));
	must(rc == thrd_success && got == seven, "thrd_join");
	DID("thread.join", "thrd_join", "\"handle\":\"0x%lx\",\"err\":0", th);
	say("{\"event\":\"thread.start\",\"via\":\"\",\"tid\":%d,\"routine\":\"%p\",\"creator\":%"
	    "d}",
	    waiter_tid, (void *)cond_waiter, tid());
	CALL(cnd_broadcast(&cond));
	DID("cond.broadcast", "cnd_broadcast", "\"cond\":\"%p\",\"waiters\":0", (void *)&cond);
}

NOINLINE static int leaves(void *arg)
{
	thrd_exit(*(int *)arg);
}

NOINLINE static void ends(void)
{
	int five = 5, got = 0;
	thrd_t th;

	must(thrd_create(&th, leaves, &five) == thrd_success, "thrd_create");
	must(thrd_join(th, &got) == thrd_success && got == five, "thrd_exit");
	must(thrd_create(&th, leaves, &five) == thrd_success, "thrd_create");
	rc = CALL(thrd_detach(th));
	DID("thread.detach", "thrd_detach", "\"handle\":\"0x%lx\",\"err\":0", th);
	CALL(cnd_destroy(&cond));
	rc = thrd_success;
	LIFE_DID("lock.destroy", "cnd_destroy", &cond);
	CALL(mtx_destroy(&mutex));
	LIFE_DID("lock.destroy", "mtx_destroy", &mutex);
}

int main(void)
{
	mutexes();
	onces();
	threads();
	ends();
	return 0;
}
