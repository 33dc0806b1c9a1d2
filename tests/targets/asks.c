/* SPDX-License-Identifier: MIT */
/*
 * asks.c - four threads ask for 50 snapshots each, so that most fall into one that is being
 * written; then waits.
 */
#include <pthread.h>

#include "../../preload/fr.h"
#include "truth.h"

static void *ask(void *arg)
{
	for (int i = 0; i < 50; i++)
		if (fr_snapshot("one of many"))
			broken("fr_snapshot");
	return arg;
}

int main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, ask, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	say("ready");
	pause();
	return 0;
}
