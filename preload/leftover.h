/* SPDX-License-Identifier: MIT */
/*
 * leftover.h - regions that this process left behind by exec.
 */
#ifndef FR_LEFTOVER_H
#define FR_LEFTOVER_H

/*
 * Removes from directory DIRFD the regions of this process's earlier images: exec replaces the
 * program but not the file. And those which ended processes could not remove.
 * At birth, before the own region is made. System calls only.
 */
void fr_leftover_remove(int dirfd);

#endif
