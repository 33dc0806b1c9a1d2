/* SPDX-License-Identifier: MIT */
/*
 * crash.h - what the rules about the process's end share.
 */
#ifndef FR_ANALYSES_CRASH_H
#define FR_ANALYSES_CRASH_H

#include "analyses/analysis.h"

/* "sent by process 4711 (uid 0)": of a signal that somebody has sent. */
const char *fr_crash_sender(struct analysis *a, const struct fr_crash *c);

#endif
