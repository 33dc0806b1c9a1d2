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
enum fr_keep_bound {
	FR_KEEP_BYTES,
	FR_KEEP_FILES,
	FR_KEEP_BOUNDS,
};

/* What a setting of each type of config.def is here. */
#define FR_SETTING_TEXT_MAX 512u /* with its NUL */
typedef char fr_setting_path[FR_SETTING_TEXT_MAX];
typedef char fr_setting_text[FR_SETTING_TEXT_MAX];
typedef uint64_t fr_setting_bytes;
typedef uint64_t fr_setting_duration; /* ns */
typedef uint64_t fr_setting_number;
typedef uint64_t fr_setting_budget; /* percent of the CPU time; 0 = no limit */
typedef bool fr_setting_flag;
typedef uint8_t fr_setting_events[FR_CLASSES]; /* enum fr_level */
typedef uint64_t fr_setting_trigger[FR_RULES_MAX]; /* limit of each; 0 = not set */
typedef int fr_setting_signal; /* enum fr_signal_mode or a number */
typedef uint64_t fr_setting_keep_max[FR_KEEP_BOUNDS];
typedef int fr_setting_unwind; /* enum fr_unwind_kind to begin with */
typedef int fr_setting_clock; /* enum fr_clock_kind to begin with */

#define SETTING(name, variable, type, ...) fr_setting_##type name;
struct fr_config {
#include "wire/config.def"
};
#undef SETTING

extern struct fr_config fr_config;

/* A row of config.def; by enum fr_setting. */
struct fr_config_row {
	const char *name;
	const char *variable;
	const char *dflt;
	/* A field and its parser are named by the same word of the row, so their types fit. */
	bool (*parse)(const char *s, void *v, uint64_t least, uint64_t most);
	uint64_t least, most;
	enum fr_setting_unit unit;
	uint32_t flags; /* FR_SETTING_LIVE or 0 */
	size_t at; /* of the field in struct fr_config */
};
extern const struct fr_config_row fr_config_rows[FR_SETTINGS];

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
