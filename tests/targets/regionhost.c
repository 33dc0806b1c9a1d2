/* SPDX-License-Identifier: MIT */
/*
 * regionhost.c - threads at work until a byte comes; meanwhile somebody does things to the region's
 * file.
 *
 *   regionhost THREADS [own]    own: the host has a handler of SIGBUS, and a use for it
 *
 * Then forks once and says what happened: all of it is the host's own business.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;
static atomic_long done;
static volatile int own_faults;
static sigjmp_buf back;

static void on_bus(int sig)
{
	own_faults++;
	siglongjmp(back, sig);
}

NOINLINE static void *work_at(int depth)
{
	void *p = depth ? work_at(depth - 1) : malloc(100 + (size_t)done % 1000);

	pthread_mutex_lock(&lock);
	done++;
	pthread_mutex_unlock(&lock);
	return p;
}

static void *work(void *arg)
{
	int pair[2];
	char byte = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	while (!stop) {
		free(work_at((int)(done % 20)));
		if (write(pair[0], &byte, 1) != 1 || read(pair[1], &byte, 1) != 1)
			broken("the sockets");
	}
	return arg;
}

/* A mapped file that is shortened: the host's own SIGBUS. */
static void fault_by_ourselves(void)
{
	char path[] = "/tmp/fr-own-XXXXXX";
	int fd = mkstemp(path);
	volatile char *p;

	if (fd < 0 || ftruncate(fd, 4096) != 0)
		broken("a file");
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unlink(path);
	if (p == MAP_FAILED || ftruncate(fd, 0) != 0)
		broken("mmap");
	if (sigsetjmp(back, 1) == 0)
		p[0] = 1;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, status;
	bool own = argc > 2;
	pthread_t t[64];
	char byte;
	pid_t p;

	if (own)
		signal(SIGBUS, on_bus);
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, work, NULL);
	while (done < 1000)
		usleep(100);
	say("{\"ready\":%d}", getpid());
	while (read(0, &byte, 1) == 1 && byte == 'a')
		say("{\"done\":%ld}", (long)done);
	stop = true;
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	if (own)
		fault_by_ourselves();
	p = fork();
	if (p == 0) {
		free(work_at(3));
		_exit(7);
	}
	if (p < 0 || waitpid(p, &status, 0) != p)
		broken("fork");
	say("{\"child\":%d,\"own_faults\":%d}", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	    own_faults);
	return 0;
}
