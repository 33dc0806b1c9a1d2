/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command of fr prints.
 */
#ifndef TESTS_LIB_COMMAND_H
#define TESTS_LIB_COMMAND_H

#include "exporters/exporters.h"

/*
 * RUN on the recording at PATH, with the operand ARG. *TEXT, of *N bytes, is the caller's to free.
 * Returns the exit status.
 */
int command_run(int (*run)(struct call *c), const char *path, const char *arg, struct options opt,
		char **text, size_t *n);

#endif
