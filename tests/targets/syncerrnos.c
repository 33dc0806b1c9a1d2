/* SPDX-License-Identifier: MIT */
/*
 * syncerrnos.c - results and errno of the calls of sync.c, threads.c and c11.c, right and wrong.
 *
 * errno is 77 before each call. The output with and without the recorder must be the same.
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <threads.h>

#include "truth.h"

#define TRY(call)                                                                                  \
	do {                                                                                       \
		long result_;                                                                      \
		errno = 77;                                                                        \
		result_ = (long)(call);                                                            \
		say("%s = %ld, errno %d", #call, result_, errno);                                  \
	} while (0)
#define TRY_VOID(call)                                                                             \
	do {                                                                                       \
		errno = 77;                                                                        \
		call;                                                                              \
		say("%s, errno %d", #call, errno);                                                 \
	} while (0)

static void *volatile wild = (void *)8; /* not mapped */
static struct timespec past = {1, 0}, bad = {1, 2000000000};

static void semaphores(void)
{
	char name[64];
	sem_t s, *n;

	TRY(sem_init(&s, 0, SEM_VALUE_MAX + 1u));
	TRY(sem_init(&s, 0, 1));
	TRY(sem_wait(&s));
	TRY(sem_trywait(&s));
	TRY(sem_timedwait(&s, &past));
	TRY(sem_timedwait(&s, &bad));
	TRY(sem_clockwait(&s, CLOCK_MONOTONIC, &past));
	TRY(sem_clockwait(&s, 99, &past));
	TRY(sem_post(&s));
	TRY(sem_timedwait(&s, &past)); /* at once: the time is not looked at */
	TRY(sem_destroy(&s));
	TRY(sem_init(&s, 0, SEM_VALUE_MAX));
	TRY(sem_post(&s));
	TRY(sem_open("no/such", 0) == SEM_FAILED);
	TRY(sem_open("/fr-none-such", 0) == SEM_FAILED);
	TRY(sem_open("/fr-none-such", O_CREAT, 0600, SEM_VALUE_MAX + 1u) == SEM_FAILED);
	snprintf(name, sizeof(name), "/fr-errnos-%d", getpid());
	TRY((n = sem_open(name, O_CREAT | O_EXCL, 0640, 3)) == SEM_FAILED);
	TRY(sem_open(name, O_CREAT | O_EXCL, 0640, 3) == SEM_FAILED);
	sem_unlink(name);
	TRY(sem_wait(n));
	TRY(sem_close(n));
}

static void file_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10}, odd = l;
	char name[] = "/tmp/fr-errnos-XXXXXX";
	int fd = mkstemp(name), other = open(name, O_RDWR);

	unlink(name);
	odd.l_type = 17;
	TRY(flock(-1, LOCK_EX));
	TRY(flock(fd, 77));
	TRY(flock(fd, LOCK_EX));
	TRY(flock(other, LOCK_SH | LOCK_NB));
	TRY(flock(fd, LOCK_UN));
	TRY(lockf(-1, F_LOCK, 0));
	TRY(lockf(fd, F_LOCK, 5));
	TRY(lockf(fd, F_TEST, 5));
	TRY(lockf(fd, 99, 5));
	TRY(lockf64(fd, F_ULOCK, 5));
	TRY(fcntl(-1, F_SETLKW, &l));
	TRY(fcntl(fd, F_SETLKW, wild));
	TRY(fcntl(fd, F_SETLK, NULL));
	TRY(fcntl(fd, F_SETLK, &odd));
	TRY(fcntl(fd, F_OFD_SETLKW, &l));
	TRY(fcntl64(other, F_OFD_SETLK, &l));
	TRY(fcntl(fd, F_GETLK, &l));
	TRY(l.l_type);
	TRY(fcntl(fd, F_SETFD, FD_CLOEXEC));
	TRY(fcntl(fd, F_GETFD));
	TRY(fcntl(fd, F_SETFL, O_APPEND) | (fcntl(fd, F_GETFL) & O_APPEND));
	TRY(fcntl(fd, F_DUPFD, 60));
	TRY(fcntl(fd, F_DUPFD_CLOEXEC, 60));
	TRY(fcntl(60, F_GETFD));
	TRY(fcntl(61, F_GETFD));
	TRY(fcntl(fd, 12345));
}

