/* SPDX-License-Identifier: MIT */
/*
 * unwinder.h - code that uses libunwind itself, in a program or in a plugin.
 */
#ifndef TARGET_UNWINDER_H
#define TARGET_UNWINDER_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <sys/socket.h>

#include "../truth.h"

NOINLINE static void unwound(const char *when)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t offset;
	char name[64];
	int n = 0;

	unw_getcontext(&context);
	if (unw_init_local(&cursor, &context) != 0)
		broken("unw_init_local");
	do {
		name[0] = '\0';
		unw_get_proc_name(&cursor, name, sizeof(name), &offset);
		if (n < 3)
			say("{\"when\":\"%s\",\"frame\":%d,\"fn\":\"%s\"}", when, n, name);
		n++;
	} while (unw_step(&cursor) > 0);
	say("{\"when\":\"%s\",\"frames\":%d}", when, n);
}

NOINLINE static int calls(const char *when)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	void *pcs[20];

	unwound(when);
	say("{\"backtrace\":%d}", unw_backtrace(pcs, 20));
	return close(fd);
}

#endif
