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

static bool parse_bytes(const char *s, uint64_t *v)
{
	uint64_t n;

	if (!fr_units_bytes(s, &n))
		return false;
	if (n < 1u << 20 || n > 1ull << 36)
		return false;
	*v = n;
	return true;
}

static bool parse_duration(const char *s, uint64_t *v)
{
	return fr_units_time(s, v);
}

static bool parse_number(const char *s, uint64_t *v)
{
	const char *end;
	uint64_t n;

	if (!fr_units_number(s, &end, &n) || *end || n < 1 || n > 254)
		return false;
	*v = n;
	return true;
}

static bool parse_flag(const char *s, bool *v)
{
	if ((s[0] != '0' && s[0] != '1') || s[1])
		return false;
	*v = s[0] == '1';
	return true;
}

/* "64M" is a size, "200" a number of files. */
static bool keep_part(const char *s, struct fr_keep_max *v)
{
	const char *end;
	uint64_t n;

	if (fr_units_number(s, &end, &n) && !*end) {
		v->files = n;
		return true;
	}
	return fr_units_bytes(s, &v->bytes);
}

/* "64M,200"; either alone, and the other stays as it is; "none": no limit. */
static bool parse_keep_max(const char *s, struct fr_keep_max *v)
{
	struct fr_keep_max out = *v;
	const char *comma = strchr(s, ',');
	char first[32];

	if (strcmp(s, "none") == 0) {
		*v = (struct fr_keep_max){UINT64_MAX, UINT64_MAX};
		return true;
	}
	if (comma && (size_t)(comma - s) >= sizeof(first))
		return false;
	fr_text_copy(first, sizeof(first), s);
	if (comma)
		first[comma - s] = '\0';
	if (strlen(s) >= sizeof(first) || !keep_part(first, &out) ||
	    (comma && !keep_part(comma + 1, &out)))
		return false;
	*v = out;
	return true;
}

/* "5%" or "5"; "none" or "0": no limit. */
static bool parse_budget(const char *s, uint64_t *v)
{
	const char *end;
	uint64_t n;

	if (strcmp(s, "none") == 0) {
		*v = 0;
		return true;
	}
	if (!fr_units_number(s, &end, &n) || (*end && strcmp(end, "%") != 0) || n > 100)
		return false;
	*v = n;
	return true;
}

#define parse_path(s, field) parse_text_into(s, *(field), sizeof(*(field)), true)
#define parse_text(s, field) parse_text_into(s, *(field), sizeof(*(field)), false)
static bool parse_text_into(const char *s, char *field, size_t size, bool absolute)
{
	if (strlen(s) >= size || (absolute && s[0] && s[0] != '/'))
		return false;
	fr_text_copy(field, size, s);
	return true;
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
static bool parse_events(const char *s, uint8_t (*levels)[FR_CLASSES])
{
	uint8_t out[FR_CLASSES];
	int level = find_name(s, strlen(s), level_names, FR_LEVEL_FULL + 1);

	memcpy(out, *levels, sizeof(out));
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
	memcpy(*levels, out, sizeof(out));
	return true;
}

struct signal_name {
	const char *name;
	int number;
};

static const struct signal_name signal_names[] = {
	{"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},     {"WINCH", SIGWINCH},
	{"URG", SIGURG}, {"PWR", SIGPWR},   {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
	{"IO", SIGIO},   {"QUIT", SIGQUIT}, {"TERM", SIGTERM},     {"CONT", SIGCONT},
};

static bool parse_signal(const char *s, int *v)
{
	const char *end;
	uint64_t n;

	if (strcmp(s, "auto") == 0 || strcmp(s, "none") == 0) {
		*v = s[0] == 'a' ? FR_SIGNAL_AUTO : FR_SIGNAL_NONE;
		return true;
	}
	if (strncmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < sizeof(signal_names) / sizeof(*signal_names); i++) {
		if (strcmp(s, signal_names[i].name) == 0) {
			*v = signal_names[i].number;
			return true;
		}
	}
	if (strncmp(s, "RTMIN+", 6) != 0 || !fr_units_number(s + 6, &end, &n) || *end || n > 28)
		return false;
	*v = 34 + (int)n; /* glibc's SIGRTMIN; the function behind the macro is not up yet */
	return true;
}

static void refuse_condition(const char *item)
{
	fr_note("refused: FR_TRIGGER: ", item, " is not understood and left out; the others hold");
}

/* Never refused as a whole: what is not understood is told and left out. */
static bool parse_trigger(const char *s, uint64_t (*limits)[FR_RULES_MAX])
{
	fr_trigger_parse(s, *limits, refuse_condition);
	return true;
}

static bool parse_unwind(const char *s, int *v)
{
	static const char *const names[] = {"auto", "fp", "caller"};

	*v = find_name(s, strlen(s), names, 3);
	return *v >= 0;
}

static bool parse_clock(const char *s, int *v)
{
	*v = strcmp(s, "auto") == 0 ? FR_CLOCK_TSC : FR_CLOCK_MONOTONIC;
	return *v == FR_CLOCK_TSC || strcmp(s, "monotonic") == 0;
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
	uint8_t lock = fr_config.levels[FR_CLASS_LOCK];

	fr_config_levels(fr_config.levels);
	if (fr_config.levels[FR_CLASS_LOCK] != lock)
		fr_note("FR_TRIGGER=hold needs every lock: lock=full", "", "");
	else if (fr_config.trigger[FR_RULE_hold] && lock == FR_LEVEL_OFF)
		fr_note("FR_TRIGGER=hold sees nothing: lock=off", "", "");
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Each goes to its parser by the address of the whole field, so a wrong type does not compile. */
#define SETTING(field, name, parser, dflt, help)                                                   \
	static bool set_##field(const char *s)                                                     \
	{                                                                                          \
		return parse_##parser(s, &fr_config.field);                                        \
	}
#include "wire/config.def"
#undef SETTING

struct setting {
	const char *name;
	const char *dflt;
	bool (*set)(const char *s);
};

#define SETTING(field, name, parser, dflt, help) {name, dflt, set_##field},
static const struct setting settings[] = {
#include "wire/config.def"
};
#undef SETTING
#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

static const char *find_value(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp && *envp; envp++) {
		if (**envp == *name && strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	}
	return NULL;
}

void fr_config_read(char *const *envp)
{
	FR_RUNS(FR_WHERE_ANY_THREAD);
	fr_config.levels[FR_CLASS_RECORDER] = FR_LEVEL_FULL;
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		const char *v = find_value(envp, s->name);

		s->set(s->dflt);
		if (!v || !*v)
			continue;
		if (s->set(v)) {
			fr_note(s->name, "=", v);
			continue;
		}
		s->set(s->dflt);
		fr_note("refused: ", s->name, "=");
		fr_notes_len--; /* continue the line */
		fr_note(v, " is not understood; using ", s->dflt[0] ? s->dflt : "the default");
	}
	reconcile();
	fr_say_init();
}
