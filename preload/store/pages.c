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

static _Atomic size_t left; /* bytes that may still get pages */
static size_t later; /* the rest, about which nobody has been asked; 0 = that has been done */
static uint64_t total;
static uint64_t (*ask)(uint64_t want);

void fr_pages_ask(uint64_t (*of_max)(uint64_t want))
{
	ask = of_max;
}

void fr_pages_init(uint64_t max_bytes, size_t used)
{
	uint64_t first = max_bytes < FR_PAGES_FIRST ? max_bytes : FR_PAGES_FIRST;

	total = max_bytes;
	__atomic_store_n(&later, max_bytes - first, __ATOMIC_RELEASE);
	atomic_store(&left, first > used ? first - used : 0);
}

/* Under fr_gate.room_lock. */
static void get_rest(void)
{
	size_t rest = __atomic_load_n(&later, __ATOMIC_RELAXED);
	uint64_t max;

	if (!rest)
		return;
	max = ask(total);
	if (max < total)
		rest -= total - max < rest ? total - max : rest;
	atomic_fetch_add(&left, rest);
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
	size_t now = atomic_load(&left);

	do {
		if (n > now)
			return false;
	} while (!atomic_compare_exchange_weak(&left, &now, now - n));
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
	atomic_fetch_add(&left, n);
}
