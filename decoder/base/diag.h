/* SPDX-License-Identifier: MIT */
/*
 * diag.h - what went wrong, collected by every stage, printed only by main.c.
 *
 * Stages never print and never exit: they append here and return what they have.
 */
#ifndef FR_BASE_DIAG_H
#define FR_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

enum diag_severity {
	DIAG_NOTE, /* worth knowing: a missing debug file */
	DIAG_LOSS, /* part of the recording could not be read: exit code 3 */
	DIAG_ERROR, /* nothing could be done: exit code 1 */
};

struct diag_entry {
	enum diag_severity severity;
	char *text; /* one line, without newline: what, where, why, what to do */
};

struct diag {
	struct diag_entry *entries;
	size_t n;
	size_t suppressed; /* entries beyond DIAG_MAX */
};
#define DIAG_MAX 256

void diag_add(struct diag *d, enum diag_severity s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool diag_has(const struct diag *d, enum diag_severity at_least);
void diag_free(struct diag *d);

#endif
