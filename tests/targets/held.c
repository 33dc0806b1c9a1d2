/* SPDX-License-Identifier: MIT */
/*
 * held.c - a thread that has locks and then waits: what it holds stands in its list.
 *
 *   held order      takes three, gives the first one back
 *   held many N     takes N, gives half of them back, from the first
 *
 * Says its tid and what it still holds, in the order of taking, then reads from a pipe for ever.
 */
#include <pthread.h>

#include "truth.h"

#define N_MAX 40

static pthread_mutex_t locks[N_MAX];

static void say_held(int from, int n)
{
	char list[N_MAX * 20] = "", *at = list;

	for (int i = from; i < n; i++)
		at += sprintf(at, "%s\"%p\"", i == from ? "" : ",", (void *)&locks[i]);
	say("{\"tid\":%d,\"held\":[%s]}", tid(), list);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 3;
	int back = argc > 2 ? n / 2 : 1, idle[2];
	char c;

	if (argc < 2 || n > N_MAX || pipe(idle) != 0)
		broken("usage: held order|many N");
	for (int i = 0; i < n; i++) {
		pthread_mutex_init(&locks[i], NULL);
		pthread_mutex_lock(&locks[i]);
	}
	for (int i = 0; i < back; i++)
		pthread_mutex_unlock(&locks[i]);
	say_held(back, n);
	return (int)read(idle[0], &c, 1);
}
