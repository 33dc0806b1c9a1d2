/* SPDX-License-Identifier: MIT */
/*
 * rich.h - a small recording with something of everything, to be damaged.
 */
#ifndef TESTS_LIB_RICH_H
#define TESTS_LIB_RICH_H

#include "tests/lib/synth.h"

struct synth *rich_new(void);

#endif
