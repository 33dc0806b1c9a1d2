/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - the memory of threads' blocks (thread.h), and who is inside the recorder.
 */
#ifndef FR_BLOCKS_H
#define FR_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct fr_thread;

/*
 * A block for the calling thread. A spare one still has its memo and its bounds; all else is as
 * new. NULL: no memory. Signal-safe.
 */
struct fr_thread *fr_block_take(void);

/* The calling thread's block is nobody's now. */
void fr_block_give(struct fr_thread *t);

/* The alternate stack that lies below a block, FR_ALTSTACK_SIZE bytes. */
char *fr_block_altstack(struct fr_thread *t);

/*
 * In a forked child: only the calling thread is left. Its block OWN (NULL: it has none, or goes on
 * with it) becomes a spare one, as new: at the same place, for whoever has a pointer to it.
 */
void fr_blocks_forget(struct fr_thread *own);

/*
 * Is every other thread either outside of the recorder or inside since turn TURN of the depot or
 * later? False also where that cannot be known.
 */
bool fr_blocks_quiescent_since(uint32_t turn);

#endif
