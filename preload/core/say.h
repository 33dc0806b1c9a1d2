/* SPDX-License-Identifier: MIT */
/*
 * say.h - a line on stderr, where FR_VERBOSE asks for it: the only thing that ever prints.
 */
#ifndef FR_SAY_H
#define FR_SAY_H

#include <stdbool.h>

/* What stderr is, at start, once the settings are read. */
void fr_say_init(void);

/* "fr: A B: C", the last if it is not empty. Any context; keeps errno. Nothing where descriptor 2
 * is another file by now. */
void fr_say(const char *a, const char *b, const char *c);

/* Does anybody read from descriptor 2? A write to a pipe without a reader is SIGPIPE: it kills. */
bool fr_say_is_read(void);

#endif
