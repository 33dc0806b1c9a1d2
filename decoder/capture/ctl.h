/* SPDX-License-Identifier: MIT */
/*
 * ctl.h - what the help needs to know of fr ctl.
 */
#ifndef FR_CAPTURE_CTL_H
#define FR_CAPTURE_CTL_H

#include <stdio.h>

struct arguments;

/* The settings of fr ctl, and as fr help ctl shows them. */
const struct arguments *fr_ctl_arguments(void);
void fr_ctl_help(FILE *out);

#endif
