/* SPDX-License-Identifier: MIT */
/*
 * check.h - what must always be true, whatever a recording says; asked of a build with DEBUG=1.
 *
 * Not for what a damaged file may contain: that is refused or counted. A check that fails is a
 * mistake of the decoder's. Without FR_DEBUG no code comes of it.
 */
#ifndef FR_BASE_CHECK_H
#define FR_BASE_CHECK_H

#ifdef FR_DEBUG
#include <assert.h>
#define FR_CHECK(what) assert(what)
#else
#define FR_CHECK(what) ((void)0)
#endif

#endif
