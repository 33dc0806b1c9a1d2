/* SPDX-License-Identifier: MIT */
/*
 * host.c - see host.h. Context: hooks, signal handlers. Must not: touch errno.
 */
#include "record/host.h"

#include "core/process.h"
#include "core/sys.h"
#include "record/wait.h"

struct fr_blob fr_host_text(const char *p)
{
	size_t room = FR_PAGE - ((uintptr_t)p & (FR_PAGE - 1));
	size_t n;

	if (!fr_wait_readable(p, 1))
		return (struct fr_blob){"", 0};
	n = strnlen(p, room < FR_PATH_SHOWN ? room : FR_PATH_SHOWN);
	if (n == room && n < FR_PATH_SHOWN && fr_wait_readable(p + n, 1))
		n += strnlen(p + n, FR_PATH_SHOWN - n);
	return (struct fr_blob){p, (uint32_t)n};
}

struct fr_blob fr_host_text_read(const char *p)
{
	return (struct fr_blob){p, (uint32_t)strnlen(p, FR_PATH_SHOWN)};
}
