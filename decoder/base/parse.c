/* SPDX-License-Identifier: MIT */
/*
 * parse.c - a number and its unit, by tables of units.
 */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name; /* "" = none is needed */
	uint64_t size; /* 0 = only for the number 0 */
};

static const struct unit plain[] = {{"", 1}, {0}};
static const struct unit percents[] = {{"", 1}, {"%", 1}, {0}};
static const struct unit durations[] = {{"", 0},
					{"ns", 1},
					{"us", 1000},
					{"ms", 1000000},
					{"s", 1000000000ull},
					{"m", 60000000000ull},
					{"h", 3600000000000ull},
					{"d", 86400000000000ull},
					{0}};
static const struct unit sizes[] = {{"", 1},
				    {"k", 1ull << 10},
				    {"kiB", 1ull << 10},
				    {"m", 1ull << 20},
				    {"MiB", 1ull << 20},
				    {"g", 1ull << 30},
				    {"GiB", 1ull << 30},
				    {"t", 1ull << 40},
				    {"TiB", 1ull << 40},
				    {0}};

static const struct unit *find(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcasecmp(units->name, name))
			return units;
	return NULL;
}

/* The whole part stays an integer: a double has 53 bits. */
static bool parse(const char *text, const struct unit *units, uint64_t *v)
{
	const struct unit *u;
	uint64_t whole, part;
	double fraction = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]) &&
	    (text[0] != '.' || !isdigit((unsigned char)text[1])))
		return false;
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		fraction = strtod(end, &end);
	u = find(units, end);
	if (errno || !u || fraction >= 1 || (fraction > 0 && u->size == 1) ||
	    (!u->size && (whole || fraction > 0)))
		return false;
	part = (uint64_t)(fraction * (double)u->size);
	if (__builtin_mul_overflow(whole, u->size, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		return false;
	*v = whole;
	return true;
}

bool fr_parse_number(const char *text, uint64_t *v)
{
	return parse(text, plain, v);
}

bool fr_parse_address(const char *text, uint64_t *v)
{
	uint64_t whole;
	char *end;

	errno = 0;
	whole = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || *end || errno)
		return false;
	*v = whole;
	return true;
}

bool fr_parse_duration(const char *text, uint64_t *ns)
{
	uint64_t v;

	if (!parse(text, durations, &v) || v > INT64_MAX)
		return false;
	*ns = v;
	return true;
}

bool fr_parse_bytes(const char *text, uint64_t *bytes)
{
	return parse(text, sizes, bytes);
}

bool fr_parse_percent(const char *text, uint64_t *v)
{
	return parse(text, percents, v);
}
