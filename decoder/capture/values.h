/* SPDX-License-Identifier: MIT */
/*
 * values.h - whether the recorder will take a value of a setting, known before the program starts.
 */
#ifndef FR_CAPTURE_VALUES_H
#define FR_CAPTURE_VALUES_H

#include <stdbool.h>

#include "preload/wire/wire_settings.h"

/* By config.def and the same rules as the recorder's own (preload/core/config.c). */
bool fr_value_is_taken(enum fr_setting setting, const char *value);

#endif
