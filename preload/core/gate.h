/* SPDX-License-Identifier: MIT */
/*
 * gate.h - the word that every hook tests first.
 *
 * The gate is a private page under MADV_WIPEONFORK: in a child of fork, _Fork or raw clone it
 * reads 0 (FR_LEVEL_UNBORN for every class), so the first hook there takes the slow path and
 * fr_birth() gives the child a region of its own. Locks of the recorder live here too: a lock that
 * another thread held at the fork is open again in the child.
 */
#ifndef FR_GATE_H
#define FR_GATE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/arch.h"
#include "core/sigsys.h"
#include "core/sys.h"
#include "wire/wire.h"

/* Does the birth of this process wait for an event? Allocations alone are counted meanwhile. */
enum fr_waiting {
	FR_WAITING_NOT = 0,
	FR_WAITING_PROGRAM = 1, /* the process that the program began as */
	FR_WAITING_CHILD = 2, /* a forked child: fr_region is its parent's */
};

struct fr_gate {
	uint8_t level[16]; /* enum fr_level by enum fr_class */
	atomic_uint birth; /* 0 unborn, 1 being born, 2 born (or given up) */
	atomic_uint unwind_lock; /* holder derives unwind rules */
	atomic_uint module_lock; /* holder appends to the module table */
	atomic_uint snapshot_lock; /* a snapshot is being written */
	atomic_uint settings_lock; /* holder changes levels or limits */
	atomic_uint blocks_lock; /* holder lists threads' blocks, or looks at them */
	atomic_uint turn_lock; /* holder begins a segment of the depot */
	atomic_uint room_lock; /* holder looks how much memory the cgroup has left */
	atomic_int crashing; /* tid of the thread that handles a fatal signal */
	int lender; /* pid that has called vfork before its birth; 0 = none */
	int waiting; /* enum fr_waiting */
	void *_Atomic unwind_owner; /* the thread in libunwind, see unwind_guard.c */
	char pad[FR_PAGE - 16 - 12 * sizeof(int) - sizeof(void *)];
};

extern struct fr_gate fr_gate;

/*
 * Level of a class for a hook's test. UNBORN leads into fr_birth(); written at birth and
 * when `fr ctl` asks for it, a byte at a time: a plain load suffices.
 */
static FR_ALWAYS_INLINE enum fr_level fr_level_now(enum fr_class klass)
{
	return fr_gate.level[klass];
}

/*
 * First hook of a process or of a forked child. Makes the region, or turns everything off when it
 * cannot. Any thread, any context; returns the level of the class afterwards. Keeps errno.
 */
enum fr_level fr_birth(enum fr_class klass);

/* Level of a class, after birth if that has not happened yet. */
static FR_ALWAYS_INLINE enum fr_level fr_level(enum fr_class klass)
{
	enum fr_level l = fr_level_now(klass);

	return likely(l != FR_LEVEL_UNBORN) ? l : fr_birth(klass);
}

/*
 * The same for what only the program's own process records, and not a forked child of it that does
 * nothing else: that one stays unborn.
 */
static inline enum fr_level fr_level_of_program(enum fr_class klass)
{
	return fr_gate.waiting == FR_WAITING_PROGRAM ? fr_level(klass) : fr_level_now(klass);
}

/* For what needs the block of the calling thread, which comes with the birth. */
static inline void fr_wait_no_longer(void)
{
	if (unlikely(fr_gate.waiting))
		fr_birth(FR_CLASS_RECORDER);
}

/* A lock for cold paths that is only tried. Nobody waits for it, so its holder may be preempted. */
static inline bool fr_try_lock(atomic_uint *lock)
{
	return !atomic_exchange_explicit(lock, 1, memory_order_acquire);
}

/*
 * A lock for work that takes microseconds and should not be left out. Its holder may have been
 * preempted, so the waiting thread yields the processor, at most 500 times. False: the caller does
 * without, and counts that.
 */
static inline bool fr_lock_wait(atomic_uint *lock)
{
	for (int i = 0; !fr_try_lock(lock); i++) {
		if (i == 50000)
			return false;
		if (i % 100 == 99)
			fr_sys0(SYS_sched_yield);
		else
			fr_arch_pause();
	}
	return true;
}

static inline void fr_unlock(atomic_uint *lock)
{
	atomic_store_explicit(lock, 0, memory_order_release);
}

/* With signals blocked: fr_signals_block() says why. */
static inline bool fr_lock_wait_masked(atomic_uint *lock, uint64_t *before)
{
	*before = fr_signals_block();
	if (fr_lock_wait(lock))
		return true;
	fr_signals_restore(*before);
	return false;
}

/* The same without waiting. */
static inline bool fr_try_lock_masked(atomic_uint *lock, uint64_t *before)
{
	*before = fr_signals_block();
	if (fr_try_lock(lock))
		return true;
	fr_signals_restore(*before);
	return false;
}

static inline void fr_unlock_masked(atomic_uint *lock, uint64_t before)
{
	fr_unlock(lock);
	fr_signals_restore(before);
}

#endif
