/* SPDX-License-Identifier: MIT */
/*
 * output.h - the file that a command writes to.
 *
 * It is written under another name and gets its own when it is complete, so a file that was there
 * stays till then, and a symbolic link is replaced and not followed. Nothing is written into a FIFO
 * or over the bytes of a file that another user has put there. What is no file (a terminal, a pipe,
 * /dev/null) is written to as it is.
 */
#ifndef FR_BASE_OUTPUT_H
#define FR_BASE_OUTPUT_H

#include <stdbool.h>
#include <sys/types.h>

struct output {
	int fd; /* to be closed by whoever asked for it */
	char *path; /* NULL = written in place */
	char *part;
};

/* O->fd is open for writing; false = not: WHY is constant text, or from errno. */
bool fr_output_open(struct output *o, const char *path, mode_t mode, const char **why);
/* After the descriptor was closed: WELL, and the file has its name; else it is gone. */
bool fr_output_end(struct output *o, bool well);

/* What an error of writing means: strerror(), but for the limit that a shell sets. */
const char *fr_output_why(int err);

#endif
