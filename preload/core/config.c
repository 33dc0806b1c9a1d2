/* SPDX-License-Identifier: MIT */
/*
 * config.c - from FR_ variables to struct fr_config, by the rows of config.def.
 *
 * Context: once, at birth, one thread, before libc's own start: no getenv, no stdio, no malloc.
 * A value that cannot be understood is refused whole: the default stands and a note says so.
 */
#include "core/config.h"

#include <signal.h>
#include <string.h>

#include "core/check.h"
#include "core/say.h"
#include "core/text.h"
#include "core/trigger_rules.h"
#include "core/units.h"

struct fr_config fr_config;
struct fr_config_source fr_config_sources[FR_SETTINGS];
char fr_notes[FR_NOTES_SIZE];
size_t fr_notes_len;

void fr_note(const char *a, const char *b, const char *c)
{
	struct fr_text t = {fr_notes, fr_notes_len, sizeof(fr_notes)};

	fr_text_str(&t, a);
	fr_text_str(&t, b);
	fr_text_str(&t, c);
	fr_text_str(&t, "\n");
	fr_notes_len = t.n;
}

/* ---- one parser per kind of value: true = understood and stored ------------------------------ */

static bool within(uint64_t n, uint64_t least, uint64_t most, uint64_t *v)
{
	if (n < least || n > most)
		return false;
	*v = n;
	return true;
}

static bool parse_bytes(const char *s, void *v, uint64_t least, uint64_t most)
{
	uint64_t n;

	return fr_units_bytes(s, &n) && within(n, least, most, v);
}

static bool parse_duration(const char *s, void *v, uint64_t least, uint64_t most)
{
	uint64_t n;

	return fr_units_time(s, &n) && within(n, least, most, v);
}

static bool parse_number(const char *s, void *v, uint64_t least, uint64_t most)
{
	const char *end;
	uint64_t n;

	return fr_units_number(s, &end, &n) && !*end && within(n, least, most, v);
}

static bool parse_flag(const char *s, void *v, uint64_t least, uint64_t most)
{
	if ((s[0] != '0' && s[0] != '1') || s[1])
		return false;
	*(fr_setting_flag *)v = s[0] == '1';
	return true;
}

/* "64M" is a size, "200" a number of files. */
static bool keep_part(const char *s, uint64_t *bounds)
{
	const char *end;
	uint64_t n;

	if (fr_units_number(s, &end, &n) && !*end) {
		bounds[FR_KEEP_FILES] = n;
		return true;
	}
	return fr_units_bytes(s, &bounds[FR_KEEP_BYTES]);
}

/* "64M,200"; either alone, and the other stays as it is; "none": no limit. */
static bool parse_keep_max(const char *s, void *v, uint64_t least, uint64_t most)
{
	fr_setting_keep_max out = {UINT64_MAX, UINT64_MAX};
	const char *comma = strchr(s, ',');
	char first[32];

	if (strcmp(s, "none") != 0) {
		memcpy(out, v, sizeof(out));
		if (comma && (size_t)(comma - s) >= sizeof(first))
			return false;
		fr_text_copy(first, sizeof(first), s);
		if (comma)
			first[comma - s] = '\0';
		if (strlen(s) >= sizeof(first) || !keep_part(first, out) ||
		    (comma && !keep_part(comma + 1, out)))
			return false;
	}
	memcpy(v, out, sizeof(out));
	return true;
}

/* "5%" or "5"; "none" or "0": no limit. */
static bool parse_budget(const char *s, void *v, uint64_t least, uint64_t most)
{
	const char *end;
	uint64_t n;

	if (strcmp(s, "none") == 0)
		return within(0, 0, 0, v);
	return fr_units_number(s, &end, &n) && (!*end || strcmp(end, "%") == 0) &&
	       within(n, least, most, v);
}

