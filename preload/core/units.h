/* SPDX-License-Identifier: MIT */
/*
 * units.h - numbers as people write them: "100ms", "2G". False = not understood.
 *
 * Must not: use libc's own, which look at the locale.
 */
#ifndef FR_UNITS_H
#define FR_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number; *END is left after it. */
bool fr_units_number(const char *s, const char **end, uint64_t *v);

/* Seconds, if nothing else is said. */
bool fr_units_time(const char *s, uint64_t *ns);
bool fr_units_bytes(const char *s, uint64_t *bytes);

#endif
