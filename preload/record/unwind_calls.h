/* SPDX-License-Identifier: MIT */
/*
 * unwind_calls.h - what libunwind calls instead of libc.
 */
#ifndef FR_UNWIND_CALLS_H
#define FR_UNWIND_CALLS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"
#include "record/unwind.h"

/* Before each walk: what may be read, and the PC whose object libunwind will look for. */
void fr_unwind_calls_begin(struct fr_readable ok, uintptr_t pc);

/*
 * Redirects the imports of libunwind at MAP. False: it cannot be used, and WHY says what it lacks
 * or has too much.
 */
bool fr_unwind_calls_redirect(const struct link_map *map, struct fr_text *why);

/* The first system call that it asked for and nobody knows; -1: none. */
long fr_unwind_calls_unknown(void);

#endif
