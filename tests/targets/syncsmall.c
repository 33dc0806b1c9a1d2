/* SPDX-License-Identifier: MIT */
/*
 * syncsmall.c - the calls of sync.c on the smallest stack there is (16 KiB), with 6 000 bytes left.
 */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <threads.h>

#include "smallstack.h"

static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t sem;
static mtx_t mutex;
static cnd_t cond;
static int file;

static void nothing(void)
{
}

NOINLINE static void calls(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 2);
	struct flock l = {.l_type = F_RDLCK};
	pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_mutex_t m;

	pthread_mutex_init(&m, NULL);
	pthread_mutex_destroy(&m);
	pthread_spin_lock(&spin);
	pthread_spin_unlock(&spin);
	sem_timedwait(&sem, &t);
	sem_trywait(&sem);
	sem_post(&sem);
	pthread_barrier_wait(&barrier);
	pthread_once(&once, nothing);
	mtx_lock(&mutex);
	cnd_timedwait(&cond, &mutex, &t);
	mtx_unlock(&mutex);
	flock(file, LOCK_SH);
	fcntl(file, F_SETLK, &l);
	prctl(PR_SET_NAME, "small", 0, 0, 0);
}

int main(void)
{
	pthread_t t[16];
	char name[] = "/tmp/fr-small-XXXXXX";

	file = mkstemp(name);
	unlink(name);
	if (file < 0 || pthread_spin_init(&spin, 0) || pthread_barrier_init(&barrier, NULL, 1) ||
	    sem_init(&sem, 0, 0) || mtx_init(&mutex, mtx_timed) || cnd_init(&cond))
		broken("setup");
	for (int i = 0; i < 16; i++) {
		char *stack = mmap(NULL, PTHREAD_STACK_MIN, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_attr_t a;

		pthread_attr_init(&a);
		if (pthread_attr_setstack(&a, stack, PTHREAD_STACK_MIN) ||
		    pthread_create(&t[i], &a, run, stack))
			broken("pthread_create");
	}
	for (int i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
	say("done");
	return 0;
}
