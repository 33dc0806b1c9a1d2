/* SPDX-License-Identifier: MIT */
/*
 * objects.h - loaded objects by address where glibc has no _dl_find_object() (before 2.35).
 */
#ifndef FR_OBJECTS_H
#define FR_OBJECTS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct fr_object {
	uintptr_t base, end; /* mapped range */
	uintptr_t bias;
	const ElfW(Phdr) * phdr;
	uint16_t n_phdr;
	const char *name;
};

/*
 * The object that covers PC and that was loaded after the program's start. Signal-safe, takes no
 * lock of libc's. False: none, or nobody can say just now. GENERATION: fr_modules_generation.
 */
bool fr_objects_find(uintptr_t pc, uint32_t generation, struct fr_object *out);

/* In a forked child: another thread may have been at it. */
void fr_objects_again(void);

/* From the first to the end of the last segment, by the headers that O has. */
void fr_objects_range(struct fr_object *o);

#endif
