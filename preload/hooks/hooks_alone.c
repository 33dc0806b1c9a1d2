/* SPDX-License-Identifier: MIT */
/*
 * hooks_alone.c - replacement functions: what the kernel refuses to a process with a second thread.
 *
 * The writer of a snapshot is one. A user namespace (unshare, setns) is given only to a process
 * that is alone: so the call waits for the writer, and none begins meanwhile. Not recorded.
 */
#include <sched.h>

#include "core/real.h"
#include "keep/snapshot.h"

FR_HOOK int unshare(int flags)
{
	bool locked = fr_snapshot_lock();
	int rc = FR_REAL(unshare)(flags);

	fr_snapshot_unlock(locked);
	return rc;
}

FR_HOOK int setns(int fd, int type)
{
	bool locked = fr_snapshot_lock();
	int rc = FR_REAL(setns)(fd, type);

	fr_snapshot_unlock(locked);
	return rc;
}
