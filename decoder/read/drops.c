/* SPDX-License-Identifier: MIT */
/*
 * drops.c - the rows of drops.def by number. Its numbers are a recording's: not to be trusted.
 */
#include "read/drops.h"

#include <stdio.h>

struct drop {
	const char *name;
	const char *meaning;
};

#define DROP(id, NAME, name, meaning) [id] = {name, meaning},
static const struct drop drops[] = {
#include "preload/wire/drops.def"
};
#undef DROP

static const struct drop *find(size_t drop)
{
	return drop < sizeof(drops) / sizeof(drops[0]) && drops[drop].name ? &drops[drop] : NULL;
}

const char *fr_drop_name(size_t drop, char buf[FR_DROP_NAME_LEN])
{
	const struct drop *d = find(drop);

	if (d)
		return d->name;
	snprintf(buf, FR_DROP_NAME_LEN, "drop %zu", drop);
	return buf;
}

const char *fr_drop_meaning(size_t drop)
{
	const struct drop *d = find(drop);

	return d ? d->meaning : NULL;
}
