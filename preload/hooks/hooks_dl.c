/* SPDX-License-Identifier: MIT */
/*
 * hooks_dl.c - replacement functions: objects are loaded and unloaded.
 */
#include <dlfcn.h>

#include "core/gate.h"
#include "core/real.h"
#include "record/deepbind.h"
#include "record/modules.h"

/*
 * A tail call, in every build: the loader takes the object that the return address lies in for the
 * caller, and searches by its RUNPATH and $ORIGIN.
 */
FR_TAIL_CALLER FR_HOOK void *dlopen(const char *name, int flags)
{
	void *(*real)(const char *, int) = FR_REAL(dlopen);

	if ((flags & RTLD_DEEPBIND) && name && fr_level(FR_CLASS_RECORDER) > FR_LEVEL_OFF)
		fr_deepbind_asked(name);
	FR_TAIL_CALL return real(name, flags);
}

FR_HOOK int dlclose(void *handle)
{
	int rc;

	fr_modules_changed();
	rc = FR_REAL(dlclose)(handle);
	fr_modules_changed();
	return rc;
}
