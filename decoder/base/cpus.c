/* SPDX-License-Identifier: MIT */
/*
 * cpus.c - the only threads that the decoder has are made here, and are gone when the function that
 * made them returns: nobody forks meanwhile.
 */
#include "base/cpus.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#define SHARES_MAX 8u

struct share {
	void (*part)(void *ctx, size_t from, size_t to);
	void *ctx;
	size_t from;
	size_t to;
	pthread_t thread;
	bool started;
};

unsigned int fr_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	n = CPU_COUNT(&set);
	return n > 1 ? (unsigned int)n : 1;
}

static void *work(void *arg)
{
	struct share *s = arg;

	s->part(s->ctx, s->from, s->to);
	return NULL;
}

void fr_cpus_share(size_t n, size_t least, void (*part)(void *ctx, size_t from, size_t to),
		   void *ctx)
{
	struct share shares[SHARES_MAX];
	size_t k = fr_cpus();

	if (k > SHARES_MAX)
		k = SHARES_MAX;
	if (least && k > n / least)
		k = n / least;
	for (size_t i = 1; i < k; i++) {
		shares[i] = (struct share){
			.part = part, .ctx = ctx, .from = n / k * i, .to = n / k * (i + 1)};
		if (i + 1 == k)
			shares[i].to = n;
		shares[i].started = !pthread_create(&shares[i].thread, NULL, work, &shares[i]);
	}
	if (n)
		part(ctx, 0, k > 1 ? n / k : n);
	for (size_t i = 1; i < k; i++) {
		if (shares[i].started)
			pthread_join(shares[i].thread, NULL);
		else
			work(&shares[i]);
	}
}