static bool parse_text(const char *s, void *v, uint64_t least, uint64_t most)
{
	size_t n = strlen(s);

	if (n < least || n > most || n >= sizeof(fr_setting_text))
		return false;
	memcpy(v, s, n + 1);
	return true;
}

static bool parse_path(const char *s, void *v, uint64_t least, uint64_t most)
{
	return (!s[0] || s[0] == '/') && parse_text(s, v, least, most);
}

static const char *const class_names[FR_CLASSES] = {"thread", "lock", "net",     "mem",
						    "io",     "user", "recorder"};
static const char *const level_names[] = {"", "off", "slow", "sampled", "full"};

static int find_name(const char *s, size_t n, const char *const *names, int count)
{
	for (int i = 0; i < count; i++) {
		if (names[i][0] && strlen(names[i]) == n && memcmp(s, names[i], n) == 0)
			return i;
	}
	return -1;
}

static void set_level(uint8_t *levels, int klass, int level)
{
	levels[klass] = (uint8_t)level;
}

/* "full" for every class, or "class=level,class=level". */
static bool parse_events(const char *s, void *v, uint64_t least, uint64_t most)
{
	fr_setting_events out;
	int level = find_name(s, strlen(s), level_names, FR_LEVEL_FULL + 1);

	memcpy(out, v, sizeof(out));
	for (int k = 0; level > 0 && k < FR_CLASS_RECORDER; k++)
		set_level(out, k, level);
	while (level <= 0 && *s) {
		const char *eq = strchr(s, '=');
		const char *end = s + strcspn(s, ",");
		int klass;

		if (!eq || eq > end)
			return false;
		klass = find_name(s, (size_t)(eq - s), class_names, FR_CLASS_RECORDER);
		level = find_name(eq + 1, (size_t)(end - eq - 1), level_names, FR_LEVEL_FULL + 1);
		if (klass < 0 || level < 0)
			return false;
		set_level(out, klass, level);
		level = 0;
		s = *end ? end + 1 : end;
	}
	memcpy(v, out, sizeof(out));
	return true;
}

struct signal_name {
	const char *name;
	int number;
};

#define SIGNAL_NAME(name) {#name, SIG##name},
static const struct signal_name signal_names[] = {
#include "wire/signals.def"
};
#undef SIGNAL_NAME

static bool parse_signal(const char *s, void *v, uint64_t least, uint64_t most)
{
	fr_setting_signal *signal = v;
	const char *end;
	uint64_t n;

	if (strcmp(s, "auto") == 0 || strcmp(s, "none") == 0) {
		*signal = s[0] == 'a' ? FR_SIGNAL_AUTO : FR_SIGNAL_NONE;
		return true;
	}
	if (strncmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < sizeof(signal_names) / sizeof(*signal_names); i++) {
		if (strcmp(s, signal_names[i].name) == 0) {
			*signal = signal_names[i].number;
			return true;
		}
	}
	if (strncmp(s, "RTMIN+", 6) != 0 || !fr_units_number(s + 6, &end, &n) || *end || n > 28)
		return false;
	*signal = 34 + (int)n; /* glibc's SIGRTMIN; the function behind the macro is not up yet */
	return true;
}

static void refuse_condition(const char *item)
{
	fr_note("refused: FR_TRIGGER: ", item, " is not understood and left out; the others hold");
}

/* Never refused as a whole: what is not understood is told and left out. */
static bool parse_trigger(const char *s, void *v, uint64_t least, uint64_t most)
{
	fr_trigger_parse(s, v, refuse_condition);
	return true;
}

static bool parse_unwind(const char *s, void *v, uint64_t least, uint64_t most)
{
	static const char *const names[] = {
		[FR_UNWIND_LIBUNWIND] = "libunwind",
		[FR_UNWIND_FP] = "fp",
		[FR_UNWIND_CALLER] = "caller",
		[FR_UNWIND_CFI] = "auto",
	};
	fr_setting_unwind *way = v;

	*way = find_name(s, strlen(s), names, sizeof(names) / sizeof(*names));
	return *way >= 0;
}

