/* SPDX-License-Identifier: MIT */
/*
 * parse.h - numbers as people write them: the other way round than units.h.
 *
 * The whole text must be understood; a number that does not fit is none. False leaves *V alone.
 */
#ifndef FR_BASE_PARSE_H
#define FR_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

bool fr_parse_number(const char *text, uint64_t *v); /* "4711" */
bool fr_parse_address(const char *text, uint64_t *v); /* "0x55d0" "4711" */
bool fr_parse_duration(const char *text, uint64_t *ns); /* "250us" "1.5s" "2m" "1h" "0" */
bool fr_parse_bytes(const char *text, uint64_t *bytes); /* "4096" "64k" "1.5G" "16MiB" */
bool fr_parse_percent(const char *text, uint64_t *v); /* "5%" "5" */

#endif
