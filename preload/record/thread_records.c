/* SPDX-License-Identifier: MIT */
/*
 * thread_records.c - the region's table of threads.
 *
 * Context: any, signal handlers too.
 */
#include "record/thread_records.h"

#include <stdatomic.h>

#include "core/text.h"
#include "record/thread.h"

static _Atomic uint32_t serials;
static _Atomic uint32_t n_slots;

static struct fr_thread_rec *slot(uint32_t i)
{
	return (struct fr_thread_rec *)fr_region.threads.base + i;
}

void fr_thread_records_init(void)
{
	atomic_store(&serials, 0);
	atomic_store(&n_slots, 0);
}

uint32_t fr_thread_record_serial(void)
{
	return atomic_fetch_add(&serials, 1) + 1;
}

struct fr_thread_rec *fr_thread_record_take(void)
{
	uint32_t n = atomic_load(&n_slots);
	struct fr_thread_rec *oldest = NULL;
	uint32_t dead = FR_THREAD_DEAD;

	while (n < fr_region.n_threads_max &&
	       fr_span_need(&fr_region.threads, (n + 1) * sizeof(struct fr_thread_rec))) {
		if (atomic_compare_exchange_weak(&n_slots, &n, n + 1)) {
			fr_span_used(&fr_region.threads, (n + 1) * sizeof(struct fr_thread_rec));
			return slot(n);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (__atomic_load_n(&slot(i)->x_life, __ATOMIC_ACQUIRE) == FR_THREAD_DEAD &&
		    (!oldest || slot(i)->end < oldest->end))
			oldest = slot(i);
	}
	if (oldest && __atomic_compare_exchange_n(&oldest->x_life, &dead, FR_THREAD_FREE, false,
						  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return oldest;
	return NULL;
}

struct fr_thread_rec *fr_thread_by_handle(uint64_t handle)
{
	uint32_t n = atomic_load(&n_slots);

	for (uint32_t i = 0; i < n; i++) {
		if (slot(i)->handle == handle && slot(i)->x_life == FR_THREAD_LIVE)
			return slot(i);
	}
	return NULL;
}

struct fr_thread_rec *fr_thread_at(uint32_t i)
{
	return fr_region.hdr && i < atomic_load(&n_slots) ? slot(i) : NULL;
}

void fr_thread_rename(struct fr_thread_rec *rec, const char *name)
{
	fr_text_store_field(rec->name, sizeof(rec->name), name);
}
