/* SPDX-License-Identifier: MIT */
/*
 * debuginfod.h - downloads a debug file by build-id, if the user wants that and the library is
 * there.
 */
#ifndef FR_SYMBOLS_DEBUGINFOD_H
#define FR_SYMBOLS_DEBUGINFOD_H

#include <stdint.h>

/* Path of the file in debuginfod's own cache, malloc'ed; NULL = not found. May take long. */
char *fr_debuginfod_find(const uint8_t *build_id, uint32_t len);

#endif
