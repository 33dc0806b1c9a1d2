/* SPDX-License-Identifier: MIT */
/*
 * next_syscall.h - the real syscall(), to which our hook of it jumps.
 */
#ifndef FR_NEXT_SYSCALL_H
#define FR_NEXT_SYSCALL_H

#include <stdbool.h>

#define FR_SYS_FUTEX_WAITV 449 /* the same number everywhere; older headers lack it */

/* Until our constructor has run, a function that finds it. */
extern __attribute__((visibility("hidden"))) long (*fr_next_syscall)(long nr, ...);

/* After the real functions are known. */
void fr_next_syscall_init(void);
bool fr_next_syscall_is_real(void);

#endif
