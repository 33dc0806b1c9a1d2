/* SPDX-License-Identifier: MIT */
/*
 * ctor_blocks.c - a plugin whose constructor does what the variable IN_CTOR says: "wait" for ever,
 * or "crash".
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((noinline)) void crash_in_constructor(void);
void crash_in_constructor(void)
{
	*(volatile int *)0x20 = 1;
}

__attribute__((constructor)) static void in_ctor(void)
{
	const char *what = getenv("IN_CTOR");

	if (what && strcmp(what, "crash") == 0)
		crash_in_constructor();
	for (; what;)
		pause();
}
