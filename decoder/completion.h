/* SPDX-License-Identifier: MIT */
/*
 * completion.h - what shells need to complete command lines of fr.
 */
#ifndef FR_COMPLETION_H
#define FR_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arguments.h"
#include "commands.h"

/* What may stand where. */
enum operand {
	OPERAND_NONE,
	OPERAND_COMMAND, /* of fr */
	OPERAND_RECORDING, /* a file, or the PID of a recorded process */
	OPERAND_PROCESS, /* such a PID */
	OPERAND_PROGRAM, /* a program to start, and its arguments behind it */
	OPERAND_SUBJECT, /* a program, or any PID */
	OPERAND_FILE,
	OPERAND_DIRECTORY,
	OPERAND_WORDS, /* those of struct value */
};

/* What an option of that value takes. */
struct value {
	const char *name; /* as in the help: "FILE" */
	enum operand takes;
	const char *words; /* of WORDS, with spaces between */
};

/* Never NULL: of what is not in the table nothing can be said. */
const struct value *fr_completion_value(const char *name);

struct completed {
	const struct command *command;
	struct arguments arguments; /* n 0 = none */
	enum operand operand;
};

struct completed fr_completion_of(const struct command *c);

/* Row I of A belongs to the command. */
static inline bool fr_completion_has(const struct arguments *a, size_t i)
{
	return (a->rows[i].group & a->groups) != 0;
}

/* TEXT with a backslash before each character of SPECIAL. */
void fr_completion_text(const char *text, const char *special, FILE *out);

/* The files that shells read. */
void fr_completion_bash(const struct command *commands, FILE *out);
void fr_completion_zsh(const struct command *commands, FILE *out);
void fr_completion_fish(const struct command *commands, FILE *out);

#endif
