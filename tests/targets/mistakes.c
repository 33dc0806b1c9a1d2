/* SPDX-License-Identifier: MIT */
/*
 * mistakes.c - threads, memory, locks and sockets, and then the mistake that was asked for: what a
 * sanitizer, valgrind or another allocator says of it must be the same with the recorder.
 *
 *   mistakes [none|freed|leak|race|null]
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "truth.h"

#define THREADS 4
#define ROUNDS 300

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;
static volatile int shared;

static void exchange(char *block, size_t n)
{
	int pair[2];
	char got[400];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], block, n) != (long)n ||
	    read(pair[1], got, sizeof(got)) != (long)n || memcmp(got, block, n) != 0)
		broken("the socket pair");
	close(pair[0]);
	close(pair[1]);
}

static void *work(void *arg)
{
	for (size_t i = 0; i < ROUNDS; i++) {
		char *block = malloc(10 + i);

		memset(block, (int)i, 10 + i);
		block = realloc(block, 20 + i);
		exchange(block, 10 + i);
		free(block);
		pthread_mutex_lock(&lock);
		total += (long)i;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *touch(void *arg)
{
	shared++;
	return NULL;
}

/* On a stack that ends, so that no copy of the pointer is left where LSan would find it. */
static void *lose(void *arg)
{
	char *volatile block = malloc(77);

	block = NULL;
	return block;
}

static void in_threads(void *(*fn)(void *))
{
	pthread_t th[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&th[i], NULL, fn, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
}

static void make(const char *mistake)
{
	char *volatile block = malloc(77);
	volatile int *volatile nowhere = (volatile int *)8;

	free(block);
	if (strcmp(mistake, "leak") == 0)
		in_threads(lose);
	if (strcmp(mistake, "freed") == 0)
		block[3] = 1; /* line of freed */
	if (strcmp(mistake, "race") == 0)
		in_threads(touch);
	if (strcmp(mistake, "null") == 0)
		*nowhere = 1; /* line of null */
}

int main(int argc, char **argv)
{
	in_threads(work);
	say("{\"total\":%ld}", total);
	make(argc > 1 ? argv[1] : "none");
	return 0;
}
