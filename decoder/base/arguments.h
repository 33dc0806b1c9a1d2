/* SPDX-License-Identifier: MIT */
/*
 * arguments.h - command lines by tables: options of any command, settings of fr ctl, and the help.
 *
 *   -t T7  -tT7  --thread T7  --thread=T7        options
 *   slow=1ms  off                                words
 */
#ifndef FR_BASE_ARGUMENTS_H
#define FR_BASE_ARGUMENTS_H

#include <stdio.h>

#include "base/diag.h"

struct argument {
	const char *name;
	const char *value; /* what it takes, "TIME"; NULL = nothing */
	const char *help;
	unsigned int group;
	char letter; /* 0 = none */
};

struct arguments {
	const char *command; /* "run" */
	const struct argument *rows;
	size_t n;
	unsigned int groups; /* rows of these are the command's */
	bool words; /* without dashes, and there are no operands */
	bool operand_ends; /* what follows the first operand is not the command's */
	/* Takes VALUE (NULL = a row without) for row I; false = not understood. */
	bool (*set)(void *into, size_t i, const char *value);
	void *into;
};

/*
 * Takes what the table knows out of argv[1..*ARGC); operands stay, *ARGC is reduced. False with the
 * reason in D: a usage error.
 */
bool fr_arguments_parse(const struct arguments *a, int *argc, char **argv, struct diag *d);
void fr_arguments_help(const struct arguments *a, FILE *out);
/* TEXT in man(7): nothing in it is an escape. */
void fr_manual_text(const char *text, FILE *out);
/* The same help for the manual page, in man(7). */
void fr_arguments_manual(const struct arguments *a, FILE *out);

#endif
