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

#define ALONE(call)                                                                                \
	({                                                                                         \
		bool held_ = fr_snapshot_hold();                                                   \
		int rc_ = call;                                                                    \
                                                                                                   \
		if (held_)                                                                         \
			fr_snapshot_release();                                                     \
		rc_;                                                                               \
	})

FR_HOOK int unshare(int flags)
{
	return ALONE(FR_REAL(unshare)(flags));
}

FR_HOOK int setns(int fd, int type)
{
	return ALONE(FR_REAL(setns)(fd, type));
}
