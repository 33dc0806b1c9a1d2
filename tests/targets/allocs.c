/* SPDX-License-Identifier: MIT */
/*
 * allocs.c - a thread that allocates and frees a known amount by known functions, and says how
 * much.
 *
 * Large blocks are never written to: they cost address space, not memory.
 */
#include <pthread.h>

#include "truth.h"

#define KEPT 8192
static void *kept[KEPT];
static long allocs, bytes, frees;

static void *counted(void *p, long n)
{
	if (!p)
		broken("malloc");
	allocs++;
	bytes += n;
	return p;
}

static void give_back(void *p)
{
	free(p);
	frees++;
}

static void say_site(const char *fn, long all, long live)
{
	say("{\"site\":\"%s\",\"bytes\":%ld,\"live\":%ld}", fn, all, live);
}

/* 400 MB in small blocks, all given back. */
NOINLINE static void small_ones(void)
{
	for (int i = 0; i < 2000000; i++)
		give_back(counted(malloc(200), 200));
	say_site(__func__, 400000000, 0);
}

/* A GiB in blocks of 64 KiB; every second one stays. */
NOINLINE static void half_kept(void)
{
	for (int i = 0; i < 2 * KEPT; i++) {
		void *p = counted(calloc(1, 65536), 65536);

		if (i % 2)
			kept[i / 2] = p;
		else
			give_back(p);
	}
	say_site(__func__, 2l * KEPT * 65536, KEPT * 65536l);
}

/* Bigger than the mean: each is a sample, of exactly its own size. */
NOINLINE static void big_ones(void)
{
	void *p[10];

	for (int i = 0; i < 10; i++)
		p[i] = counted(malloc(3000000), 3000000);
	for (int i = 0; i < 4; i++)
		give_back(p[i]);
	say_site(__func__, 30000000, 18000000);
}

/* The smallest that are taken for certain, and by their own size. */
NOINLINE static void at_the_mean(void)
{
	for (int i = 0; i < 100; i++)
		counted(malloc(512 << 10), 512 << 10);
	say_site(__func__, 100l << 19, 100l << 19);
}

/* A block that grows: each step is an allocation and, but for the first, a free. */
NOINLINE static void growing(void)
{
	char *p = NULL;

	for (long n = 1; n <= 64; n++) {
		frees += p != NULL;
		p = counted(realloc(p, n << 20), n << 20);
	}
	say_site(__func__, (64l * 65 / 2) << 20, 64l << 20);
}

/* What fails is no allocation, and no free of what was there. */
NOINLINE static void failing(void)
{
	volatile size_t huge = SIZE_MAX / 3;
	void *p = counted(malloc(2000000), 2000000);

	if (malloc(huge) || calloc(huge, 9) || realloc(p, huge) || reallocarray(p, huge, 9) ||
	    aligned_alloc(64, huge) || realloc(p, huge))
		broken("memory for everybody");
	say_site(__func__, 2000000, 2000000);
}

static void *work(void *arg)
{
	small_ones();
	half_kept();
	big_ones();
	at_the_mean();
	growing();
	failing();
	say("{\"tid\":%d,\"allocs\":%ld,\"bytes\":%ld,\"frees\":%ld}", tid(), allocs, bytes, frees);
	return arg;
}

int main(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, work, NULL) || pthread_join(t, NULL))
		broken("thread");
	return 0;
}
