/* SPDX-License-Identifier: MIT */
/*
 * threads.c - detach, cancel, names by prctl, and threads that are cancelled while they wait.
 *
 * The cancelled wait is said by the main thread, with the place of the call that never returned.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#include "did.h"

static volatile int started_tid, started_line;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem, done, alone;
static pthread_t sleeper;

/* ---- without waiting ------------------------------------------------------------------------- */

NOINLINE static void *waits_for(void *its_end)
{
	sem_wait(its_end);
	return NULL;
}

NOINLINE static void detached(void)
{
	pthread_t t;

	must(pthread_create(&t, NULL, waits_for, &alone) == 0, "pthread_create");
	rc = CALL(pthread_detach(t));
	DID("thread.detach", "pthread_detach", "\"handle\":\"0x%lx\",\"err\":0", t);
	rc = CALL(pthread_detach(t));
	must(rc == EINVAL, "second pthread_detach");
	DID("thread.detach", "pthread_detach", "\"handle\":\"0x%lx\",\"err\":%d", t, rc);
	sem_post(&alone);
}

NOINLINE static void named(void)
{
	rc = CALL(prctl(PR_SET_NAME, "by prctl, and too long for it", 0, 0, 0));
	DID("thread.name", "prctl", "\"handle\":\"0x%lx\",\"name\":\"by prctl, and t\"",
	    pthread_self());
}

/* ---- joined in other ways -------------------------------------------------------------------- */

#define JOINED(via, t) DID("thread.join", via, "\"handle\":\"0x%lx\",\"err\":%d", t, rc)

NOINLINE static void joined(void)
{
	struct timespec until = in_ms(CLOCK_REALTIME, 15);
	pthread_t t;

	must(pthread_create(&t, NULL, waits_for, &alone) == 0, "pthread_create");
	rc = CALL(pthread_tryjoin_np(t, NULL));
	must(rc == EBUSY, "pthread_tryjoin_np of a thread that runs");
	JOINED("pthread_tryjoin_np", t);
	rc = CALL(pthread_timedjoin_np(t, NULL, &until));
	must(rc == ETIMEDOUT, "pthread_timedjoin_np of a thread that runs");
	JOINED("pthread_timedjoin_np", t);
	until = in_ms(CLOCK_MONOTONIC, 15);
	rc = CALL(pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &until));
	must(rc == ETIMEDOUT, "pthread_clockjoin_np of a thread that runs");
	JOINED("pthread_clockjoin_np", t);
	sem_post(&alone);
	until = in_ms(CLOCK_MONOTONIC, 20000);
	rc = CALL(pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &until));
	must(rc == 0, "pthread_clockjoin_np");
	JOINED("pthread_clockjoin_np", t);
}

/* ---- cancelled in a wait --------------------------------------------------------------------- */

static void unlock(void *m)
{
	pthread_mutex_unlock(m);
}

/* Waits in the clean-up, too: the first wait is the one that was cancelled. */
static void clean_slowly(void *m)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 20);

	pthread_mutex_timedlock(&busy, &t);
	pthread_mutex_unlock(m);
}

NOINLINE static void *in_sem(void *arg)
{
	started_tid = tid();
	started_line = __LINE__ + 1;
	sem_wait(&sem);
	return arg;
}

NOINLINE static void *in_cond(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	started_tid = tid();
	started_line = __LINE__ + 1;
	pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
	return arg;
}

NOINLINE static void *in_cond_slowly(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(clean_slowly, &mutex);
	started_tid = tid();
	started_line = __LINE__ + 1;
	pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
	return arg;
}

NOINLINE static void *in_join(void *arg)
{
	started_tid = tid();
	started_line = __LINE__ + 1;
	pthread_join(sleeper, NULL);
	return arg;
}

NOINLINE static void *in_poll(void *arg)
{
	struct pollfd none = {-1, 0, 0};

	started_tid = tid();
	started_line = __LINE__ + 1;
	poll(&none, 1, -1);
	return arg;
}

NOINLINE static void cancel_in(void *(*fn)(void *), const char *name, const char *via, void *object,
			       void *lock)
{
	void *value;
	pthread_t t;

	started_tid = 0;
	must(pthread_create(&t, NULL, fn, NULL) == 0, "pthread_create");
	while (!started_tid)
		poll(NULL, 0, 1);
	wait_blocked(started_tid, -1);
	rc = CALL(pthread_cancel(t));
	DID("thread.cancel", "pthread_cancel", "\"handle\":\"0x%lx\",\"err\":0", t);
	must(pthread_join(t, &value) == 0 && value == PTHREAD_CANCELED, "cancelled");
	say("{\"event\":\"thread.cancelled\",\"via\":\"%s\",\"tid\":%d,\"fn\":\"%s\",\"line\":%d,"
	    "\"object\":\"%p\",\"lock\":\"%p\"}",
	    via, started_tid, name, started_line, object, lock);
	say("{\"event\":\"thread.exit\",\"via\":\"\",\"tid\":%d,\"handle\":\"0x%lx\"}", started_tid,
	    t);
}

int main(void)
{
	must(sem_init(&sem, 0, 0) == 0 && sem_init(&done, 0, 0) == 0 && sem_init(&alone, 0, 0) == 0,
	     "sem_init");
	pthread_mutex_lock(&busy);
	joined();
	detached();
	named();
	must(pthread_create(&sleeper, NULL, waits_for, &done) == 0, "pthread_create");
	cancel_in(in_sem, "in_sem", "sem_wait", &sem, NULL);
	cancel_in(in_cond, "in_cond", "pthread_cond_wait", &cond, &mutex);
	cancel_in(in_cond_slowly, "in_cond_slowly", "pthread_cond_wait", &cond, &mutex);
	cancel_in(in_join, "in_join", "pthread_join", (void *)sleeper, NULL);
	cancel_in(in_poll, "in_poll", "poll", (void *)-1, NULL);
	sem_post(&done);
	pthread_join(sleeper, NULL);
	return 0;
}
