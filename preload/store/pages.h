/* SPDX-License-Identifier: MIT */
/*
 * pages.h - how many bytes of the region may get pages.
 */
#ifndef FR_PAGES_H
#define FR_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that a region has before anybody is asked: little for any host, and enough for most. */
#define FR_PAGES_FIRST (512u << 10)

/* Before the first birth: who says how many of WANT bytes there may be, when more is needed. */
void fr_pages_ask(uint64_t (*of_max)(uint64_t want));

/* At birth: MAX_BYTES in all, of which USED have theirs already. */
void fr_pages_init(uint64_t max_bytes, size_t used);

/* N bytes of what is left; false: that is less. Signal-safe. */
bool fr_pages_take(size_t n);
void fr_pages_return(size_t n);

#endif
