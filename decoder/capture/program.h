/* SPDX-License-Identifier: MIT */
/*
 * program.h - can the recorder get into this program? Looked at before it is started.
 */
#ifndef FR_CAPTURE_PROGRAM_H
#define FR_CAPTURE_PROGRAM_H

#include <stdbool.h>

#include "base/diag.h"

/*
 * The path of NAME as execvp would find it, which the caller frees; NULL with the reason and what
 * to do in D where preloading cannot work: missing, not executable, setuid, static, another
 * architecture, another libc. What works only in part is a DIAG_NOTE.
 */
char *fr_program_find(const char *name, struct diag *d);

#endif
