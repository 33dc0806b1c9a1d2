/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the choice of the clock and its calibration pairs.
 *
 * Context: fr_clock_choose and fr_clock_measure at birth; fr_clock_pair_write anywhere, also in a
 * signal handler. Must not: read a file other than the kernel's clock source, once.
 */
#include "core/clock.h"

#include <string.h>

#include "core/sys.h"

FR_HOT struct fr_clock fr_clock __attribute__((aligned(64)));
static struct fr_clock_pair first;
static bool pair_is_written; /* just now, by a thread */
static uint64_t pairs_written;
static uint64_t pair_step; /* ticks to the pair after the next */

/* The kernel drops "tsc" as its source when the counters of the processors disagree. */
static bool kernel_trusts_tsc(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	static const char *const good[] = {"tsc\n", "kvm-clock\n", "hyperv_clocksource_tsc_page\n",
					   "arch_sys_counter\n"};
	char name[32];

	fr_sys_read_file(path, name, sizeof(name));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (strcmp(name, good[i]) == 0)
			return true;
	}
	return false;
}

static int by_system_call(clockid_t id, struct timespec *ts)
{
	return (int)fr_sys2(SYS_clock_gettime, id, ts);
}

int (*fr_clock_get)(clockid_t id, struct timespec *ts) = by_system_call;

static uint64_t raw_now(void)
{
	return fr_clock.kind == FR_CLOCK_TSC ? fr_arch_tsc() : fr_clock_ns(CLOCK_MONOTONIC);
}

/* The raw clock is read on both sides of the others, and its middle is taken: the tightest of 3. */
static struct fr_clock_pair pair_read(void)
{
	struct fr_clock_pair best = {0};
	uint64_t best_width = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t a = raw_now();
		uint64_t mono = fr_clock_ns(CLOCK_MONOTONIC);
		uint64_t b = raw_now();

		if (b - a >= best_width)
			continue;
		best_width = b - a;
		best.raw = a + (b - a) / 2;
		best.mono_ns = mono;
		best.real_ns = fr_clock_ns(CLOCK_REALTIME);
	}
	return best;
}

void fr_clock_choose(int want, int (*get)(clockid_t id, struct timespec *ts))
{
	bool tsc = want == FR_CLOCK_TSC && fr_arch_tsc_invariant() && kernel_trusts_tsc();

	if (get)
		fr_clock_get = get;
	memset(&fr_clock, 0, sizeof(fr_clock));
	fr_clock.kind = tsc ? FR_CLOCK_TSC : FR_CLOCK_MONOTONIC;
	first = pair_read();
}

static void write_pair(struct fr_clock_pair *pairs)
{
	uint64_t n = ++pairs_written;
	struct fr_clock_pair *slot = &pairs[(n - 1) % FR_CLOCK_PAIRS];
	struct fr_clock_pair now = pair_read();
	uint64_t step = pair_step;

	__atomic_store_n(&slot->x_seq, 0, __ATOMIC_RELEASE);
	slot->raw = now.raw;
	slot->mono_ns = now.mono_ns;
	slot->real_ns = now.real_ns;
	__atomic_store_n(&slot->x_seq, n, __ATOMIC_RELEASE);
	/* The first second needs close pairs: a young process has no other rate to go by. */
	if (step < fr_clock.per_second)
		pair_step = step * 4 < fr_clock.per_second ? step * 4 : fr_clock.per_second;
	fr_clock.next_pair = (now.raw >> fr_clock.shift) + step;
}

void fr_clock_pairs_begin(struct fr_clock_pair *pairs)
{
	pairs[0] = first;
	pairs[0].x_seq = 1;
	pairs_written = 1;
	pair_is_written = false; /* a fork may have come meanwhile */
	fr_clock_pair_write(pairs);
}

/* Two at once could have their clocks read in different orders, and contradict each other. */
void fr_clock_pair_write(struct fr_clock_pair *pairs)
{
	if (__atomic_exchange_n(&pair_is_written, true, __ATOMIC_ACQUIRE))
		return;
	write_pair(pairs);
	__atomic_store_n(&pair_is_written, false, __ATOMIC_RELEASE);
}

void fr_clock_measure(void)
{
	struct fr_clock_pair now;
	uint64_t per_second, tick_ns;

	do {
		now = pair_read();
	} while (now.mono_ns - first.mono_ns < 50000);
	per_second = (uint64_t)((unsigned __int128)(now.raw - first.raw) * 1000000000u /
				(now.mono_ns - first.mono_ns));
	if (!per_second)
		per_second = 1000000000u;
	fr_clock.shift = 0;
	do {
		fr_clock.shift++;
		tick_ns = ((uint64_t)1000000000u << fr_clock.shift) / per_second;
	} while (tick_ns < 4 && fr_clock.shift < 6);
	fr_clock.per_second = per_second >> fr_clock.shift;
	pair_step = fr_clock.per_second / 2048; /* 0.5 ms, then four times longer each */
}

uint64_t fr_clock_from_ns(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * fr_clock.per_second / 1000000000u);
}
