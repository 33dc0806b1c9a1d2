/* SPDX-License-Identifier: MIT */
/*
 * run.h - fr run: a program under the recorder.
 */
#ifndef FR_CAPTURE_RUN_H
#define FR_CAPTURE_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct arguments;
struct diag;

/* The options of fr run, and as fr help run shows them. */
const struct arguments *fr_run_arguments(void);
void fr_run_help(FILE *out);

/* Where libfr.so is; false with the reason in D. */
bool fr_run_library(char path[PATH_MAX], struct diag *d);

#endif
