/* SPDX-License-Identifier: MIT */
/*
 * options.c - the options commands share: options.def for base/arguments.h, and points in time.
 *
 * Must not: print or exit; what is wrong goes to the diag list and main.c decides.
 */
#include "base/arguments.h"
#include "base/parse.h"
#include "commands.h"

enum option_kind {
	FLAG,
	TEXT,
	DURATION,
	COUNT,
};

#define OPTION(letter, name, group, kind, field, value, help) {name, value, help, group, letter},
static const struct argument rows[] = {
#include "options.def"
};
#undef OPTION

#define OPTION(letter, name, group, kind, field, value, help) kind,
static const enum option_kind kinds[] = {
#include "options.def"
};
#undef OPTION

/* Where the values go: what the fields of options.def are fields of. */
struct wanted {
	struct options *opt;
	struct time_text *times;
};

static void *field_of(size_t row, const struct wanted *w)
{
	struct options *opt = w->opt;
	struct time_text *times = w->times;
#define OPTION(letter, name, group, kind, field, value, help) &(field),
	void *const fields[] = {
#include "options.def"
	};
#undef OPTION
	return fields[row];
}

static bool set(void *into, size_t row, const char *value)
{
	void *field = field_of(row, into);

	switch (kinds[row]) {
	case FLAG:
		*(bool *)field = true;
		return true;
	case TEXT:
		*(const char **)field = value;
		return true;
	case DURATION:
		return fr_parse_duration(value, field);
	case COUNT:
		return fr_parse_number(value, field);
	}
	return false;
}

struct arguments fr_options_arguments(const struct command *cmd)
{
	return (struct arguments){.command = cmd->name,
				  .rows = rows,
				  .n = sizeof(rows) / sizeof(rows[0]),
				  .groups = cmd->options | O_ALWAYS,
				  .set = set};
}

bool fr_options_parse(const struct command *cmd, int *argc, char **argv, struct options *opt,
		      struct time_text *times, struct diag *d)
{
	struct arguments a = fr_options_arguments(cmd);
	struct wanted w = {opt, times};

	a.into = &w;
	return fr_arguments_parse(&a, argc, argv, d);
}

static bool time_point(const char *text, const struct recording *rec, uint64_t *ns, struct diag *d)
{
	uint64_t v;

	if (fr_parse_duration(text + (*text == '-' || *text == '+'), &v)) {
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

void fr_options_help(const struct command *cmd, FILE *out)
{
	struct arguments a = fr_options_arguments(cmd);

	fr_arguments_help(&a, out);
}

void fr_options_manual(const struct command *cmd, FILE *out)
{
	struct arguments a = fr_options_arguments(cmd);

	fr_arguments_manual(&a, out);
}
