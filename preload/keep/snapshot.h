/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the region's content into a file, and why.
 */
#ifndef FR_SNAPSHOT_H
#define FR_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "record/upcalls.h"
#include "wire/wire.h"

/* Prepares the memory that a snapshot needs. At birth. */
void fr_snapshot_init(void);

/* The region is complete: takes the snapshot that a signal asked for before that. At birth's end.
 */
void fr_snapshot_born(void);

/*
 * Lets a snapshot that is being written come to its end before the process does: at most 2 s, a
 * hang would be worse than no file.
 */
void fr_snapshot_wait(void);

/*
 * Waits as above, and then none begins until fr_snapshot_unlock() of what this gives: before what
 * the writer's thread would not survive, or the kernel refuses where there is a second thread.
 * False: not locked, because this is not the process that records, or it took too long.
 */
bool fr_snapshot_lock(void);
void fr_snapshot_unlock(bool held);

/* Is FRAME on the stack of the thread that writes a snapshot? */
bool fr_snapshot_is_here(uintptr_t frame);

/* Writes one here and now: the process is about to end. True if the file is complete. */
bool fr_snapshot_now(enum fr_trigger_kind kind, int signo, uint32_t sender, const char *reason);

/* fr_snapshot_now() was left by a jump and will not be tried again: its file goes. */
void fr_snapshot_abandon(void);

#endif
