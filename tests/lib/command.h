/* SPDX-License-Identifier: MIT */
/*
 * command.h - a recording as a command of fr opens it, and what the command prints.
 */
#ifndef TESTS_LIB_COMMAND_H
#define TESTS_LIB_COMMAND_H

#include "exporters/exporters.h"
#include "tests/lib/synth.h"

/* Writes S to PATH, frees it and opens what is there: NULL where that cannot be. */
struct recording *command_reopen(struct synth *s, const char *path, struct diag *d);

/*
 * RUN on the recording at PATH, with the operand ARG. *TEXT, of *N bytes, is the caller's to free.
 * Returns the exit status.
 */
int command_run(int (*run)(struct call *c), const char *path, const char *arg, struct options opt,
		char **text, size_t *n);

#endif
