/* SPDX-License-Identifier: MIT */
/*
 * depot_turn.h - the depot as a ring of segments: which one takes new stacks, and what must stay.
 *
 *   ids       0 ..... words-1 | words ................. | 2 * words ...
 *   segments  0 1 2 3 4 5 6 7 | 0 1 2 3 4 5 6 7         | 0 ...           = lap 0, 1, 2
 *
 * When a segment is full, the next one is begun: a turn. From the second lap on that overwrites the
 * oldest stacks. Nothing that is in use is among them:
 *   - lookups accept stacks of the younger half of the segments only (what is still taken is stored
 *     again by then), and with each turn all memos are forgotten: so memos know no older ones;
 *   - a thread may have looked just before: no turn while somebody is inside the recorder since so
 *     long (fr_blocks_quiescent_since);
 *   - stacks that records point at for long (where a thread waits, where it took the lock that it
 *     holds, who opened a descriptor) stay where they are, and new ones are put around them.
 *
 * Only depot.c includes this.
 */
#ifndef FR_DEPOT_TURN_H
#define FR_DEPOT_TURN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* At birth of a region. WORDS: of the depot, a power of two. */
void fr_turn_init(uint32_t words);

/* The first place from FROM on, in its segment, with room for WORDS words. 0: there is none. */
uint32_t fr_turn_place(uint32_t from, uint32_t words);

/*
 * Begins the next segment, if that of FROM is still the last one, by setting CURSOR to its first
 * id. NO_PAGES: there are no pages for the rest of FROM's segment and those behind it. False: not
 * now, or never.
 */
bool fr_turn_next(_Atomic uint32_t *cursor, uint32_t from, bool no_pages);

/* Does lookup accept the stack ID, or is it too old? */
bool fr_turn_accepts(uint32_t id);

/* What is added to the hash of stack ID, see FR_STACK_LAP. */
uint64_t fr_turn_lap(uint32_t id);

#endif
