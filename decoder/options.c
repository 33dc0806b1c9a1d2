/* SPDX-License-Identifier: MIT */
/*
 * options.c - the command line: options.def against argv.
 *
 * Must not: print or exit; what is wrong goes to the diag list and main.c decides.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

enum option_kind {
	FLAG,
	TEXT,
	DURATION,
	COUNT,
};

struct option_row {
	char letter;
	const char *name;
	unsigned int group;
	enum option_kind kind;
	const char *argument;
	const char *help;
};

#define OPTION(letter, name, group, kind, field, argument, help)                                   \
	{letter, name, group, kind, argument, help},
static const struct option_row rows[] = {
#include "options.def"
};
#undef OPTION
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void *field_of(size_t row, struct options *opt, struct time_text *times)
{
#define OPTION(letter, name, group, kind, field, argument, help) &(field),
	void *const fields[] = {
#include "options.def"
	};
#undef OPTION
	return fields[row];
}

bool fr_options_duration(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
		     {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
	char *end;
	double v;
	size_t i;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	errno = 0;
	v = strtod(text, &end);
	if (errno || !(v >= 0))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit) && v * units[i].ns < 9e18) {
			*ns = (uint64_t)(v * units[i].ns);
			return true;
		}
	}
	return v == 0 && !*end && (*ns = 0, true);
}

static bool set(size_t row, const char *value, struct options *opt, struct time_text *times,
		struct diag *d)
{
	void *field = field_of(row, opt, times);
	char *end;

	switch (rows[row].kind) {
	case FLAG:
		*(bool *)field = true;
		return true;
	case TEXT:
		*(const char **)field = value;
		return true;
	case DURATION:
		if (fr_options_duration(value, field))
			return true;
		diag_add(d, DIAG_ERROR, "--%s: '%s' is no duration; write 5ms, 250us or 1.5s",
			 rows[row].name, value);
		return false;
	case COUNT:
		errno = 0;
		*(uint64_t *)field = strtoull(value, &end, 10);
		if (isdigit((unsigned char)*value) && !*end && !errno)
			return true;
		diag_add(d, DIAG_ERROR, "--%s: '%s' is no number", rows[row].name, value);
		return false;
	}
	return false;
}

/*
 * The row for ARG, "-t", "-tT7", "--thread" or "--thread=T7", among those of GROUPS; *VALUE is what
 * is glued to it.
 */
static size_t find_row(const char *arg, unsigned int groups, const char **value)
{
	size_t i, n;

	*value = NULL;
	for (i = 0; i < ROWS; i++) {
		if (!(rows[i].group & groups))
			continue;
		if (arg[1] != '-') {
			if (rows[i].letter && rows[i].letter == arg[1]) {
				*value = arg[2] ? arg + 2 : NULL;
				return i;
			}
			continue;
		}
		n = strlen(rows[i].name);
		if (strncmp(arg + 2, rows[i].name, n) || (arg[2 + n] && arg[2 + n] != '='))
			continue;
		*value = arg[2 + n] ? arg + 2 + n + 1 : NULL;
		return i;
	}
	return ROWS;
}

/* Negative numbers such as -1.5s are values or operands, never options. */
static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] && !isdigit((unsigned char)arg[1]) && arg[1] != '.';
}

bool fr_options_parse(const struct command *cmd, int *argc, char **argv, struct options *opt,
		      struct time_text *times, struct diag *d)
{
	int i, kept = 1;
	bool only_operands = false;

	for (i = 1; i < *argc; i++) {
		const char *arg = argv[i], *value;
		size_t row;

		if (only_operands || !is_option(arg)) {
			argv[kept++] = argv[i];
			continue;
		}
		if (!strcmp(arg, "--")) {
			only_operands = true;
			continue;
		}
		row = find_row(arg, cmd->options | O_ALWAYS, &value);
		if (row == ROWS) {
			diag_add(d, DIAG_ERROR, "fr %s has no option %s; see fr help %s", cmd->name,
				 arg, cmd->name);
			return false;
		}
		if (rows[row].kind == FLAG && value) {
			diag_add(d, DIAG_ERROR, "%s: takes no value", arg);
			return false;
		}
		if (rows[row].kind != FLAG && !value && i + 1 < *argc)
			value = argv[++i];
		if (rows[row].kind != FLAG && !value) {
			diag_add(d, DIAG_ERROR, "%s: needs a value, %s", arg, rows[row].argument);
			return false;
		}
		if (!set(row, value, opt, times, d))
			return false;
	}
	*argc = kept;
	return true;
}

static bool time_point(const char *text, const struct recording *rec, uint64_t *ns, struct diag *d)
{
	uint64_t v;

	if (fr_options_duration(text + (*text == '-' || *text == '+'), &v)) {
		if (*text == '-')
			*ns = v < rec->end_ns ? rec->end_ns - v : 0;
		else
			*ns = rec->start_ns + v;
		return true;
	}
	diag_add(d, DIAG_ERROR,
		 "'%s' is no time; write -1.5s (before the end) or +2s (after the start)", text);
	return false;
}

bool fr_options_times(const struct time_text *times, const struct recording *rec,
		      struct options *opt, struct diag *d)
{
	opt->until_ns = UINT64_MAX;
	if (!rec)
		return true;
	if (times->since && !time_point(times->since, rec, &opt->since_ns, d))
		return false;
	return !times->until || time_point(times->until, rec, &opt->until_ns, d);
}

void fr_options_help(FILE *out, unsigned int groups)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		char left[64];

		if (!(rows[i].group & (groups | O_ALWAYS)))
			continue;
		if (rows[i].letter)
			snprintf(left, sizeof(left), "-%c, --%s %s", rows[i].letter, rows[i].name,
				 rows[i].argument ? rows[i].argument : "");
		else
			snprintf(left, sizeof(left), "    --%s %s", rows[i].name,
				 rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-24s %s\n", left, rows[i].help);
	}
}
