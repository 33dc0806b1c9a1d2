/* SPDX-License-Identifier: MIT */
/*
 * confine.c - see confine.h. Context: the hooks of prctl and syscall. Must not: touch errno.
 */
#include "host/confine.h"

#include <stdatomic.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/process.h"
#include "core/sys.h"
#include "host/signals.h"
#include "keep/snapshot.h"
#include "store/describe.h"
#include "store/region.h"

void fr_confine_withdraw(void)
{
	if (!fr_process_is_this())
		return;
	for (int k = 0; k < FR_CLASSES; k++)
		__atomic_store_n(&fr_gate.level[k], FR_LEVEL_OFF, __ATOMIC_RELEASE);
	fr_signals_withdraw();
	if (!fr_region.hdr)
		return;
	fr_region_done();
	fr_note("the process may not read the clock any more: ", "nothing is recorded from here on",
		"");
	fr_describe_notes();
}

static void prepare(void)
{
	struct fr_span *spans[FR_SPANS];

	fr_region_spans(spans);
	for (unsigned int i = 0; i < FR_SPANS; i++)
		fr_span_need(spans[i], spans[i]->size / 8);
	fr_note("under a system call filter of its own: ",
		"the recorder makes no calls from here on, ",
		"new peers are unknown, snapshots by `fr snapshot` only");
	fr_describe_notes();
}

bool fr_confine_begin(bool strict)
{
	int pid = fr_sys_getpid();
	bool locked;

	fr_wait_no_longer();
	if (fr_sys_filter || fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN ||
	    fr_process.pid != (uint32_t)pid)
		return false;
	locked = fr_snapshot_lock(); /* a half-written snapshot could not be removed later */
	if (strict)
		fr_confine_withdraw();
	else if (fr_level_now(FR_CLASS_RECORDER) > FR_LEVEL_OFF && fr_region.hdr)
		prepare();
	fr_sys_own_pid = pid;
	fr_sys_filter = strict ? FR_SYS_STRICT : FR_SYS_FILTER;
	fr_snapshot_unlock(locked);
	return true;
}

void fr_confine_undo(void)
{
	fr_sys_filter = FR_SYS_FREE;
}
