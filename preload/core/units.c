/* SPDX-License-Identifier: MIT */
/*
 * units.c - see units.h. Context: anywhere; nothing is kept.
 */
#include "core/units.h"

#include <stddef.h>
#include <string.h>

bool fr_units_number(const char *s, const char **end, uint64_t *v)
{
	const char *p = s;

	*v = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (*v > (UINT64_MAX - 9) / 10)
			return false;
		*v = *v * 10 + (uint64_t)(*p - '0');
	}
	*end = p;
	return p != s;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{"", 1},
	{"k", 1024},
	{"K", 1024},
	{"KiB", 1024},
	{"m", 1024 * 1024},
	{"M", 1024 * 1024},
	{"MiB", 1024 * 1024},
	{"g", 1ull << 30},
	{"G", 1ull << 30},
	{"GiB", 1ull << 30},
};

static const struct unit time_units[] = {
	{"ns", 1},         {"us", 1000},          {"ms", 1000000},
	{"s", 1000000000}, {"m", 60000000000ull}, {"", 1000000000},
};

static bool with_unit(const char *s, const struct unit *units, size_t n, uint64_t *v)
{
	const char *end;
	uint64_t num;

	if (!fr_units_number(s, &end, &num))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(end, units[i].name) == 0)
			return !__builtin_mul_overflow(num, units[i].factor, v);
	}
	return false;
}

bool fr_units_time(const char *s, uint64_t *ns)
{
	return with_unit(s, time_units, sizeof(time_units) / sizeof(*time_units), ns);
}

bool fr_units_bytes(const char *s, uint64_t *bytes)
{
	return with_unit(s, byte_units, sizeof(byte_units) / sizeof(*byte_units), bytes);
}
