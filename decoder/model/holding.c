/* SPDX-License-Identifier: MIT */
/*
 * holding.c - the locks that a thread has, as far as the pass over the events knows: few, the last
 * taken one mostly the first to go.
 */
#include "model/build.h"

struct holding *fr_build_holding(struct thread_pass *tp, uint32_t lock)
{
	uint32_t i;

	for (i = tp->n; i-- > 0;) {
		if (tp->h[i].lock == lock)
			return &tp->h[i];
	}
	return NULL;
}

void fr_build_holding_drop(struct thread_pass *tp, struct holding *h)
{
	tp->n--;
	for (; h < &tp->h[tp->n]; h++) /* nearly always the last one */
		h[0] = h[1];
}

void fr_build_holding_add(struct thread_pass *tp, struct holding h)
{
	if (tp->n == HOLDING_MAX)
		fr_build_holding_drop(tp, &tp->h[0]);
	tp->h[tp->n++] = h;
}
