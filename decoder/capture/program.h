/* SPDX-License-Identifier: MIT */
/*
 * program.h - can the recorder get into this program? Looked at before it is started.
 */
#ifndef FR_CAPTURE_PROGRAM_H
#define FR_CAPTURE_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"

struct program {
	char *path; /* as execvp would find it */
	char *image; /* the ELF file that is run: of a script, its interpreter; NULL = none */
	char loader[256]; /* that it names; "" = none: statically linked */
	bool go;
};

/*
 * Finds NAME as execvp would, and inspects it as user UID and group GID would start it. False with
 * the reason and what to do in D where preloading cannot work: missing, not executable, setuid,
 * static, another architecture, another libc. What works only in part is a DIAG_NOTE. P is filled
 * in as far as one got, and to be freed.
 */
bool fr_program_inspect(const char *name, uid_t uid, gid_t gid, struct program *p, struct diag *d);
void fr_program_free(struct program *p);

/* The same for us: the path, which the caller frees, or NULL. */
char *fr_program_find(const char *name, struct diag *d);

#endif
