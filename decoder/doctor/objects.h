/* SPDX-License-Identifier: MIT */
/*
 * objects.h - the ELF files that a program consists of, and what they say about themselves.
 */
#ifndef FR_DOCTOR_OBJECTS_H
#define FR_DOCTOR_OBJECTS_H

#include "symbols/elf.h"

struct object {
	char *path; /* as its process or its loader calls it */
	const char *name; /* the last part of it */
	struct elf_file *elf;
};

struct objects {
	struct object *all; /* the program first */
	size_t n, cap;
	char **missing; /* libraries that are needed and were not found, or could not be read */
	size_t n_missing, missing_cap;
	const char *why; /* the program could not be read; constant text */
};

/* The program at PATH and whatever its loader would load with it, found as the loader does. */
void fr_objects_of_program(struct objects *o, const char *path);
/* What process PID has mapped, the program at EXE first; its files are behind ROOT. */
void fr_objects_of_process(struct objects *o, uint32_t pid, const char *exe, const char *root);
void fr_objects_free(struct objects *o);

/* An object whose file's name begins with PREFIX; NULL = none. */
const struct object *fr_objects_find(const struct objects *o, const char *prefix);

/* Does the file define NAME, exported or not? */
bool fr_object_defines(const struct object *o, const char *name);
/* Do its read-only data or its compilers' remarks have TEXT? */
bool fr_object_has_text(const struct object *o, const char *text);

/* The newest GLIBC_a.b that a file asks for or defines, as a << 16 | b << 8; 0 = none. */
uint32_t fr_object_glibc_needed(struct elf_file *elf);
uint32_t fr_object_glibc_defined(struct elf_file *elf);

/* Text of entry I of the kind TAG in .dynamic, such as DT_NEEDED; NULL = no more. */
const char *fr_object_dynamic(struct elf_file *elf, int64_t tag, size_t i);

#endif
