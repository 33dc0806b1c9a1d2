/* SPDX-License-Identifier: MIT */
/*
 * hooks_detach.c - replacement functions: what one thread does to another (or to its own name)
 * without waiting: detach, cancel, prctl(PR_SET_NAME).
 *
 * Detach and cancel are stamped before the real call: the end of that thread, and the next thread
 * with its handle, come later. prctl is variadic: five words, as libc takes them.
 */
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <threads.h>

#include "core/c11.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sys.h"
#include "host/confine.h"
#include "record/wait.h"

static void record_detach(uint64_t th, uint64_t before, int err, uint64_t via, struct fr_site s)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_THREAD_DETACH, FR_TIER_RARE, before, fr_stack_get(t, s),
		    FR_ARGS(THREAD_DETACH, .handle = th, .err = err, .via = via));
	fr_leave(t);
}

FR_HOOK int pthread_detach(pthread_t th)
{
	uint64_t before;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return FR_REAL(pthread_detach)(th);
	before = fr_clock_ticks();
	rc = FR_REAL(pthread_detach)(th);
	record_detach((uint64_t)th, before, rc, 0, FR_SITE());
	return rc;
}

FR_HOOK int thrd_detach(thrd_t th)
{
	uint64_t before;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return FR_REAL(thrd_detach)(th);
	before = fr_clock_ticks();
	rc = FR_REAL(thrd_detach)(th);
	record_detach((uint64_t)th, before, fr_c11_errno(rc), FR_HOOK_thrd_detach, FR_SITE());
	return rc;
}

static void record_cancel(uint64_t th, uint64_t when, int err, struct fr_site s)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_THREAD_CANCEL, FR_TIER_RARE, when, fr_stack_get(t, s),
		    FR_ARGS(THREAD_CANCEL, .handle = th, .err = err));
	fr_leave(t);
}

/* A thread that cancels itself may not come back. */
FR_HOOK int pthread_cancel(pthread_t th)
{
	uint64_t before;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return FR_REAL(pthread_cancel)(th);
	before = fr_clock_ticks();
	if (pthread_equal(th, pthread_self())) {
		record_cancel((uint64_t)th, before, 0, FR_SITE());
		return FR_REAL(pthread_cancel)(th);
	}
	rc = FR_REAL(pthread_cancel)(th);
	record_cancel((uint64_t)th, before, rc, FR_SITE());
	return rc;
}

/* ---- prctl ----------------------------------------------------------------------------------- */

/* The name as the kernel has it now. Not in a vfork child: the record is its parent's. */
static void record_name(struct fr_site s)
{
	char name[16] = "";
	struct fr_blob blob = {name, 0};
	struct fr_thread *t;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF || !fr_process_is_this())
		return;
	t = fr_enter();
	if (!t)
		return;
	if (fr_sys2(SYS_prctl, PR_GET_NAME, name) == 0) {
		blob.size = (uint32_t)strnlen(name, sizeof(name));
		fr_thread_rename(t->rec, name);
	}
	fr_put_cold(t, FR_EV_THREAD_NAME, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(THREAD_NAME, .handle = t->rec->handle, .name = &blob,
			    .via = FR_HOOK_prctl));
	fr_leave(t);
}

FR_HOOK int prctl(int option, ...)
{
	unsigned long a[4];
	bool confines;
	va_list ap;
	int rc;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	confines = option == PR_SET_SECCOMP && fr_confine_begin(a[0] == SECCOMP_MODE_STRICT);
	if (option == PR_SET_TSC && a[0] == PR_TSC_SIGSEGV)
		fr_confine_withdraw();
	rc = FR_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (confines && rc != 0)
		fr_confine_undo();
	if (option == PR_SET_NAME && rc == 0)
		record_name(FR_SITE());
	return rc;
}
