/* SPDX-License-Identifier: MIT */
/*
 * cpus.h - work in more than one thread, where there is more than one CPU.
 */
#ifndef FR_BASE_CPUS_H
#define FR_BASE_CPUS_H

#include <stddef.h>

unsigned int fr_cpus(void); /* that this process may run on */

/*
 * Calls PART for parts of [0, N) that cover it, at the same time and in no order, and returns when
 * all are done. No part is smaller than LEAST, none is empty. PART must not take memory.
 */
void fr_cpus_share(size_t n, size_t least, void (*part)(void *ctx, size_t from, size_t to),
		   void *ctx);

#endif
