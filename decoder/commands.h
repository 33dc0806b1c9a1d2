/* SPDX-License-Identifier: MIT */
/*
 * commands.h - the table of commands and the command line: shared by main.c, options.c and help.c.
 */
#ifndef FR_COMMANDS_H
#define FR_COMMANDS_H

#include "base/arguments.h"
#include "exporters/exporters.h"

#define FR_RELEASE "0.1.0"
#define FR_RELEASED "2026-11-30"

enum command_needs {
	RECORDING,
	NO_RECORDING,
	ARGUMENTS,
};

/* Groups of shared options: see options.def. */
#define O_JSON 1u
#define O_ALL 2u
#define O_OUT 4u
#define O_THREAD 8u
#define O_LOCK 16u
#define O_EVENT 32u
#define O_TIME 64u
#define O_LIMIT 128u
#define O_OLDER 256u
#define O_EVERY 512u
#define O_FILE 0x1000u
#define O_ALWAYS 0x80000000u

struct command {
	const char *name;
	int (*run)(struct call *c);
	enum command_needs needs;
	unsigned int options;
	const char *help;
};

extern const struct command fr_commands[]; /* ends with name NULL */
const struct command *fr_command_find(const char *name);
const char *fr_command_similar(const char *name); /* a command spelled nearly so, or NULL */

/* A bound in time as the user gave it: relative to the end, to the start, or absolute. */
struct time_text {
	const char *since;
	const char *until;
	const char *color; /* auto, always, never */
};

/*
 * Takes the options of CMD out of argv[1..*ARGC) into OPT and TIMES; operands stay, *ARGC is
 * reduced. False with the reason in D: a usage error.
 */
bool fr_options_parse(const struct command *cmd, int *argc, char **argv, struct options *opt,
		      struct time_text *times, struct diag *d);
/* since_ns and until_ns of OPT against the recording (NULL = none). */
bool fr_options_times(const struct time_text *times, const struct recording *rec,
		      struct options *opt, struct diag *d);
/* The table of CMD's options, for the parser and whoever shows them. */
struct arguments fr_options_arguments(const struct command *cmd);
void fr_options_help(const struct command *cmd, FILE *out);
void fr_options_manual(const struct command *cmd, FILE *out);

/* The manual pages fr(1) and libfr(7), in man(7), and what both have: the settings. */
void fr_manual(const struct command *commands, FILE *out);
void fr_manual_libfr(FILE *out);
void fr_manual_settings(FILE *out);

#endif
