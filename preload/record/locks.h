/* SPDX-License-Identifier: MIT */
/*
 * locks.h - lifetime totals of contended locks, in the region. Cold: only after a wait.
 */
#ifndef FR_LOCKS_H
#define FR_LOCKS_H

#include <stdint.h>

#include "wire/wire.h"

/* A wait of TICKS for the lock at ADDR has ended. */
void fr_lock_waited(uint64_t addr, uint64_t ticks, uint32_t stack, enum fr_held_kind kind);

/* The lock was contended, but that was seen only after the call: its wait time is unknown. */
void fr_lock_late(uint64_t addr, enum fr_held_kind kind);

#endif
