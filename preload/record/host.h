/* SPDX-License-Identifier: MIT */
/*
 * host.h - looking at what the host's pointers point at, no further than the kernel could.
 */
#ifndef FR_HOST_H
#define FR_HOST_H

#include "core/process.h"
#include "record/ring.h"

/* Bytes of a path that events show; the rest is cut. */
#define FR_PATH_SHOWN 160u

/*
 * The text at P as an argument of an event: it stays the host's memory. Empty where P cannot be
 * read. P may be anything at all. System calls at most; keeps errno.
 */
struct fr_blob fr_host_text(const char *p);

/* The same of a text that the kernel has just read for the host: the call succeeded. */
struct fr_blob fr_host_text_read(const char *p);

/* Raw getpid: are we a vfork child, which has our memory but another pid? */
static inline bool fr_host_is_other_process(void)
{
	return fr_region.hdr && !fr_process_is_this();
}

#endif
