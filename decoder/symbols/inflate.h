/* SPDX-License-Identifier: MIT */
/*
 * inflate.h - compressed ELF sections: SHF_COMPRESSED (zlib, zstd) and the old ".zdebug_*".
 *
 * libdwarf 20210528 refuses zstd and whatever shrank more than 16 times, so it gets the sections
 * decompressed from here.
 */
#ifndef FR_SYMBOLS_INFLATE_H
#define FR_SYMBOLS_INFLATE_H

#include "symbols/bytes.h"

/* The size after decompression as the section claims it; 0 = damaged or absurd. */
uint64_t fr_inflate_size(struct span raw, bool zdebug);
/* fr_inflate_size() bytes, malloc'ed. NULL: WHY says in words what is wrong. */
uint8_t *fr_inflate(struct span raw, bool zdebug, const char **why);

#endif
