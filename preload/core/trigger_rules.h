/* SPDX-License-Identifier: MIT */
/*
 * trigger_rules.h - the table of FR_TRIGGER's conditions, by name and by hook.
 */
#ifndef FR_TRIGGER_RULES_H
#define FR_TRIGGER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"
#include "wire/wire_control.h"

#define TRIGGER(number, name, ...) FR_RULE_##name = number,
enum fr_rule {
	FR_RULE_none = -1,
#include "wire/triggers.def"
};
#undef TRIGGER

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
	FR_WHERE_PERIODIC = 16,
	FR_WHERE_END = 32,
};
unsigned int fr_trigger_where(unsigned int rule);
const char *fr_trigger_name(unsigned int rule);

/* Writes the table of rules into the control section. At birth. */
void fr_trigger_describe(struct fr_control *c);

#endif
