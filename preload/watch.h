/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what is done now and then by whoever records something just then: a clock pair,
 * settings from outside, threads that are stuck.
 */
#ifndef FR_WATCH_H
#define FR_WATCH_H

#include "control.h"
#include "thread.h"

static FR_ALWAYS_INLINE bool fr_watch_due(uint64_t ticks)
{
	return ticks >= fr_clock.next_pair || fr_control_asked();
}

/* Under the guard, between two events. May record one. */
void fr_watch(struct fr_thread *t, uint64_t ticks);

#endif
