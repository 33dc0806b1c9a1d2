/* SPDX-License-Identifier: MIT */
/*
 * modules.h - the loaded objects: what the recording says about them and how the unwinder finds
 * one by address without the loader's locks.
 */
#ifndef FR_MODULES_H
#define FR_MODULES_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Raised when an object goes away (dlclose): everything remembered by PC is then stale. */
extern uint32_t fr_modules_generation;

/* Looks up _dl_find_object and what is loaded. In the constructor: takes the loader's lock. */
void fr_modules_init(void);

/* At a birth: writes what is known into the new region. */
void fr_modules_rewrite(void);

/* An object covers PC. Signal-safe, takes no lock that the host can hold. */
struct fr_object {
	uintptr_t base, end; /* mapped range */
	uintptr_t bias;
	const ElfW(Phdr) * phdr;
	uint16_t n_phdr;
	const char *name;
};
bool fr_modules_find(uintptr_t pc, struct fr_object *out);

/* Do A and B lie in the same object? Birth only. */
bool fr_modules_same(void *a, void *b);

/* PC lies in executable memory of a loaded object. As fr_modules_find. */
bool fr_modules_is_code(uintptr_t pc);

/* PC lies in an object that Go's linker made. As fr_modules_find. */
bool fr_modules_is_go(uintptr_t pc);

/* Makes sure the recording knows the object that covers PC. */
void fr_modules_note(uintptr_t pc);

/* The same, and that its calls do not reach the hooks. False: not now. */
bool fr_modules_mark_deepbind(uintptr_t pc);

/* An object may have gone: before and after the real dlclose. */
void fr_modules_changed(void);

/* Marks records of objects that are gone. Cold, before a snapshot and after dlclose. */
void fr_modules_sweep(void);

#endif