static void *wait_a_little(void *arg)
{
	poll(NULL, 0, 300);
	return arg;
}

static void threads(void)
{
	pthread_barrier_t b;
	pthread_spinlock_t s;
	pthread_t t;
	char name[16];

	TRY(pthread_create(&t, NULL, wait_a_little, NULL));
	TRY(pthread_cancel(t));
	TRY(pthread_join(t, NULL));
	TRY(pthread_create(&t, NULL, wait_a_little, NULL));
	TRY(pthread_detach(t));
	TRY(pthread_detach(t));
	TRY(prctl(PR_SET_NAME, wild, 0, 0, 0));
	TRY(prctl(PR_SET_NAME, "a new name", 0, 0, 0));
	TRY(prctl(PR_GET_NAME, name, 0, 0, 0));
	TRY(strcmp(name, "a new name"));
	TRY(prctl(12345, 1, 2, 3, 4));
	TRY(prctl(PR_SET_MM, 99, 0, 0, 0));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TRY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	TRY(pthread_barrier_init(&b, NULL, 0));
	TRY(pthread_barrier_init(&b, NULL, 1));
	TRY(pthread_barrier_wait(&b));
	TRY(pthread_barrier_destroy(&b));
	TRY(pthread_spin_init(&s, 0));
	TRY(pthread_spin_lock(&s));
	TRY(pthread_spin_trylock(&s));
	TRY(pthread_spin_unlock(&s));
	TRY(pthread_spin_destroy(&s));
}

static void nothing(void)
{
	errno = 55;
}

static int returns_minus_one(void *arg)
{
	return arg ? 0 : -1;
}

static void c11(void)
{
	once_flag once = ONCE_FLAG_INIT;
	mtx_t m, r;
	cnd_t c;
	thrd_t t;
	int got;

	TRY(mtx_init(&m, 99));
	TRY(mtx_init(&m, mtx_timed));
	TRY(mtx_init(&r, mtx_plain | mtx_recursive));
	TRY(mtx_lock(&r));
	TRY(mtx_lock(&r));
	TRY(mtx_trylock(&r));
	TRY(mtx_unlock(&r));
	TRY(mtx_lock(&m));
	TRY(mtx_trylock(&m));
	TRY(mtx_timedlock(&m, &past));
	TRY(mtx_timedlock(&m, &bad));
	TRY(cnd_init(&c));
	TRY(cnd_timedwait(&c, &m, &past));
	TRY(cnd_timedwait(&c, &m, &bad));
	TRY(cnd_signal(&c));
	TRY(cnd_broadcast(&c));
	TRY(mtx_unlock(&m));
	TRY_VOID(call_once(&once, nothing));
	TRY_VOID(call_once(&once, nothing));
	TRY(thrd_create(&t, returns_minus_one, NULL));
	TRY(thrd_join(t, &got));
	TRY(got);
	TRY(thrd_create(&t, returns_minus_one, NULL));
	TRY(thrd_detach(t));
	TRY_VOID(cnd_destroy(&c));
	TRY_VOID(mtx_destroy(&m));
}

static void lives(void)
{
	pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_mutex_t m;
	pthread_rwlock_t w;
	pthread_cond_t c;

	TRY(pthread_mutex_init(&m, NULL));
	TRY(pthread_mutex_lock(&m));
	TRY(pthread_mutex_destroy(&m));
	TRY(pthread_mutex_unlock(&m));
	TRY(pthread_mutex_destroy(&m));
	TRY(pthread_rwlock_init(&w, NULL));
	TRY(pthread_rwlock_destroy(&w));
	TRY(pthread_cond_init(&c, NULL));
	TRY(pthread_cond_destroy(&c));
	TRY(pthread_once(&once, nothing));
	TRY(pthread_once(&once, nothing));
}

int main(void)
{
	lives();
	semaphores();
	file_locks();
	threads();
	c11();
	return 0;
}
