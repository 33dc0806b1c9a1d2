/* SPDX-License-Identifier: MIT */
/*
 * clock.h - time in ticks, and the pairs that turn ticks into CLOCK_MONOTONIC and CLOCK_REALTIME.
 *
 * A tick is 2^shift units of the raw clock, chosen so that a tick is 4 to 8 ns: a busy thread's
 * next event is then less than 128 ticks away and its time takes one byte.
 */
#ifndef FR_CLOCK_H
#define FR_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/arch.h"
#include "wire/wire.h"

struct fr_clock {
	uint32_t kind; /* enum fr_clock_kind */
	uint32_t shift;
	uint64_t next_pair; /* ticks when the next pair is due; races are harmless */
	uint64_t per_second; /* ticks per second, measured at birth, for thresholds only */
};
extern struct fr_clock fr_clock;

/* libc's own clock_gettime(), not that of a library that fakes the time. */
extern int (*fr_clock_get)(clockid_t id, struct timespec *ts);

/* Nanoseconds of a POSIX clock through the vDSO. */
static inline uint64_t fr_clock_ns(clockid_t id)
{
	struct timespec ts;

	fr_clock_get(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Where fr_clock.kind is FR_CLOCK_TSC. */
static FR_ALWAYS_INLINE uint64_t fr_clock_tsc(void)
{
	return fr_arch_tsc() >> fr_clock.shift;
}

static FR_ALWAYS_INLINE uint64_t fr_clock_ticks(void)
{
	if (likely(fr_clock.kind == FR_CLOCK_TSC))
		return fr_clock_tsc();
	return fr_clock_ns(CLOCK_MONOTONIC) >> fr_clock.shift;
}

/*
 * The time at which this thread got something from another one. A fence keeps the processor from
 * reading the clock while it still waits for that. It doubles the cost, so the hot path of a mutex
 * goes without (decoder/read/order.h).
 */
static FR_ALWAYS_INLINE uint64_t fr_clock_ticks_after(void)
{
	fr_arch_fence();
	return fr_clock_ticks();
}

/*
 * Chooses the clock. WANT: enum fr_clock_kind; TSC only where the kernel trusts it too. GET: asks
 * the vDSO; NULL: a system call does.
 */
void fr_clock_choose(int want, int (*get)(clockid_t id, struct timespec *ts));

/* Writes a pair into PAIRS (FR_CLOCK_PAIRS entries) now, unless somebody does. Signal-safe. */
void fr_clock_pair_write(struct fr_clock_pair *pairs);

/*
 * The process's first pair is taken by fr_clock_choose(); fr_clock_measure() takes the tick rate
 * over the time since, and waits (busily) until that is at least 50 us.
 */
void fr_clock_measure(void);

/* Begins a region's PAIRS: the process's first one, so that the rate is known from the start. */
void fr_clock_pairs_begin(struct fr_clock_pair *pairs);

uint64_t fr_clock_from_ns(uint64_t ns);

#endif
