/* SPDX-License-Identifier: MIT */
/*
 * stands.h - how each thread stood at the end, as far as what was recorded says it. Report, threads
 * and list take it from here, so that they tell one story.
 */
#ifndef FR_MODEL_STANDS_H
#define FR_MODEL_STANDS_H

#include "model/model.h"

enum stand {
	STAND_CRASHED,
	STAND_LOCK, /* waits for a lock that somebody else needs time for */
	STAND_PEER, /* waits for an answer, a connection, room to send */
	STAND_OTHER,
	STAND_UNEXPLAINED, /* computes, or waits in a call that is not recorded */
	STAND_RUNNING, /* has done something lately that is recorded */
	STAND_WORK, /* waits for work, news, time */
	STAND_ENDED,
};

enum stand fr_thread_stand(const struct model *m, uint32_t thread);
/* Since when nothing is known of a thread that is STAND_UNEXPLAINED. 0 = not at all. */
uint64_t fr_thread_unexplained_ns(const struct model *m, uint32_t thread);

/*
 * Whether the thread waits for something that others or the program itself have to give, and not
 * for work: a lock whose holder is not itself idle, a connection, room to send, an answer to what
 * was sent; and has for so long that it counts as stuck.
 */
bool fr_thread_is_stuck(const struct model *m, uint32_t thread);

/* The thread whose wait for work explains S, a wait for a lock; MODEL_NONE = none. */
uint32_t fr_wait_idle_holder(const struct model *m, const struct span *s);

#endif
