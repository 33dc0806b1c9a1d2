/* SPDX-License-Identifier: MIT */
/*
 * unwinder.c - a plugin that needs libunwind.
 */
#include "unwinder.h"

int unwinder_run(const char *when);

int unwinder_run(const char *when)
{
	return calls(when);
}
