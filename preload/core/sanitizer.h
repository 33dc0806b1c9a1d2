/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.h - does a sanitizer watch this program, and what may be recorded then?
 */
#ifndef FR_SANITIZER_H
#define FR_SANITIZER_H

enum fr_sanitizer {
	FR_SANITIZER_NONE,
	FR_SANITIZER_ASAN, /* memory and signals are its own, the rest is recorded */
	FR_SANITIZER_OTHER, /* TSan, MSan, LSan, helgrind ..., or one without a name: off */
};

/* May be called before the sanitizer's runtime is up. */
enum fr_sanitizer fr_sanitizer_find(void);

#endif
