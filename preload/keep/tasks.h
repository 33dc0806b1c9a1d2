/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - what the kernel knows of each thread: state, CPU time, the system call it sleeps in.
 */
#ifndef FR_TASKS_H
#define FR_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/* Of how many threads fr_tasks_next() will tell; the rest is unknown. */
size_t fr_tasks_count(void);

/*
 * Gives N records to PUT, which says whether it could: of the threads of the table that live, and
 * with tid 0 where there are fewer by now. System calls only; what cannot be read is marked as not
 * known. BUF is where it works: stacks are small.
 */
bool fr_tasks_put(size_t n, void *buf, size_t size, bool (*put)(const void *data, size_t size));

#endif
