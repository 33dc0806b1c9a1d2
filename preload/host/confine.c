/* SPDX-License-Identifier: MIT */
/*
 * confine.c - see confine.h, and the hook of syscall(2)'s libc wrapper, by which most libraries
 * install filters (libseccomp, Chromium).
 *
 * Context: the hooks of prctl and syscall. Must not: touch errno; put a frame under syscall(), by
 * which a program may call vfork or clone.
 */
#include "host/confine.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/process.h"
#include "core/real.h"
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

/* ---- syscall() ------------------------------------------------------------------------------- */

/* Where syscall() jumps to: the real one, once that is known. Read by the code below. */
static long find_and_call(long nr, ...);
__attribute__((visibility("hidden"))) long (*fr_next_syscall)(long nr, ...) = find_and_call;

/* syscall(SYS_seccomp, ...): comes here by a jump, with the caller's arguments. */
__attribute__((used, visibility("hidden"))) long fr_syscall_seccomp(long nr, long op, long flags,
								    void *args);
long fr_syscall_seccomp(long nr, long op, long flags, void *args)
{
	bool sets = op == SECCOMP_SET_MODE_FILTER || op == SECCOMP_SET_MODE_STRICT;
	bool begun = sets && fr_confine_begin(op == SECCOMP_SET_MODE_STRICT);
	long rc = fr_next_syscall(nr, op, flags, args);

	if (begun && rc < 0)
		fr_confine_undo();
	return rc;
}

/* Another object's constructor came before ours. Seven words, as libc reads them. */
static long find_and_call(long nr, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return FR_REAL(syscall)(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void fr_confine_init(void)
{
	fr_next_syscall = fr_real.syscall;
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	cmp $317, %rdi\n" /* SYS_seccomp */
	"	je fr_syscall_seccomp\n"
	"	jmp *fr_next_syscall(%rip)\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_seccomp == 317, "the number stands in the code above");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, %function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	hint #34\n" /* bti c */
	"	cmp x0, #277\n" /* SYS_seccomp */
	"	b.eq fr_syscall_seccomp\n"
	"	adrp x16, fr_next_syscall\n"
	"	ldr x16, [x16, :lo12:fr_next_syscall]\n"
	"	br x16\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_seccomp == 277, "the number stands in the code above");
#endif
