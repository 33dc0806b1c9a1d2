/* SPDX-License-Identifier: MIT */
/*
 * standin_real.c - finds the system's libunwind for standin.c, which answers by it while it
 * behaves. STANDIN_REAL is its path.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "standin.h"

#define STR_(x) #x
#define STR(x) STR_(x)

struct standin_real standin_real;
const char *standin_does = "";

static void *find(void *library, const char *name)
{
	void *fn = dlsym(library, name);

	if (!fn)
		_exit(97);
	return fn;
}

__attribute__((constructor)) static void born(void)
{
	const char *path = getenv("STANDIN_REAL"), *does = getenv("STANDIN");
	void *l = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!l)
		_exit(96);
	standin_does = does ? does : "";
	standin_real.init = find(l, STR(unw_init_local2));
	standin_real.step = find(l, STR(unw_step));
	standin_real.get_reg = find(l, STR(unw_get_reg));
	standin_real.get_save_loc = find(l, STR(unw_get_save_loc));
	standin_real.get_proc_info = find(l, STR(unw_get_proc_info));
	standin_real.is_signal_frame = find(l, STR(unw_is_signal_frame));
}