static bool parse_clock(const char *s, void *v, uint64_t least, uint64_t most)
{
	fr_setting_clock *clock = v;

	*clock = strcmp(s, "auto") == 0 ? FR_CLOCK_TSC : FR_CLOCK_MONOTONIC;
	return *clock == FR_CLOCK_TSC || strcmp(s, "monotonic") == 0;
}

void fr_config_levels(uint8_t levels[FR_CLASSES])
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++) {
		if (k == FR_CLASS_MEM && levels[k] == FR_LEVEL_SLOW)
			levels[k] = FR_LEVEL_SAMPLED;
		if (k != FR_CLASS_MEM && levels[k] == FR_LEVEL_SAMPLED)
			levels[k] = FR_LEVEL_SLOW;
	}
	if (fr_config.trigger[FR_RULE_hold] && levels[FR_CLASS_LOCK] == FR_LEVEL_SLOW)
		levels[FR_CLASS_LOCK] = FR_LEVEL_FULL;
}

/* Settings that change others. */
static void reconcile(void)
{
	uint8_t lock = fr_config.events[FR_CLASS_LOCK];

	fr_config_levels(fr_config.events);
	if (fr_config.events[FR_CLASS_LOCK] != lock)
		fr_note("FR_TRIGGER=hold needs every lock: lock=full", "", "");
	else if (fr_config.trigger[FR_RULE_hold] && lock == FR_LEVEL_OFF)
		fr_note("FR_TRIGGER=hold sees nothing: lock=off", "", "");
}

/* ---- the table ------------------------------------------------------------------------------- */

#define SETTING(name, variable, type, dflt, least, most, change, ...)                              \
	[FR_SETTING_##name] = {#name,                                                              \
			       variable,                                                           \
			       dflt,                                                               \
			       parse_##type,                                                       \
			       least,                                                              \
			       most,                                                               \
			       FR_UNIT_OF_##type,                                                  \
			       FR_LIVE_##change * FR_SETTING_LIVE,                                 \
			       offsetof(struct fr_config, name)},
const struct fr_config_row fr_config_rows[FR_SETTINGS] = {
#include "wire/config.def"
};
#undef SETTING

/* True = V was understood and stored. */
static bool set(const struct fr_config_row *s, const char *v)
{
	return s->parse(v, (char *)&fr_config + s->at, s->least, s->most);
}

static const char *find_value(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp && *envp; envp++) {
		if (**envp == *name && strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	}
	return NULL;
}

static void refuse(const struct fr_config_row *s, const char *v)
{
	set(s, s->dflt);
	fr_note("refused: ", s->variable, "=");
	fr_notes_len--; /* continue the line */
	fr_note(v, " is not understood; using ", s->dflt[0] ? s->dflt : "the default");
}

/* From V, which may be NULL or empty: then it is the default. */
static void read_one(const struct fr_config_row *s, const char *v, struct fr_config_source *source)
{
	bool given = v && *v;

	set(s, s->dflt);
	source->flags = !given ? 0 : set(s, v) ? FR_SETTING_GIVEN : FR_SETTING_REFUSED;
	if (source->flags & FR_SETTING_REFUSED)
		refuse(s, v);
	else if (given)
		fr_note(s->variable, "=", v);
	fr_text_copy(source->text, sizeof(source->text),
		     source->flags & FR_SETTING_GIVEN ? v : s->dflt);
}

void fr_config_read(char *const *envp)
{
	FR_RUNS(FR_WHERE_ANY_THREAD);
	fr_config.events[FR_CLASS_RECORDER] = FR_LEVEL_FULL;
	for (size_t i = 0; i < FR_SETTINGS; i++)
		read_one(&fr_config_rows[i], find_value(envp, fr_config_rows[i].variable),
			 &fr_config_sources[i]);
	reconcile();
}
