/* SPDX-License-Identifier: MIT */
/*
 * exporters.h - what every command of fr is given and what it gives back.
 *
 * A command is one function `int fr_cmd_<name>(struct call *c)` in a file of its own and one row
 * in decoder/commands.def. It writes data to c->out only, tells what went wrong through c->diag,
 * talks to the user through c->say (stderr, rarely needed) and returns an exit code. It neither
 * prints to stdout or stderr by itself nor exits: main.c does, and it turns a DIAG_LOSS in c->diag
 * or c->rec->losses into exit code 3 where the command returned FR_EXIT_OK.
 */
#ifndef FR_EXPORTERS_H
#define FR_EXPORTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"
#include "read/recording.h"

enum fr_exit {
	FR_EXIT_OK = 0,
	FR_EXIT_ERROR = 1, /* the reason stands in c->diag as DIAG_ERROR */
	FR_EXIT_USAGE = 2,
	FR_EXIT_LOSSES = 3, /* printed what could be read */
};

/* The options all commands share, as the user gave them; NULL or 0 = not given. */
struct options {
	bool json;
	bool color; /* decided: a terminal, NO_COLOR and --color have been looked at */
	bool all; /* -a: leave nothing out */
	const char *file; /* -o of commands that make their file themselves */
	const char *output; /* -o: main.c has opened it already, it is c->out */
	const char *thread; /* -t: T7, a tid, or a pattern of the name: see fr_filter_open() */
	const char *lock; /* -l: L2 or an address */
	const char *event; /* -e: patterns of event names, "mutex.*,net.recv" */
	uint64_t min_dur_ns; /* --min-dur */
	uint64_t since_ns; /* --since, --until: CLOCK_MONOTONIC, resolved against the recording */
	uint64_t until_ns; /* UINT64_MAX = not given */
	uint64_t older_ns; /* --older: only what ended at least so long ago, 0 = not given */
	uint64_t limit; /* -n: at most so many rows, 0 = no limit */
	int width; /* columns of the terminal, 0 = not a terminal: do not cut */
};

struct call {
	struct recording *rec; /* NULL where the row in commands.def says NO_RECORDING */
	const char *spec; /* what the user called it: file, region or PID; may be NULL */
	const struct options *opt;
	FILE *out;
	struct diag *diag;
	int argc; /* what is left of the command line: argv[0] is the command's name */
	char **argv; /* ARGUMENTS rows: everything after the command, untouched */
	void (*say)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
};

#define COMMAND(name, function, needs, options, help) int function(struct call *c);
#include "commands.def"
#undef COMMAND

#endif
