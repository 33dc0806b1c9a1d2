/* SPDX-License-Identifier: MIT */
/*
 * pages.c - see pages.h. The first few are everybody's; for the rest of FR_MAX_BYTES the cgroup is
 * asked, by the first thread that needs more: a program that ends soon does without.
 *
 * Context: any thread, signal handlers; system calls at most. Must not: let two threads ask.
 */
#include "store/pages.h"

#include <stdatomic.h>

#include "core/gate.h"
#include "store/describe.h"
#include "store/region.h"
#include "store/room.h"

static size_t later; /* the rest, about which fr_room_pages() has not decided; 0 = it has */

void fr_pages_init(uint64_t max_bytes, size_t used)
{
	uint64_t first = max_bytes < FR_ROOM_FIRST ? max_bytes : FR_ROOM_FIRST;

	__atomic_store_n(&later, max_bytes - first, __ATOMIC_RELEASE);
	atomic_store(&fr_region.left, first > used ? first - used : 0);
}

/* Under fr_gate.room_lock. */
static void get_rest(void)
{
	size_t rest = __atomic_load_n(&later, __ATOMIC_RELAXED);
	uint64_t want = fr_room.max_bytes, max;

	if (!rest)
		return;
	max = fr_room_pages(want);
	if (max < want) {
		rest -= want - max < rest ? want - max : rest;
		fr_room.max_bytes = fr_region.hdr->max_bytes = max;
		fr_describe_notes();
	}
	atomic_fetch_add(&fr_region.left, rest);
	__atomic_store_n(&later, 0, __ATOMIC_RELEASE);
}

static void ask_for_rest(void)
{
	uint64_t before;

	if (!fr_lock_wait_masked(&fr_gate.room_lock, &before))
		return;
	get_rest();
	fr_unlock_masked(&fr_gate.room_lock, before);
}

static bool take(size_t n)
{
	size_t left = atomic_load(&fr_region.left);

	do {
		if (n > left)
			return false;
	} while (!atomic_compare_exchange_weak(&fr_region.left, &left, left - n));
	return true;
}

bool fr_pages_take(size_t n)
{
	if (take(n))
		return true;
	if (__atomic_load_n(&later, __ATOMIC_ACQUIRE))
		ask_for_rest();
	return take(n); /* another thread may have asked */
}

void fr_pages_return(size_t n)
{
	atomic_fetch_add(&fr_region.left, n);
}
