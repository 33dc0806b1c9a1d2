/* SPDX-License-Identifier: MIT */
/*
 * libpath.h - where the dynamic loader of glibc finds a library.
 */
#ifndef FR_DOCTOR_LIBPATH_H
#define FR_DOCTOR_LIBPATH_H

#include <limits.h>

#include "symbols/elf.h"

/*
 * The file of the library NAME that OWNER needs, which is at OWNER_PATH, in a program that is
 * PROGRAM: by RPATH, LD_LIBRARY_PATH, RUNPATH, the loader's cache and its own directories. False =
 * none is there.
 */
bool fr_libpath_find(const char *name, struct elf_file *owner, const char *owner_path,
		     struct elf_file *program, const char *program_path, char path[PATH_MAX]);

#endif
