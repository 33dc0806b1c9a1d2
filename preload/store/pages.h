/* SPDX-License-Identifier: MIT */
/*
 * pages.h - how many bytes of the region may get pages.
 */
#ifndef FR_PAGES_H
#define FR_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At birth: MAX_BYTES in all, of which USED have theirs already. */
void fr_pages_init(uint64_t max_bytes, size_t used);

/* N bytes of what is left; false: that is less. Signal-safe. */
bool fr_pages_take(size_t n);
void fr_pages_return(size_t n);

#endif
