/* SPDX-License-Identifier: MIT */
/*
 * self.c - which block the calling thread has, and which number.
 *
 * Context: any.
 */
#include <pthread.h>

#include "core/real.h"
#include "core/sys.h"
#include "record/thread.h"

static struct fr_thread_rec none_rec = {.n_held = FR_HELD_MAX};
struct fr_thread fr_thread_none = {.busy = FR_BUSY_FOR_EVER, .rec = &none_rec};
struct fr_thread fr_thread_gone = {.busy = FR_BUSY_FOR_EVER, .rec = &none_rec};
__thread struct fr_thread *fr_self __attribute__((tls_model("initial-exec"))) = &fr_thread_none;

uint32_t fr_thread_tid(void)
{
	pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	int tid = fr_sys_gettid();

	if (tid >= 0)
		return (uint32_t)tid;
	fr_real.pthread_mutex_lock(&m);
	tid = m.__data.__owner;
	fr_real.pthread_mutex_unlock(&m);
	return (uint32_t)tid;
}
