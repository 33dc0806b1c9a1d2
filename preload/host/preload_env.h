/* SPDX-License-Identifier: MIT */
/*
 * preload_env.h - the environment that a program gets when its loader cannot take libfr.so: the
 * same, but for our component of LD_PRELOAD.
 *
 *	struct fr_env e = fr_env_prepare(&program, envp);
 *	char room[e.on_stack + FR_ENV_ALIGN];
 *	char *const *env = fr_env_for(&e, room);   ENVP itself where nothing is to be cut
 *	... the real call ...
 *	fr_env_end(&e);
 */
#ifndef FR_PRELOAD_ENV_H
#define FR_PRELOAD_ENV_H

#include <stddef.h>

#include "host/loader_fit.h"

/* Of the array in ROOM, which may begin anywhere. */
#define FR_ENV_ALIGN sizeof(char *)

struct fr_env {
	char *const *envp;
	size_t size; /* bytes of the copy; 0 = none is needed */
	size_t on_stack; /* of these, on the caller's stack: all or nothing */
	void *map; /* or here */
};

/* ENVP may be any pointer. Any context, no state; keeps errno. */
struct fr_env fr_env_prepare(const struct fr_program *p, char *const *envp);
char *const *fr_env_for(struct fr_env *e, char *room);

/* The call has come back. */
void fr_env_end(struct fr_env *e);

#endif
