/* SPDX-License-Identifier: MIT */
/*
 * proc.h - text files of /proc.
 */
#ifndef FR_BASE_PROC_H
#define FR_BASE_PROC_H

#include <stdint.h>
#include <stdio.h>

/* /proc/PID/NAME for reading, PID 0 = this process; NULL = gone, or not ours to read (errno). */
static inline FILE *fr_proc_open(uint32_t pid, const char *name)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	return fopen(path, "re");
}

#endif
