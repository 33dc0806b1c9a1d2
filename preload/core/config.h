/* SPDX-License-Identifier: MIT */
/*
 * config.h - the settings of this process, read from the environment once at birth.
 */
#ifndef FR_CONFIG_H
#define FR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"
#include "wire/wire_control.h"

enum fr_signal_mode {
	FR_SIGNAL_AUTO = -1, /* SIGUSR1 while the host leaves it default, else a real-time signal */
	FR_SIGNAL_NONE = 0,
	/* > 0: that signal, chained */
};

/* FR_KEEP_MAX: what of dead processes is kept. UINT64_MAX = no limit. */
struct fr_keep_max {
	uint64_t bytes;
	uint64_t files;
};

struct fr_config {
	char dir[256];
	char out[512];
	uint64_t max_bytes;
	uint64_t min_age_ns;
	uint8_t levels[FR_CLASSES];
	uint64_t slow_ns;
	uint64_t stack_depth;
	int signal; /* enum fr_signal_mode or a number */
	uint64_t trigger[FR_RULES_MAX]; /* limit of each rule in its unit, 0 = not set */
	uint64_t trigger_max; /* snapshots that thresholds may ask for */
	uint64_t cooldown_ns; /* between two of them */
	uint64_t budget; /* percent of the CPU time that recording may take; 0 = no limit */
	char only[128];
	bool follow, keep, verbose, verify;
	struct fr_keep_max keep_max;
	int unwind; /* enum fr_unwind_kind to begin with */
	int clock; /* enum fr_clock_kind to begin with */
};

extern struct fr_config fr_config;

/* Text for FR_SEC_NOTES; cut when full. Only while being born (one thread). */
#define FR_NOTES_SIZE 4096u
extern char fr_notes[FR_NOTES_SIZE];
extern size_t fr_notes_len;
void fr_note(const char *a, const char *b, const char *c);

/* Makes LEVELS fit each other and the triggers: memory has no `slow`, `hold` needs every lock. */
void fr_config_levels(uint8_t levels[FR_CLASSES]);

/* Reads ENVP (may be NULL). Never fails: see config.def. */
void fr_config_read(char *const *envp);

#endif
