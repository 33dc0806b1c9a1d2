/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - functions of loaded objects by name, from the first moment on, under every glibc.
 *
 * Since 2.34 dlsym() is there when we are. Before, it is in libdl, which not every program has, and
 * which calls pthread_once(), that is us, while it looks something up: there we read the loader's
 * list ourselves.
 */
#ifndef FR_LOOKUP_H
#define FR_LOOKUP_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "core/compat.h"

#define LIBC(fn) __typeof__(&fn) fn;
struct fr_libc {
	/* NULL: not here; before 2.34 also not yet, until somebody needs threads */
#include "core/libc.def"
};
#undef LIBC
extern struct fr_libc fr_libc;

/* Fills in what is there now. By fr_real_resolve(), again when something was loaded. */
void fr_libc_find(void);

/* Just before main: the dl functions, if the program has none itself. It calls the loader. */
void fr_libc_complete(void);

/* Threads for a program that has none, but has found our hooks. False: nothing was loaded. */
bool fr_libc_load_threads(void);

/*
 * What dlsym(RTLD_DEFAULT) and dlvsym(RTLD_NEXT) find; VERSION "": the default one. May not be
 * called by a hook in tail position: the loader looks at who asks.
 */
void *fr_lookup_first(const char *name);
void *fr_lookup_next(const char *name, const char *version);

#endif
