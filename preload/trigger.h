/* SPDX-License-Identifier: MIT */
/*
 * trigger.h - thresholds that ask for a snapshot: FR_TRIGGER, FR_TRIGGER_MAX, FR_COOLDOWN.
 *
 * A hook compares once, with the least limit of all (UINT64_MAX when none is set); which rule it
 * is and whether it may speak is found out in the cold half.
 */
#ifndef FR_TRIGGER_H
#define FR_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "wire.h"
#include "wire_control.h"

#define TRIGGER(number, name, ...) FR_RULE_##name = number,
enum fr_rule {
	FR_RULE_none = -1,
#include "triggers.def"
};
#undef TRIGGER

struct fr_thread;
struct fr_wait;

/* Ticks. The least limit of a wait; the limit of a hold. */
extern uint64_t fr_trigger_wait;
extern uint64_t fr_trigger_hold;

/* ---- the rules (trigger_rules.c) ---------------------------------------------------------------
 */

/*
 * Reads a list like "lock_wait>100ms,exit" into LIMIT. An item that is not understood is left out
 * and given to REFUSE; the others hold.
 */
void fr_trigger_parse(const char *list, uint64_t limit[FR_RULES_MAX],
		      void (*refuse)(const char *item));

/* The rule that a wait in this hook belongs to, FR_RULE_none = none. */
int fr_trigger_rule_of(uint32_t call);

/* Is there a rule of this number, and may it have this limit? */
bool fr_trigger_possible(unsigned int rule, uint64_t limit);

enum fr_rule_where {
	FR_WHERE_WAIT = 1,
	FR_WHERE_FD = 2, /* and its object is a descriptor */
	FR_WHERE_STUCK = 4, /* and it counts for `stuck` */
	FR_WHERE_HOLD = 8,
	FR_WHERE_LOOK = 16,
	FR_WHERE_END = 32,
};
unsigned int fr_trigger_where(unsigned int rule);
const char *fr_trigger_name(unsigned int rule);

/* Writes the table of rules into the control section. At birth. */
void fr_trigger_describe(struct fr_control *c);

/* ---- the looking (trigger.c) -------------------------------------------------------------------
 */

/* Limits from fr_config, in ticks. At birth and when they change. */
void fr_trigger_limits(void);

/* A new region: nothing has fired yet. */
void fr_trigger_init(void);

/* A wait took longer than fr_trigger_wait. Under the guard. */
void fr_trigger_waited(struct fr_thread *t, const struct fr_wait *w, uint64_t now, uint64_t dur);

/* LOCK has been given back: was it held too long? After the real unlock; not under the guard. */
void fr_trigger_held(uint64_t lock, uint64_t since);

/* What no hook sees by itself: threads that are stuck, memory. About once a second. */
void fr_trigger_look(struct fr_thread *t, uint64_t now);

/*
 * Where every thread hangs nobody comes by to look. So, while `stuck` is set, a thread that is
 * about to wait for a lock waits up to *UNTIL (CLOCK_MONOTONIC) first, then looks itself, and then
 * waits as it was told to. False: it need not.
 */
bool fr_trigger_patience(struct timespec *until);
void fr_trigger_impatient(void);

#endif
