/* SPDX-License-Identifier: MIT */
/*
 * regular.h - opening files whose names come from elsewhere: regular ones, and nothing else.
 *
 * To open a device may start something (/dev/watchdog), to open a FIFO may wait for ever, and a
 * recording may name either as a module. So what is there is looked at first by O_PATH, which opens
 * nothing, and then that very file is opened for reading. Files that the kernel makes up (/proc,
 * /sys) are refused as well. Where /proc is not mounted nothing is opened.
 */
#ifndef FR_BASE_REGULAR_H
#define FR_BASE_REGULAR_H

#include <sys/stat.h>

/* A descriptor for reading, ST filled in; -1 = cannot be had, see fr_regular_why(). */
int fr_regular_open(const char *path, struct stat *st);

/* The same in directory DIR; NAME itself may be no symbolic link. */
int fr_regular_open_at(int dir, const char *name, struct stat *st);

/* Right after a failure: "not a regular file", or what errno says. */
const char *fr_regular_why(void);

#endif
