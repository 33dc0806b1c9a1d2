/* SPDX-License-Identifier: MIT */
/*
 * loader_fit.h - can the loader of a program that is about to be started take libfr.so?
 *
 * Another C library's, another processor's and an older glibc's cannot: musl's ends the program
 * with status 127, glibc's prints errors or does the same. Such a program is to be started without
 * us (preload_env.h).
 */
#ifndef FR_LOADER_FIT_H
#define FR_LOADER_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What exec or posix_spawn is asked to run, as the host says it. */
struct fr_program {
	int dir; /* AT_FDCWD, execveat's directory, or the descriptor itself */
	const char *path; /* any pointer at all; NULL: DIR is the program */
	int flags; /* execveat's */
	bool search; /* through PATH, as execvp does */
	bool elsewhere; /* the directory may be changed before (file actions) */
};

/* Who we are and whose loader runs us. At start, before anybody can chroot. */
void fr_fit_init(void);

/*
 * False: start it without us. Where it cannot be looked at and exec will fail as well, or nobody
 * could know (execute permission only), true. System calls only, keeps errno; any process of ours,
 * any context.
 */
bool fr_fit_takes_us(const struct fr_program *p);

/* Does this component of LD_PRELOAD (N bytes at S, readable) name us? */
bool fr_fit_is_us(const char *s, size_t n);

#endif
