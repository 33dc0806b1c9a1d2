/* SPDX-License-Identifier: MIT */
/*
 * locks.c - the table of lock totals: open addressing by address, entries are never removed.
 *
 * Context: any thread, lock-free. Must not: be called on a path that did not wait.
 */
#include "record/locks.h"

#include "store/region.h"

#define PROBE 16u

static struct fr_lock_rec *find(uint64_t addr, enum fr_held_kind kind)
{
	struct fr_lock_rec *table = (struct fr_lock_rec *)fr_region.locks.base;
	uint32_t at = (uint32_t)((addr * 0x9E3779B97F4A7C15ull) >> 40);

	if (!fr_region.hdr)
		return NULL;
	if (!fr_span_need(&fr_region.locks, fr_region.locks.size)) {
		fr_drop(FR_DROP_LOCK_FULL);
		return NULL;
	}
	fr_span_used(&fr_region.locks, fr_region.locks.size);
	for (uint32_t i = 0; i < PROBE; i++) {
		struct fr_lock_rec *r = &table[(at + i) % fr_region.n_locks_max];
		uint64_t seen = 0;

		if (__atomic_load_n(&r->x_addr, __ATOMIC_RELAXED) == addr)
			return r;
		if (__atomic_compare_exchange_n(&r->x_addr, &seen, addr, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			r->kind = kind;
			return r;
		}
		if (seen == addr)
			return r;
	}
	fr_drop(FR_DROP_LOCK_FULL);
	return NULL;
}

void fr_lock_waited(uint64_t addr, uint64_t ticks, uint32_t stack, enum fr_held_kind kind)
{
	struct fr_lock_rec *r = find(addr, kind);
	uint64_t max;

	if (!r)
		return;
	__atomic_fetch_add(&r->x_waits, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&r->x_wait_ticks, ticks, __ATOMIC_RELAXED);
	max = __atomic_load_n(&r->x_max_wait, __ATOMIC_RELAXED);
	while (ticks > max && !__atomic_compare_exchange_n(&r->x_max_wait, &max, ticks, true,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (!r->first_stack)
		r->first_stack = stack;
}

void fr_lock_late(uint64_t addr, enum fr_held_kind kind)
{
	struct fr_lock_rec *r = find(addr, kind);

	if (r)
		__atomic_fetch_add(&r->x_late, 1, __ATOMIC_RELAXED);
}
