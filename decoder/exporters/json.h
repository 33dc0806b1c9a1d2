/* SPDX-License-Identifier: MIT */
/*
 * json.h - the shapes that appear in more than one place of the JSON contract.
 *
 * All functions return a new reference. Text is foreign: it becomes valid UTF-8 here.
 */
#ifndef FR_EXPORTERS_JSON_H
#define FR_EXPORTERS_JSON_H

#include <jansson.h>

#include "exporters/stacks.h"

json_t *fr_json_text(const char *s); /* NULL becomes null */
json_t *fr_json_addr(uint64_t addr); /* "0x7f..." */
json_t *fr_json_stack(struct stacks *st, uint32_t id); /* frames, leaf first */
json_t *fr_json_failure(const struct fr_failure *f); /* null: snapshots go where they should */
/* Prints V to OUT with a newline and drops the reference. */
void fr_json_print(json_t *v, FILE *out);

#endif
