/* SPDX-License-Identifier: MIT */
/*
 * sync.c - semaphores, spin locks, barriers, once, file locks, and locks made and destroyed: each
 * call with known arguments and result, said as in truth.c. test_sync.py compares.
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/file.h>

#include "did.h"

/* Starts FN in a thread that says its tid, and waits until it sleeps in the kernel. */
static volatile int started_tid;

static pthread_t start_blocked(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	started_tid = 0;
	must(pthread_create(&t, NULL, fn, arg) == 0, "pthread_create");
	while (!started_tid)
		poll(NULL, 0, 1);
	wait_blocked(started_tid, -1);
	return t;
}

/* ---- locks made and destroyed ---------------------------------------------------------------- */

#define INIT_DID(via, p, value)                                                                    \
	DID("lock.init", via, "\"lock\":\"%p\",\"value\":%d,\"err\":%d", (void *)(p), value, rc)
#define DESTROY_DID(via, p) DID("lock.destroy", via, "\"lock\":\"%p\",\"err\":%d", (void *)(p), rc)

NOINLINE static void lives(void)
{
	pthread_mutexattr_t attr;
	pthread_rwlock_t rwlock;
	pthread_mutex_t mutex;
	pthread_cond_t cond;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	rc = CALL(pthread_mutex_init(&mutex, &attr));
	INIT_DID("pthread_mutex_init", &mutex, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_lock(&mutex);
	rc = CALL(pthread_mutex_destroy(&mutex));
	must(rc == EBUSY, "destroy of a locked mutex");
	DESTROY_DID("pthread_mutex_destroy", &mutex);
	pthread_mutex_unlock(&mutex);
	rc = CALL(pthread_mutex_destroy(&mutex));
	DESTROY_DID("pthread_mutex_destroy", &mutex);
	rc = CALL(pthread_rwlock_init(&rwlock, NULL));
	INIT_DID("pthread_rwlock_init", &rwlock, 0);
	rc = CALL(pthread_rwlock_destroy(&rwlock));
	DESTROY_DID("pthread_rwlock_destroy", &rwlock);
	rc = CALL(pthread_cond_init(&cond, NULL));
	INIT_DID("pthread_cond_init", &cond, 0);
	rc = CALL(pthread_cond_destroy(&cond));
	DESTROY_DID("pthread_cond_destroy", &cond);
}

/* ---- spin locks ------------------------------------------------------------------------------ */

static pthread_spinlock_t spin;

#define SPIN_DID(via) DID("spin.lock", via, "\"lock\":\"%p\",\"err\":%d", (void *)&spin, rc)
#define UNSPIN_DID(contended)                                                                      \
	DID("spin.unlock", "pthread_spin_unlock", "\"lock\":\"%p\",\"contended\":%d",              \
	    (void *)&spin, contended)

static atomic_bool spins_next;
#if defined(__x86_64__)
#define SPIN_WORD_TELLS 1
#else
#define SPIN_WORD_TELLS 0
#endif

NOINLINE static void *spinner(void *arg)
{
	started_tid = tid();
	atomic_store(&spins_next, true);
	rc = CALL(pthread_spin_lock(&spin));
	DID("spin.lock", "pthread_spin_lock", "\"lock\":\"%p\",\"err\":0,\"waited_ms\":30",
	    (void *)&spin);
	pthread_spin_unlock(&spin);
	return arg;
}

NOINLINE static void spins(void)
{
	pthread_t t;

	rc = CALL(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
	INIT_DID("pthread_spin_init", &spin, 0);
	rc = CALL(pthread_spin_trylock(&spin));
	SPIN_DID("pthread_spin_trylock");
	rc = CALL(pthread_spin_trylock(&spin));
	must(rc == EBUSY, "second spin_trylock");
	SPIN_DID("pthread_spin_trylock");
	CALL(pthread_spin_unlock(&spin));
	UNSPIN_DID(0);
	rc = CALL(pthread_spin_lock(&spin));
	SPIN_DID("pthread_spin_lock");
	must(pthread_create(&t, NULL, spinner, NULL) == 0, "pthread_create");
#if defined(__x86_64__)
	while (spin >= 0) /* below 0 once somebody spins */
		poll(NULL, 0, 1);
#else
	while (!spins_next) /* the word tells nobody, so nobody can tell it at the unlock */
		poll(NULL, 0, 1);
#endif
	poll(NULL, 0, 40);
	CALL(pthread_spin_unlock(&spin));
	UNSPIN_DID(SPIN_WORD_TELLS);
	pthread_join(t, NULL);
	rc = CALL(pthread_spin_destroy(&spin));
	DESTROY_DID("pthread_spin_destroy", &spin);
}

/* ---- semaphores ------------------------------------------------------------------------------ */

static sem_t sem;

#define WAIT_DID(via, s) DID("sem.wait", via, "\"sem\":\"%p\",\"err\":%d", (void *)(s), err_of(rc))
#define POST_DID(s, n)                                                                             \
	DID("sem.post", "sem_post", "\"sem\":\"%p\",\"waiters\":%d,\"err\":%d", (void *)(s), n,    \
	    err_of(rc))

NOINLINE static void *sem_waiter(void *arg)
{
	started_tid = tid();
	rc = CALL(sem_wait(&sem));
	DID("sem.wait", "sem_wait", "\"sem\":\"%p\",\"err\":0,\"waited_ms\":30", (void *)&sem);
	return arg;
}

NOINLINE static void semaphores(void)
{
	struct timespec t;
	pthread_t waiter;
	sem_t most;

	rc = CALL(sem_init(&sem, 0, 1));
	INIT_DID("sem_init", &sem, 1);
	rc = CALL(sem_wait(&sem));
	WAIT_DID("sem_wait", &sem);
	rc = CALL(sem_trywait(&sem));
	must(rc < 0 && errno == EAGAIN, "sem_trywait");
	WAIT_DID("sem_trywait", &sem);
	t = in_ms(CLOCK_REALTIME, 15);
	rc = CALL(sem_timedwait(&sem, &t));
	must(rc < 0 && errno == ETIMEDOUT, "sem_timedwait");
	WAIT_DID("sem_timedwait", &sem);
	t = in_ms(CLOCK_MONOTONIC, 15);
	rc = CALL(sem_clockwait(&sem, CLOCK_MONOTONIC, &t));
	must(rc < 0 && errno == ETIMEDOUT, "sem_clockwait");
	WAIT_DID("sem_clockwait", &sem);
	waiter = start_blocked(sem_waiter, NULL);
	poll(NULL, 0, 40);
	rc = CALL(sem_post(&sem));
	POST_DID(&sem, 1);
	pthread_join(waiter, NULL);
	rc = CALL(sem_post(&sem));
	POST_DID(&sem, 0);
	must(sem_init(&most, 0, SEM_VALUE_MAX) == 0, "sem_init");
	rc = CALL(sem_post(&most));
	must(rc < 0 && errno == EOVERFLOW, "sem_post at the limit");
	POST_DID(&most, 0);
	rc = CALL(sem_destroy(&sem));
	DESTROY_DID("sem_destroy", &sem);
}

NOINLINE static void named(void)
{
	char name[64];
	sem_t *s;

	snprintf(name, sizeof(name), "/fr-sync-%d", getpid());
	s = CALL(sem_open(name, 0));
	must(s == SEM_FAILED && errno == ENOENT, "sem_open of nothing");
	DID("sem.open", "sem_open", "\"err\":%d", errno);
	s = CALL(sem_open(name, O_CREAT | O_EXCL, 0600, 1));
	must(s != SEM_FAILED, "sem_open");
	DID("sem.open", "sem_open", "\"sem\":\"%p\",\"name\":\"%s\",\"err\":0", (void *)s, name);
	sem_unlink(name);
	rc = CALL(sem_wait(s));
	WAIT_DID("sem_wait", s);
	rc = CALL(sem_post(s));
	POST_DID(s, 0);
	rc = CALL(sem_close(s));
	DESTROY_DID("sem_close", s);
}

/* ---- barriers -------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

NOINLINE static void *early(void *arg)
{
	started_tid = tid();
	rc = CALL(pthread_barrier_wait(&barrier));
	DID("barrier.wait", "pthread_barrier_wait",
	    "\"barrier\":\"%p\",\"serial\":%d,\"err\":0,\"waited_ms\":30", (void *)&barrier,
	    rc == PTHREAD_BARRIER_SERIAL_THREAD);
	return arg;
}

NOINLINE static void barriers(void)
{
	pthread_t t;

	rc = CALL(pthread_barrier_init(&barrier, NULL, 2));
	INIT_DID("pthread_barrier_init", &barrier, 2);
	t = start_blocked(early, NULL);
	poll(NULL, 0, 40);
	rc = CALL(pthread_barrier_wait(&barrier));
	must(rc == PTHREAD_BARRIER_SERIAL_THREAD, "the last at the barrier");
	DID("barrier.wait", "pthread_barrier_wait", "\"barrier\":\"%p\",\"serial\":1,\"err\":0",
	    (void *)&barrier);
	pthread_join(t, NULL);
	rc = CALL(pthread_barrier_destroy(&barrier));
	DESTROY_DID("pthread_barrier_destroy", &barrier);
}

/* ---- once ------------------------------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int gate[2];

static void slow_init(void)
{
	char c;

	must(read(gate[0], &c, 1) == 1, "read");
}

#define ONCE_DID(waited)                                                                           \
	DID("once", "pthread_once", "\"once\":\"%p\",\"waited\":%d,\"waited_ms\":30",              \
	    (void *)&once, waited)

NOINLINE static void *runs_init(void *arg)
{
	started_tid = tid();
	rc = CALL(pthread_once(&once, slow_init));
	ONCE_DID(0);
	return arg;
}

NOINLINE static void *waits_for_init(void *arg)
{
	started_tid = tid();
	rc = CALL(pthread_once(&once, slow_init));
	ONCE_DID(1);
	return arg;
}

NOINLINE static void onces(void)
{
	pthread_t a, b;

	must(pipe(gate) == 0, "pipe");
	a = start_blocked(runs_init, NULL);
	b = start_blocked(waits_for_init, NULL);
	poll(NULL, 0, 40);
	must(write(gate[1], "x", 1) == 1, "write");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	must(pthread_once(&once, slow_init) == 0, "pthread_once, done"); /* no event */
}

/* ---- file locks ------------------------------------------------------------------------------ */

#define FILE_DID(via, f, mode)                                                                     \
	DID("file.lock", via, "\"fd\":%d,\"mode\":%d,\"err\":%d", f, mode, err_of(rc))

NOINLINE static void *flock_waiter(void *arg)
{
	int fd = *(int *)arg;

	started_tid = tid();
	rc = CALL(flock(fd, LOCK_EX));
	DID("file.lock", "flock", "\"fd\":%d,\"mode\":2,\"err\":0,\"waited_ms\":30", fd);
	flock(fd, LOCK_UN);
	return arg;
}

NOINLINE static void file_locks(void)
{
	struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 10};
	char name[] = "/tmp/fr-sync-XXXXXX";
	int fd = mkstemp(name), other = open(name, O_RDWR);
	pthread_t t;

	must(fd >= 0 && other >= 0 && unlink(name) == 0, "a file");
	rc = CALL(flock(fd, LOCK_SH));
	FILE_DID("flock", fd, 1);
	rc = CALL(flock(other, LOCK_EX | LOCK_NB));
	must(rc < 0 && errno == EWOULDBLOCK, "flock");
	FILE_DID("flock", other, 2);
	t = start_blocked(flock_waiter, &other);
	poll(NULL, 0, 40);
	rc = CALL(flock(fd, LOCK_UN));
	FILE_DID("flock", fd, 3);
	pthread_join(t, NULL);
	rc = CALL(lockf(fd, F_LOCK, 10));
	FILE_DID("lockf", fd, 2);
	rc = CALL(lockf64(fd, F_ULOCK, 10));
	FILE_DID("lockf64", fd, 3);
	rc = CALL(fcntl(fd, F_SETLK, &range));
	FILE_DID("fcntl", fd, 1);
	rc = CALL(fcntl(fd, F_OFD_SETLKW, &range));
	FILE_DID("fcntl", fd, 1);
	range.l_type = F_WRLCK;
	rc = CALL(fcntl64(other, F_OFD_SETLK, &range));
	must(rc < 0 && errno == EAGAIN, "fcntl64");
	FILE_DID("fcntl64", other, 2);
	must(fcntl(fd, F_GETFL) >= 0, "fcntl"); /* no event */
	rc = CALL(fcntl(fd, F_DUPFD_CLOEXEC, 100));
	must(rc >= 100, "F_DUPFD_CLOEXEC");
	DID("fd.dup", "fcntl", "\"old\":%d,\"fd\":%d,\"err\":0", fd, rc);
}

int main(void)
{
	lives();
	spins();
	semaphores();
	named();
	barriers();
	onces();
	file_locks();
	return 0;
}
