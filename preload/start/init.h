/* SPDX-License-Identifier: MIT */
/*
 * init.h - the end of a process that ends by itself; birth is fr_birth() in gate.h.
 */
#ifndef FR_INIT_H
#define FR_INIT_H

/* libc and all libraries are initialised; main is next. Keeps errno. */
void fr_process_started(void);

/* Exit trigger, state, removal of the region. Once; not in a vfork child. Keeps errno. */
void fr_process_end(void);

#endif
