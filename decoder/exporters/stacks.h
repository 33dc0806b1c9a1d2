/* SPDX-License-Identifier: MIT */
/*
 * stacks.h - each distinct stack as text and as JSON, made once and kept: a recording has millions
 * of events and thousands of stacks.
 */
#ifndef FR_EXPORTERS_STACKS_H
#define FR_EXPORTERS_STACKS_H

#include "base/sbuf.h"
#include "read/recording.h"
#include "symbols/symbols.h"

/* One frame by the JSON contract: {"fn","file","line","mod","off","inl"}; off as "0x...". */
void fr_frame_json(struct sbuf *b, const struct frame *f);
/* "sendReport server.c:88", "malloc libc.so.6", "libfoo.so+0x1234", "0x7f0012". */
void fr_frame_text(struct sbuf *b, const struct frame *f);

struct stacks;

struct stacks *fr_stacks_open(const struct recording *rec, struct symbols *sy);
void fr_stacks_close(struct stacks *st);

/* Stack 0 and damaged ones: "[]", "", "". */
enum stack_form {
	FR_STACK_JSON,
	FR_STACK_LINE, /* the innermost frames: "a x.c:1 < b y.c:2 < c y.c:3" */
	FR_STACK_FULL, /* all frames, one per line, indented */
	FR_STACK_FORMS
};
void fr_stacks_put(struct stacks *st, struct sbuf *b, enum stack_form form, uint32_t id);

#endif
