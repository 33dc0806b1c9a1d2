/* SPDX-License-Identifier: MIT */
/*
 * standin.h - what standin.c has from standin_real.c: objects, for a call would be an import that
 * the recorder does not know.
 */
#ifndef TARGET_STANDIN_H
#define TARGET_STANDIN_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>

struct standin_real {
	__typeof__(&unw_init_local2) init;
	__typeof__(&unw_step) step;
	__typeof__(&unw_get_reg) get_reg;
	__typeof__(&unw_get_save_loc) get_save_loc;
	__typeof__(&unw_get_proc_info) get_proc_info;
	__typeof__(&unw_is_signal_frame) is_signal_frame;
};
extern struct standin_real standin_real;
extern const char *standin_does; /* the environment's STANDIN */

#endif
