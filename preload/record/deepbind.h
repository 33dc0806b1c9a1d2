/* SPDX-License-Identifier: MIT */
/*
 * deepbind.h - objects loaded with RTLD_DEEPBIND: they find libc's functions before ours, so that
 * what they call is not seen. The recording names them.
 */
#ifndef FR_DEEPBIND_H
#define FR_DEEPBIND_H

/* Before the host's dlopen(NAME, ... | RTLD_DEEPBIND). */
void fr_deepbind_asked(const char *name);

/*
 * Looks whether what was asked for is there by now, and says so in the table of modules. Nothing to
 * do, nothing done. Signal-safe, no lock that the host can hold, needs no TLS.
 */
void fr_deepbind_check(void);

/* In a forked child, whose table of modules is new. */
void fr_deepbind_again(void);

#endif
