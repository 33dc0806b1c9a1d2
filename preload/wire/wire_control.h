/* SPDX-License-Identifier: MIT */
/*
 * wire_control.h - the format of the section FR_SEC_CONTROL: settings in force, conditions of
 * FR_TRIGGER, and what `fr ctl` asks for. A part of wire.h, under the same rules.
 */
#ifndef FR_WIRE_CONTROL_H
#define FR_WIRE_CONTROL_H

#include <stddef.h>
#include <stdint.h>

enum fr_rule_unit {
	FR_RULE_FLAG = 0, /* set (1) or not (0) */
	FR_RULE_NS = 1,
	FR_RULE_BYTES = 2,
};
#define FR_RULES_MAX 24u

/* One condition of FR_TRIGGER; its place in the array is its number. */
struct fr_rule_rec {
	char name[16]; /* "lock_wait"; "" = no such rule */
	uint32_t unit; /* enum fr_rule_unit */
	uint32_t x_fired; /* snapshots it has asked for */
};

/* Settings that can be changed while the process runs. */
struct fr_settings {
	uint8_t levels[8]; /* enum fr_level by enum fr_class */
	uint32_t budget; /* FR_BUDGET: percent of the CPU time; 0 = no limit */
	uint32_t named; /* of a request: bit K: levels[K] is asked for; the others stay */
	uint64_t slow; /* ns */
	uint64_t cooldown; /* ns */
	uint64_t trigger_max;
	uint64_t limit[FR_RULES_MAX]; /* by rule, in its unit; 0 = not set */
};

/*
 * `fr ctl` writes wanted, its hash and then x_request, a number larger than x_answer. The recorder
 * looks when it next writes a clock pair or something slow, takes a copy, and believes it only if
 * the hash fits and every value is possible; either way x_answer becomes x_request.
 */
struct fr_control {
	uint64_t x_request;
	uint64_t x_answer;
	uint32_t x_refused; /* 1 = the last request made no sense and changed nothing */
	uint32_t n_rules;
	uint64_t x_suppressed; /* over a limit, no snapshot: FR_TRIGGER_MAX, FR_COOLDOWN */
	uint8_t configured[8]; /* levels as they were at the start */
	uint8_t asked[8]; /* the same, or what fr ctl has asked for since; all 0 in old files */
	uint64_t hash; /* fr_settings_hash() of wanted */
	struct fr_settings wanted;
	struct fr_settings in_force;
	struct fr_rule_rec rules[FR_RULES_MAX];
};

/* FNV-1a, 64 bits, over the bytes of S. */
static inline uint64_t fr_settings_hash(const struct fr_settings *s)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sizeof(*s); i++)
		h = (h ^ ((const uint8_t *)s)[i]) * 0x100000001b3ull;
	return h;
}

#endif
