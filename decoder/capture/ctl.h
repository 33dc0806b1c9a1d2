/* SPDX-License-Identifier: MIT */
/*
 * ctl.h - what the help needs to know of fr ctl.
 */
#ifndef FR_CAPTURE_CTL_H
#define FR_CAPTURE_CTL_H

#include <stdio.h>

void fr_ctl_help(FILE *out);

#endif
