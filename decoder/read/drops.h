/* SPDX-License-Identifier: MIT */
/*
 * drops.h - what is missing from a recording, in words: drops.def as it stands.
 */
#ifndef FR_READ_DROPS_H
#define FR_READ_DROPS_H

#include <stddef.h>

#define FR_DROP_NAME_LEN 24

/* "nested"; written to BUF as "drop 77" for one that this fr does not know. */
const char *fr_drop_name(size_t drop, char buf[FR_DROP_NAME_LEN]);
/* What it means and what to do; NULL = this fr does not know it. */
const char *fr_drop_meaning(size_t drop);

#endif
