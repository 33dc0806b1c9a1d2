/* SPDX-License-Identifier: MIT */
/*
 * synccancel.c - a thread is cancelled in calls that wait, and in the init function of a once,
 * which also jumps out of itself. As cancel.c: it ends, has cleaned up, and everything works again.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <threads.h>

#include "truth.h"

static sem_t sem;
static mtx_t mutex;
static cnd_t cond;
static pthread_once_t once;
static thrd_t sleeper;
static sem_t never;
static int file, held;

static void do_sem_wait(void)
{
	sem_wait(&sem);
}
static void do_sem_timedwait(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 60000);

	sem_timedwait(&sem, &t);
}
static void do_sem_clockwait(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 60000);

	sem_clockwait(&sem, CLOCK_MONOTONIC, &t);
}
static void do_cnd_wait(void)
{
	mtx_lock(&mutex);
	cnd_wait(&cond, &mutex);
}
static void do_cnd_timedwait(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 60000);

	mtx_lock(&mutex);
	cnd_timedwait(&cond, &mutex, &t);
}
static void do_thrd_join(void)
{
	thrd_join(sleeper, NULL);
}
static void do_fcntl(void)
{
	struct flock l = {.l_type = F_WRLCK};

	fcntl(file, F_OFD_SETLKW, &l);
}
static void wait_in_init(void)
{
	sem_wait(&never);
}
static void do_once(void)
{
	pthread_once(&once, wait_in_init);
}

static const struct test {
	const char *name;
	void (*run)(void);
	int owns_mutex;
} tests[] = {
	{"sem_wait", do_sem_wait, 0},
	{"sem_timedwait", do_sem_timedwait, 0},
	{"sem_clockwait", do_sem_clockwait, 0},
	{"cnd_wait", do_cnd_wait, 1},
	{"cnd_timedwait", do_cnd_timedwait, 1},
	{"thrd_join", do_thrd_join, 0},
	{"fcntl", do_fcntl, 0},
	{"once", do_once, 0},
};

static volatile int blocked_tid;
static int cleaned, owned;

static void clean(void *arg)
{
	const struct test *t = arg;

	cleaned = 1;
	if (t->owns_mutex) {
		owned = mtx_trylock(&mutex) == thrd_busy;
		mtx_unlock(&mutex);
	}
}

static void *run(void *arg)
{
	const struct test *t = arg;

	blocked_tid = tid();
	pthread_cleanup_push(clean, arg);
	t->run();
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_in(const struct test *t)
{
	void *value = NULL;
	pthread_t thread;

	cleaned = owned = blocked_tid = 0;
	if (pthread_create(&thread, NULL, run, (void *)t) != 0)
		broken("pthread_create");
	while (!blocked_tid)
		;
	wait_blocked(blocked_tid, -1);
	pthread_cancel(thread);
	pthread_join(thread, &value);
	say("%s: cancelled %d, cleaned %d, owned %d", t->name, value == PTHREAD_CANCELED, cleaned,
	    owned);
}

static jmp_buf out;
static int jumps, runs;

static void jump_or_run(void)
{
	runs++;
	if (runs <= jumps)
		longjmp(out, 1);
}

/* A jump out of the init function leaves the once in progress: only the way out is tested. */
static void jump(void)
{
	pthread_once_t mine = PTHREAD_ONCE_INIT, next = PTHREAD_ONCE_INIT;

	jumps = 1;
	if (!setjmp(out))
		pthread_once(&mine, jump_or_run);
	pthread_once(&next, jump_or_run);
	say("jumped: runs %d", runs);
}

static void nothing(void)
{
	runs++;
}

static int sleep_for_ever(void *arg)
{
	sem_wait(&never);
	return arg != NULL;
}

int main(void)
{
	struct flock l = {.l_type = F_WRLCK};
	char name[] = "/tmp/fr-cancel-XXXXXX";

	file = mkstemp(name);
	held = open(name, O_RDWR);
	unlink(name);
	if (file < 0 || held < 0 || fcntl(held, F_OFD_SETLK, &l) || sem_init(&sem, 0, 0) ||
	    sem_init(&never, 0, 0) || mtx_init(&mutex, mtx_timed) || cnd_init(&cond) ||
	    thrd_create(&sleeper, sleep_for_ever, NULL))
		broken("setup");
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
			cancel_in(&tests[i]);
	say("once again: %d, runs %d", pthread_once(&once, nothing), runs);
	runs = 0;
	jump();
	return 0;
}
