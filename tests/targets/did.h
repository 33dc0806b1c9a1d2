/* SPDX-License-Identifier: MIT */
/*
 * did.h - saying which event a call must have made: see test_truth.py for how it is compared.
 */
#ifndef TARGET_DID_H
#define TARGET_DID_H

#include "truth.h"

static __thread int line __attribute__((unused));
static __thread int rc __attribute__((unused));

/* The call and its line number stand on one source line; the result is kept for DID. */
#define CALL(x) (line = __LINE__, (x))

/* An event, the function really called, then arguments by name. */
#define DID(event, via, fmt, ...)                                                                  \
	say("{\"event\":\"%s\",\"via\":\"%s\",\"tid\":%d,\"fn\":\"%s\",\"line\":%d," fmt "}",      \
	    event, via, tid(), __func__, line, __VA_ARGS__)

static inline void must(int ok, const char *what)
{
	if (!ok)
		broken(what);
}

/* Of a call that returns -1 and sets errno. */
static inline int err_of(long result)
{
	return result < 0 ? errno : 0;
}

#endif
