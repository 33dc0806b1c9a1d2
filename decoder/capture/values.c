/* SPDX-License-Identifier: MIT */
/*
 * values.c - one check per type of setting, as the recorder reads them.
 *
 * The recorder never refuses to start: it takes the default and says so, in a recording that is
 * read when it is too late. Whoever types an option learns it at once. Both sides read the same
 * tables; tests/test_run.py holds them together.
 */
#include "capture/values.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "read/levels.h"

struct bounds {
	uint64_t least, most;
};

static bool within(const struct bounds *b, uint64_t n)
{
	return n >= b->least && n <= b->most;
}

/* The recorder reads whole numbers only. */
static bool bytes(const char *v, uint64_t *n)
{
	return !strchr(v, '.') && fr_parse_bytes(v, n);
}

/* A bare number is seconds to it, and there are no hours. */
static bool duration(const char *v, uint64_t *n)
{
	if (fr_parse_number(v, n))
		return !__builtin_mul_overflow(*n, (uint64_t)1000000000, n);
	return !v[strcspn(v, ".hd")] && fr_parse_duration(v, n);
}

static bool check_bytes(const char *v, const struct bounds *b)
{
	uint64_t n;

	return bytes(v, &n) && within(b, n);
}

static bool check_duration(const char *v, const struct bounds *b)
{
	uint64_t n;

	return duration(v, &n) && within(b, n);
}

static bool check_number(const char *v, const struct bounds *b)
{
	uint64_t n;

	return fr_parse_number(v, &n) && within(b, n);
}

static bool check_budget(const char *v, const struct bounds *b)
{
	uint64_t n;

	return !strcmp(v, "none") || (fr_parse_percent(v, &n) && within(b, n));
}

static bool check_flag(const char *v, const struct bounds *b)
{
	(void)b;
	return !strcmp(v, "0") || !strcmp(v, "1");
}

static bool check_text(const char *v, const struct bounds *b)
{
	return within(b, strlen(v));
}

/* One that is there must be a directory that can be written to; the recorder makes none. */
static bool check_path(const char *v, const struct bounds *b)
{
	struct stat st;

	return check_text(v, b) && !stat(v, &st) && S_ISDIR(st.st_mode) && !access(v, W_OK | X_OK);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Whether CHECK takes every part of LIST. */
static bool each(const char *list, bool (*check)(char *part))
{
	char *copy = strdup(list), *save = NULL, *part;
	bool good = copy && *list;

	for (part = good ? strtok_r(copy, ",", &save) : NULL; part && good;
	     part = strtok_r(NULL, ",", &save))
		good = check(part);
	free(copy);
	return good;
}

static bool is_level(const char *s)
{
	for (uint32_t i = FR_LEVEL_OFF; i <= FR_LEVEL_FULL; i++)
		if (!strcmp(s, fr_word_level(i)))
			return true;
	return false;
}

static bool is_class_level(char *part)
{
	char *level = strchr(part, '=');

	if (!level)
		return false;
	*level++ = 0;
	for (uint32_t i = 0; i < FR_CLASS_RECORDER; i++)
		if (!strcmp(part, fr_word_class(i)))
			return is_level(level);
	return false;
}

static bool check_events(const char *v, const struct bounds *b)
{
	(void)b;
	return is_level(v) || each(v, is_class_level);
}

#define TRIGGER(number, name, unit, where, help) {#name, FR_RULE_##unit},
static const struct {
	const char *name;
	enum fr_rule_unit unit;
} conditions[] = {
#include "preload/wire/triggers.def"
};
#undef TRIGGER

static bool is_condition(char *part)
{
	char *limit = strchr(part, '>');
	uint64_t n;

	if (limit)
		*limit++ = 0;
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		if (strcmp(part, conditions[i].name) != 0)
			continue;
		if (conditions[i].unit == FR_RULE_FLAG)
			return !limit;
		return limit &&
		       (conditions[i].unit == FR_RULE_NS ? duration(limit, &n) : bytes(limit, &n));
	}
	return false;
}

static bool check_trigger(const char *v, const struct bounds *b)
{
	(void)b;
	return !*v || each(v, is_condition);
}

static bool is_keep_bound(char *part)
{
	uint64_t n;

	return fr_parse_number(part, &n) || bytes(part, &n);
}

static bool check_keep_max(const char *v, const struct bounds *b)
{
	(void)b;
	return !strcmp(v, "none") || each(v, is_keep_bound);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_one_of(const char *v, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v, words[i]))
			return true;
	return false;
}

#define SIGNAL_NAME(name) #name,
static const char *const signals[] = {
#include "preload/wire/signals.def"
};
#undef SIGNAL_NAME

static bool check_signal(const char *v, const struct bounds *b)
{
	static const char *const words[] = {"auto", "none"};
	uint64_t n;

	(void)b;
	if (is_one_of(v, words, 2))
		return true;
	v += strncmp(v, "SIG", 3) ? 0 : 3;
	return is_one_of(v, signals, sizeof(signals) / sizeof(signals[0])) ||
	       (!strncmp(v, "RTMIN+", 6) && fr_parse_number(v + 6, &n) && n <= 28);
}

static bool check_unwind(const char *v, const struct bounds *b)
{
	static const char *const words[] = {"auto", "libunwind", "fp", "caller"};

	(void)b;
	return is_one_of(v, words, 4);
}

static bool check_clock(const char *v, const struct bounds *b)
{
	static const char *const words[] = {"auto", "monotonic"};

	(void)b;
	return is_one_of(v, words, 2);
}

#define SETTING(name, variable, type, dflt, least, most, ...) {check_##type, {least, most}},
static const struct {
	bool (*check)(const char *v, const struct bounds *b);
	struct bounds bounds;
} rows[FR_SETTINGS] = {
#include "preload/wire/config.def"
};
#undef SETTING

bool fr_value_is_taken(enum fr_setting setting, const char *value)
{
	return rows[setting].check(value, &rows[setting].bounds);
}
