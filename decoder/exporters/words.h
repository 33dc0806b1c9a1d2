/* SPDX-License-Identifier: MIT */
/*
 * words.h - the numbers of the format as the words that text and JSON use for them.
 */
#ifndef FR_EXPORTERS_WORDS_H
#define FR_EXPORTERS_WORDS_H

#include <jansson.h>
#include <stdint.h>

#include "read/levels.h"
#include "read/recording.h"

const char *fr_word_source(enum recording_source source); /* "snapshot" "left" "live" */
const char *fr_word_state(uint32_t state); /* enum fr_state */
const char *fr_word_clock(uint32_t clock_kind);
const char *fr_word_region(uint32_t region_kind);
const char *fr_word_unwind(uint32_t unwind_kind);
const char *fr_word_arch(uint32_t arch);
const char *fr_word_fd(uint32_t fd_kind);
const char *fr_word_tier(uint32_t tier);

/* The trigger by the JSON contract: signal crash threshold api exit live left none. */
const char *fr_word_trigger(const struct recording *rec);
const char *fr_word_trigger_kind(uint32_t kind);

/* Why the recorder did not use a directory, by places.def: "owner"; NULL if unknown or 0. */
const char *fr_word_place(uint32_t why);

/* The same as a sentence's end: "it belongs to another user", or what the system says. */
const char *fr_word_failure(const struct fr_failure *f);

/* Foreign bytes for libjansson, which refuses what is not UTF-8. */
json_t *fr_json_bytes(const void *bytes, size_t n);
json_t *fr_json_u64(uint64_t v); /* libjansson knows signed numbers: beyond them, text */

#endif
