/* SPDX-License-Identifier: MIT */
/*
 * region_name.h - the region's name around a call that, if it succeeds, never comes back: exec of a
 * program that may not be recorded, and the parent of daemon(). Nothing of the recorder would be
 * left then to remove the file.
 */
#ifndef FR_REGION_NAME_H
#define FR_REGION_NAME_H

#include <stdbool.h>

/*
 * Before the call. True: the name was removed, and fr_region_name_restore() has to be called when
 * the call comes back. Not in a vfork child (the region is its parent's), nor with FR_KEEP.
 */
bool fr_region_name_remove(void);

/* The same before exec of PATH; what is not there or not ours to execute costs no more. */
bool fr_region_name_remove_for_exec(const char *path);

/* The same before execvp of FILE. */
bool fr_region_name_remove_for_execvp(const char *file);

/*
 * The call has failed: the region gets its name again, with what it holds. Where that
 * cannot be (the directory has gone; other threads record, and FR_DIR is on a disk, the kernel
 * older than 5.19, or userfaultfd forbidden) it stays anonymous and says so.
 */
void fr_region_name_restore(void);

#endif
