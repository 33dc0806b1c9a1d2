/* SPDX-License-Identifier: MIT */
/*
 * mask.h - what the host's texts say of secrets is not stored.
 *
 * A text goes into the region by fr_text_store() (store/region.h)
 * or fr_mask_copy() only, so that a secret is not there for an instant.
 * Bounded by the length of the text; signal-safe; no locale, no memory.
 */
#ifndef FR_MASK_H
#define FR_MASK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Copies N bytes, with '*' in place of each byte of a secret. True: there was one. TO and FROM may
 * be the same.
 */
bool fr_mask_copy(char *to, const char *from, uint32_t n);

#endif
