/* SPDX-License-Identifier: MIT */
/*
 * deep.c - is loaded with RTLD_DEEPBIND: it calls libc directly while its host calls the hooks.
 * Memory, locks and descriptors go to and fro.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *deep_alloc(size_t n);
void deep_free(char *p);
char *deep_grow(char *p, size_t n);
int deep_lock(pthread_mutex_t *m);
int deep_unlock(pthread_mutex_t *m);
void deep_close(int fd);
void *deep_malloc(void);

char *deep_alloc(size_t n)
{
	return memset(malloc(n), 'd', n);
}

void deep_free(char *p)
{
	free(p);
}

char *deep_grow(char *p, size_t n)
{
	return realloc(p, n);
}

int deep_lock(pthread_mutex_t *m)
{
	return pthread_mutex_lock(m);
}

int deep_unlock(pthread_mutex_t *m)
{
	return pthread_mutex_unlock(m);
}

void deep_close(int fd)
{
	close(fd);
}

/* Which malloc it calls. */
void *deep_malloc(void)
{
	return malloc;
}
