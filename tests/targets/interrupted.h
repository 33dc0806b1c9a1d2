/* SPDX-License-Identifier: MIT */
/*
 * interrupted.h - one call of a table, by its name, while somebody sends signals to who makes it.
 */
#ifndef TARGET_INTERRUPTED_H
#define TARGET_INTERRUPTED_H

#include "truth.h"

struct named_call {
	const char *name; /* NULL ends the table */
	int (*run)(void);
};

/* Says the tid first. Gives the call's result; errno is what it has left, 0 if it left none. */
static inline int call_named(const struct named_call *c, const char *name, long *took_ms)
{
	long start;
	int rc;

	while (c->name && strcmp(c->name, name) != 0)
		c++;
	if (!c->name)
		broken("no call of that name");
	say("{\"tid\":%d}", tid());
	start = now_ms();
	errno = 0;
	rc = c->run();
	*took_ms = now_ms() - start;
	return rc;
}

#endif
