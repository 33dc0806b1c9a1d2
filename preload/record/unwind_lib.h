/* SPDX-License-Identifier: MIT */
/*
 * unwind_lib.h - the functions of libunwind, found at run time.
 */
#ifndef FR_UNWIND_LIB_H
#define FR_UNWIND_LIB_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdbool.h>
#include <stdint.h>

#define FR_UNW_FUNCTIONS(F)                                                                        \
	F(unw_init_local2)                                                                         \
	F(unw_step)                                                                                \
	F(unw_get_reg)                                                                             \
	F(unw_get_save_loc)                                                                        \
	F(unw_get_proc_info)                                                                       \
	F(unw_is_signal_frame)                                                                     \
	F(unw_flush_cache)

#define F(fn) __typeof__(&fn) fn##_p;
struct fr_unwind_lib {
	FR_UNW_FUNCTIONS(F)
	unw_addr_space_t *space; /* its memory of what it has looked up */
};
#undef F

extern struct fr_unwind_lib fr_unwind_lib;

/* Loads it and redirects its imports. False: a note says why. Just before main: it calls dlopen. */
bool fr_unwind_lib_open(void);

/* Where the library lies in memory; nothing if there is none, or if it is the host's own. */
void fr_unwind_lib_extent(uintptr_t *lo, uintptr_t *hi);

/* Notes that it is not used, which library that is, and why: WHAT, WHY. */
void fr_unwind_lib_note(const char *what, const char *why);

#endif
