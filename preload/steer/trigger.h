/* SPDX-License-Identifier: MIT */
/*
 * trigger.h - thresholds that ask for a snapshot: FR_TRIGGER, FR_TRIGGER_MAX, FR_COOLDOWN.
 *
 * A hook compares once, with the least limit of all (UINT64_MAX when none is set); which rule it
 * is, and whether it may ask, is found out in the cold half.
 */
#ifndef FR_TRIGGER_H
#define FR_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/trigger_rules.h"
#include "record/upcalls.h"

struct fr_thread;
struct fr_wait;

/* Ticks. The limit of a hold. */
extern uint64_t fr_trigger_hold;

/* ---- the check (trigger.c) ------------------------------------------------------------------- */

/* Limits from fr_config, in ticks. At birth and when they change. */
void fr_trigger_limits(void);

/* A new region: nothing has fired yet. */
void fr_trigger_init(void);

/* LOCK has been given back: was it held too long? After the real unlock; not under the guard. */
void fr_trigger_held(uint64_t lock, uint64_t since);

/* What no hook sees by itself: threads that are stuck, memory. About once a second. */
void fr_trigger_check(struct fr_thread *t, uint64_t now);

/*
 * Where every thread hangs, none makes the check above. So, while `stuck` is set, a thread that is
 * about to wait for a lock waits until *UNTIL (CLOCK_MONOTONIC) first, then makes the check itself,
 * and then waits as the host asked. False: `stuck` is not set.
 */
bool fr_trigger_stuck_until(struct timespec *until);
void fr_trigger_stuck_check(void);

#endif
