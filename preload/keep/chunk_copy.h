/* SPDX-License-Identifier: MIT */
/*
 * chunk_copy.h - copying a chunk whose thread goes on writing.
 */
#ifndef FR_CHUNK_COPY_H
#define FR_CHUNK_COPY_H

#include <stddef.h>
#include <string.h>

#include "wire/wire.h"

/* A chunk that is refilled while it is copied would be a mixture: marked as empty after 3 tries. */
static inline void fr_chunk_copy(struct fr_chunk *to, const struct fr_chunk *from, size_t size)
{
	for (int i = 0; i < 3; i++) {
		uint64_t seq = __atomic_load_n(&from->x_seq, __ATOMIC_ACQUIRE);
		uint32_t committed = __atomic_load_n(&from->x_committed, __ATOMIC_ACQUIRE);

		memcpy(to, from, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		to->x_seq = seq;
		to->x_committed = committed;
		if (__atomic_load_n(&from->x_seq, __ATOMIC_RELAXED) == seq)
			return;
	}
	to->x_seq = 0;
}

#endif
