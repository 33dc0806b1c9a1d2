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
#include "wire/wire_settings.h"

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

/* What a setting of each type is here. */
#define FR_FIELD_path(name, most) char name[(most) + 1];
#define FR_FIELD_text(name, most) char name[(most) + 1];
#define FR_FIELD_bytes(name, most) uint64_t name;
#define FR_FIELD_duration(name, most) uint64_t name; /* ns */
#define FR_FIELD_number(name, most) uint64_t name;
#define FR_FIELD_budget(name, most) uint64_t name; /* percent of the CPU time; 0 = no limit */
#define FR_FIELD_flag(name, most) bool name;
#define FR_FIELD_events(name, most) uint8_t name[FR_CLASSES]; /* enum fr_level */
#define FR_FIELD_trigger(name, most) uint64_t name[FR_RULES_MAX]; /* limit of each; 0 = not set */
#define FR_FIELD_signal(name, most) int name; /* enum fr_signal_mode or a number */
#define FR_FIELD_keep_max(name, most) struct fr_keep_max name;
#define FR_FIELD_unwind(name, most) int name; /* enum fr_unwind_kind to begin with */
#define FR_FIELD_clock(name, most) int name; /* enum fr_clock_kind to begin with */

#define SETTING(name, variable, type, dflt, least, most, ...) FR_FIELD_##type(name, most)
struct fr_config {
#include "wire/config.def"
};
#undef SETTING

extern struct fr_config fr_config;

/* Where a setting's value comes from, and how it was written. */
struct fr_config_source {
	uint32_t flags; /* FR_SETTING_GIVEN, FR_SETTING_REFUSED */
	char text[sizeof(((struct fr_setting_rec *)0)->text)]; /* cut */
};
extern struct fr_config_source fr_config_sources[FR_SETTINGS];

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
