/* SPDX-License-Identifier: MIT */
/*
 * run.h - fr run: a program under the recorder.
 */
#ifndef FR_CAPTURE_RUN_H
#define FR_CAPTURE_RUN_H

#include <stdio.h>

/* The options of fr run, as fr help run shows them. */
void fr_run_help(FILE *out);

#endif
