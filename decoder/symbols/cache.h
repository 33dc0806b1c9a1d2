/* SPDX-License-Identifier: MIT */
/*
 * cache.h - answers of earlier runs, one file per build-id.
 *
 * $XDG_CACHE_HOME/fr or ~/.cache/fr, file <build-id in hex>.sym, content as in image.h. Nothing in
 * there is trusted: what is damaged or of another version is ignored. FR_CACHE=0 switches it off.
 * Modules without a build-id, or with a short one, are never cached. Only a directory is used that
 * the user owns and nobody else may write to: fr run by root leaves that of another user alone.
 */
#ifndef FR_SYMBOLS_CACHE_H
#define FR_SYMBOLS_CACHE_H

#include "symbols/image.h"

/* A malloc'ed, checked block viewed by IMG, whose source file has not changed; NULL = none. */
void *fr_cache_load(const uint8_t *build_id, uint32_t len, struct image *img);

/* Keeps BLOCK for the next run. Failure is silent: it costs only time. */
void fr_cache_store(const uint8_t *build_id, uint32_t len, const void *block, size_t size);

/* There is a directory, and it is not used: WHY is one line for the user. */
bool fr_cache_refused(char *why, size_t size);

#endif
