/* SPDX-License-Identifier: MIT */
/*
 * holders.h - who has a lock now, for sentences and verdicts.
 */
#ifndef FR_ANALYSES_HOLDERS_H
#define FR_ANALYSES_HOLDERS_H

#include "analyses/names.h"

/* The owner that a waiter saw and that is no thread of this process: its tid, 0 = none. */
uint32_t fr_holder_foreign(const struct model *m, uint32_t lock);
/* Is the lock in memory that no other process shares: in a variable of a loaded module? */
bool fr_holder_is_private(const struct model *m, uint32_t lock);
/*
 * "T6 reader", "5 readers, T6 reader among them", "tid 4711, no thread of this process ...";
 * NULL = not known.
 */
const char *fr_holder_text(struct names *n, const struct model *m, uint32_t lock);

#endif
