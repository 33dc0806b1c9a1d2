/* SPDX-License-Identifier: MIT */
/*
 * walk.h - uses everything a recording hands out, as the decoder's stages do. Whatever the bytes
 * were, it must come back, and the promises of read/recording.h and read/events.h must hold.
 */
#ifndef TESTS_LIB_WALK_H
#define TESTS_LIB_WALK_H

#include "read/recording.h"

/* NULL = all promises were kept, else which one was broken. */
const char *walk_recording(const struct recording *rec);

#endif
