/* SPDX-License-Identifier: MIT */
/*
 * optional.h - libraries that are used where they are, and not needed where they are not.
 */
#ifndef FR_BASE_OPTIONAL_H
#define FR_BASE_OPTIONAL_H

/*
 * Puts FUNCTION of LIBRARY into the function pointer at WHERE. Afterwards it is NULL if the library
 * is not there, or if this is the static fr and was linked without it.
 */
void fr_optional(const char *library, const char *function, void **where);

#endif
