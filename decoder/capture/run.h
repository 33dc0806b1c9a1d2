/* SPDX-License-Identifier: MIT */
/*
 * run.h - fr run: a program under the recorder.
 */
#ifndef FR_CAPTURE_RUN_H
#define FR_CAPTURE_RUN_H

#include <stdio.h>

struct arguments;

/* The options of fr run, and as fr help run shows them. */
const struct arguments *fr_run_arguments(void);
void fr_run_help(FILE *out);

#endif
