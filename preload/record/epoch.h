/* SPDX-License-Identifier: MIT */
/*
 * epoch.h - since when memos (stack.h) are good.
 */
#ifndef FR_EPOCH_H
#define FR_EPOCH_H

#include <stdint.h>

/*
 * Raised when what memos know is stale: an object has gone (dlclose), or the depot will soon use
 * the place of an old stack again. Read by each stack lookup; never 0.
 */
extern uint32_t fr_stack_epoch;
void fr_stack_next_epoch(void);

#endif
