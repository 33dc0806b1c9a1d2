/* SPDX-License-Identifier: MIT */
/*
 * room.h - how much memory the recorder may take where the host's is limited.
 */
#ifndef FR_ROOM_H
#define FR_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

struct fr_room {
	uint64_t max_bytes; /* of the region: FR_MAX_BYTES, or less */
	bool unwinder; /* libunwind is asked for, and has room with its stack to try things on */
};
extern struct fr_room fr_room;

/* Pages that a region has without a look at the cgroup: little for any, and enough for most. */
#define FR_ROOM_FIRST (512u << 10)

/* WANT bytes of pages, or as many as the cgroup's limits leave. */
uint64_t fr_room_pages(uint64_t want);

/*
 * Reads the limits and what is left of them. At birth, before anything is mapped, and in each
 * forked child once its parent's region is given up. False: nothing is to be recorded.
 */
bool fr_room_measure(uint64_t want);

/* WANT, or what does without libunwind where that has no room. Notes it. */
enum fr_unwind_kind fr_room_unwind(enum fr_unwind_kind want);

/* The share of LEFT bytes that is ours, see room.c. */
uint64_t fr_room_share(uint64_t left);

#endif
