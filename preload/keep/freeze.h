/* SPDX-License-Identifier: MIT */
/*
 * freeze.h - makes whoever writes to the region wait, while it gets another file.
 */
#ifndef FR_FREEZE_H
#define FR_FREEZE_H

/*
 * From here on a thread that writes to the region waits in the kernel, until fr_freeze_end(). What
 * is returned is for that; negative: it cannot be done (the file is not on a tmpfs, the kernel is
 * older than 5.19, a filter forbids userfaultfd).
 */
int fr_freeze_begin(void);

void fr_freeze_end(int frozen);

#endif
