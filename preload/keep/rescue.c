/* SPDX-License-Identifier: MIT */
/*
 * rescue.c - see rescue.h.
 *
 * A page at a time: what of the file is good stays readable. The header and the small sections
 * are exchanged as a whole and at once (mremap), filled: other threads go by what stands there (the
 * depth of a stack bounds their buffers) and may read at any moment.
 *
 * Context: handler of SIGBUS, on any thread, that of a snapshot too, with anything under way.
 * System calls only. Must not: touch the region but where the kernel has said that it can be.
 */
#include "keep/rescue.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <ucontext.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/gate.h"
#include "core/place.h"
#include "core/say.h"
#include "core/sys.h"
#include "keep/snapshot.h"
#include "store/describe.h"
#include "store/region.h"

static FR_BIG struct fr_header kept;
static atomic_bool told;

/* The header in memory: the file's own, being exchanged by one thread, or private memory. */
static atomic_int head;
enum { HEAD_SHARED = 0, HEAD_IN_WORK, HEAD_OWN };

void fr_rescue_init(void)
{
	kept = *fr_region.hdr;
	atomic_store(&told, false);
	atomic_store(&head, HEAD_SHARED);
}

/* Header and small sections: everything before the table of threads. */
static size_t head_size(void)
{
	return (size_t)(fr_region.threads.base - (uint8_t *)fr_region.hdr);
}

static bool put_anonymous(uintptr_t at, size_t size)
{
	return fr_sys6(SYS_mmap, (long)at, (long)size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)at;
}

/* What the file will have: its head, and of what lies behind nothing. */
static void fill_header(struct fr_header *h)
{
	*h = kept;
	for (uint32_t i = 0; i < h->section_count; i++) {
		if (h->sections[i].offset >= head_size())
			h->sections[i].x_used = 0;
	}
}

/*
 * As they were at birth; what they counted is lost. Where a system call filter may refuse mremap, a
 * thread can see the header empty for a moment.
 */
static bool exchange_head(void)
{
	size_t n = head_size();
	struct fr_header *h;

	if (fr_sys_filter != FR_SYS_FREE) {
		if (!put_anonymous((uintptr_t)fr_region.hdr, n))
			return false;
		fill_header(fr_region.hdr);
		return true;
	}
	h = fr_sys_mmap(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!h)
		return false;
	fill_header(h);
	return fr_sys6(SYS_mremap, (long)h, (long)n, (long)n, MREMAP_MAYMOVE | MREMAP_FIXED,
		       (long)fr_region.hdr, 0) == (long)fr_region.hdr;
}

/* Once: a thread that comes second tries its access again. */
static bool replace_head(void)
{
	struct timespec ms = {0, 1000000};
	int shared = HEAD_SHARED;
	bool done;

	if (atomic_compare_exchange_strong(&head, &shared, HEAD_IN_WORK)) {
		done = exchange_head();
		atomic_store(&head, done ? HEAD_OWN : HEAD_SHARED);
		return done;
	}
	for (int i = 0; i < 1000 && atomic_load(&head) == HEAD_IN_WORK; i++)
		fr_sys2(SYS_nanosleep, &ms, 0);
	return atomic_load(&head) == HEAD_OWN;
}

/* The file, which was emptied or worse, becomes readable again, and says why nothing more comes. */
static void write_head(void)
{
	struct stat st = {0};
	int fd;

	if (!fr_region.path[0] || atomic_load(&head) != HEAD_OWN ||
	    !fr_file_size_allowed(head_size()))
		return;
	fd = fr_sys_openat(AT_FDCWD, fr_region.path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (fr_sys2(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode))
		fr_sys_write_all(fd, fr_region.hdr, head_size());
	fr_sys_close(fd);
}

void fr_rescue_end(void)
{
	if (atomic_load(&told))
		write_head();
}

/*
 * Once; the levels first, so that the other threads stop coming here. In a forked child that is not
 * born yet the region is its parent's: it will have another.
 */
static void switch_off(void)
{
	static const char why[] = "the region's file was shortened, or its disk is full: ";

	if (fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		return;
	for (int k = 0; k < FR_CLASS_RECORDER; k++)
		__atomic_store_n(&fr_gate.level[k], FR_LEVEL_OFF, __ATOMIC_RELEASE);
	if (atomic_exchange(&told, true))
		return;
	if (!fr_region_populate(fr_region.hdr, head_size()) && !replace_head())
		return;
	fr_drop(FR_DROP_REGION_LOST);
	fr_note(why, "nothing is recorded from then on", "");
	fr_describe_notes();
	fr_clock_pair_write(fr_region.clocks);
	write_head();
	fr_say(why, "nothing is recorded from here on", "");
}

/* Of the process, and not for the thread that writes a snapshot, which has no TLS of its own. */
static bool send_on(int sig, const siginfo_t *si, ucontext_t *uc)
{
	if (!fr_snapshot_is_here((uintptr_t)__builtin_frame_address(0)))
		return false;
	sigaddset(&uc->uc_sigmask, sig);
	fr_sys3(SYS_rt_sigqueueinfo, fr_sys_getpid(), sig, si);
	return true;
}

bool fr_rescue_fault(int sig, const siginfo_t *si, void *uc)
{
	uintptr_t at = (uintptr_t)si->si_addr & ~(uintptr_t)(FR_PAGE - 1);
	uintptr_t base = (uintptr_t)fr_region.hdr;

	if (sig != SIGBUS)
		return false;
	if (si->si_code <= 0)
		return send_on(sig, si, uc);
	if (!base || at - base >= fr_region.size)
		return false;
	fr_check_no_region();
	if (at - base < head_size() ? !replace_head() : !put_anonymous(at, FR_PAGE))
		return false;
	switch_off();
	return true;
}
