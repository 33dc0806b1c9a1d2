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

struct fr_unwind_lib {
	__typeof__(&unw_init_local2) unw_init_local2_p;
	__typeof__(&unw_step) unw_step_p;
	__typeof__(&unw_get_reg) unw_get_reg_p;
	__typeof__(&unw_get_save_loc) unw_get_save_loc_p;
	__typeof__(&unw_get_proc_info) unw_get_proc_info_p;
	__typeof__(&unw_is_signal_frame) unw_is_signal_frame_p;
	__typeof__(&unw_flush_cache) unw_flush_cache_p;
	unw_addr_space_t *space; /* its memory of what it has looked up */
};

extern struct fr_unwind_lib fr_unwind_lib;

/* Loads it and redirects its imports. False: a note says why. Just before main: it calls dlopen. */
bool fr_unwind_lib_open(void);

/* Where the library lies in memory; nothing if there is none, or if it is the host's own. */
void fr_unwind_lib_extent(uintptr_t *lo, uintptr_t *hi);

/* Notes that it is not used, which library that is, and why: WHAT, WHY. */
void fr_unwind_lib_note(const char *what, const char *why);

#endif
