/* SPDX-License-Identifier: MIT */
/*
 * sample.c - C with inlined functions, cold parts, static variables: compiled in many ways by
 * tests/test_symbols.py, never run.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bucket {
	int n;
	pthread_mutex_t mu;
	struct {
		char name[8];
		long count;
	} in[3];
};

static struct bucket buckets[100];
pthread_rwlock_t grid[4][5];

static inline __attribute__((always_inline)) unsigned int mix(unsigned int h, unsigned int v)
{
	h ^= v;
	h *= 0x85ebca6bu;
	return h ^ (h >> 13);
}

static inline __attribute__((always_inline)) unsigned int mix_all(const char *s, size_t n)
{
	unsigned int h = 0;

	for (size_t i = 0; i < n; i++)
		h = mix(h, (unsigned char)s[i]);
	return h;
}

__attribute__((noinline, cold)) static void complain(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static struct bucket *choose(const char *key)
{
	return &buckets[mix_all(key, strlen(key)) % 100];
}

__attribute__((noinline)) long take(const char *key, long v)
{
	struct bucket *b = choose(key);
	static pthread_mutex_t inner;

	if (!key[0])
		complain("no key");
	pthread_mutex_lock(&b->mu);
	pthread_mutex_lock(&inner);
	for (int i = 0; i < 3; i++) {
		b->in[i].count += v * (i + 1);
		if (mix_all(b->in[i].name, sizeof(b->in[i].name)) == 7)
			complain("seven");
	}
	b->n++;
	pthread_mutex_unlock(&inner);
	pthread_mutex_unlock(&b->mu);
	return b->in[0].count;
}

__attribute__((noinline)) static int compare(const void *x, const void *y)
{
	const int *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

int main(int argc, char **argv)
{
	int numbers[16];
	long sum = 0;

	for (int i = 0; i < 16; i++)
		numbers[i] = (int)mix((unsigned int)i, (unsigned int)argc);
	qsort(numbers, 16, sizeof(numbers[0]), compare);
	for (int i = 0; i < argc; i++)
		sum += take(argv[i], numbers[i % 16]);
	pthread_rwlock_rdlock(&grid[2][3]);
	printf("%ld\n", sum);
	return 0;
}
