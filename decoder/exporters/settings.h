/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the settings of a recording: their values in words and as JSON.
 */
#ifndef FR_EXPORTERS_SETTINGS_H
#define FR_EXPORTERS_SETTINGS_H

#include <jansson.h>

#include "base/sbuf.h"
#include "preload/wire/wire_control.h"
#include "preload/wire/wire_settings.h"

/* A number in its unit: "100 us", "16 MiB", "no". */
void fr_setting_number_text(struct sbuf *b, uint32_t unit, uint64_t v);

/* The value in force of R; C may be NULL. */
void fr_setting_text(struct sbuf *b, const struct fr_setting_rec *r, const struct fr_control *c);

/* "lock=slow mem=off ..." */
void fr_levels_text(struct sbuf *b, const uint8_t *levels, uint32_t n);

/* "recv > 1 s (2 times), exit"; "none". */
void fr_rules_text(struct sbuf *b, const struct fr_control *c);

/* {"max_bytes": {"value": 16777216, "unit": "bytes", ...}, ...}: N records. */
json_t *fr_settings_json(const struct fr_setting_rec *recs, size_t n);

#endif
