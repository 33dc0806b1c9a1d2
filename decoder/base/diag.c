/* SPDX-License-Identifier: MIT */
/*
 * diag.c - the list of what went wrong. Keeps the first DIAG_MAX entries and counts the rest, so
 * that a hostile recording cannot fill memory with complaints. Must not: print.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return fr_mem_strndup(fmt, 200);
	return text;
}

void diag_add(struct diag *d, enum diag_severity s, const char *fmt, ...)
{
	size_t cap = d->n; /* grows by one: there are few */
	va_list ap;

	if (d->n >= DIAG_MAX && s != DIAG_ERROR) {
		d->suppressed++;
		return;
	}
	d->entries = fr_mem_grow(d->entries, &cap, d->n + 1, sizeof(*d->entries));
	va_start(ap, fmt);
	d->entries[d->n].severity = s;
	d->entries[d->n++].text = format(fmt, ap);
	va_end(ap);
}

bool diag_has(const struct diag *d, enum diag_severity at_least)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->entries[i].severity >= at_least)
			return true;
	return false;
}

void diag_free(struct diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->entries[i].text);
	free(d->entries);
	*d = (struct diag){0};
}
