/* SPDX-License-Identifier: MIT */
/*
 * cfi.h - call frame information, read from .eh_frame without libunwind.
 *
 * What is needed of a frame is its caller's pc, sp and fp, and what is known of it is pc, sp and fp.
 * So only those columns are followed, and whatever else a rule asks for makes the answer unknown.
 */
#ifndef FR_CFI_H
#define FR_CFI_H

#include "record/unwind.h"

/*
 * As fr_unwind_rule() and fr_unwind_step(). Caller holds fr_gate.unwind_lock. Where the object goes
 * away under our eyes, nothing is known.
 */
struct fr_unwind_rule fr_cfi_rule(const struct fr_frame *f);
bool fr_cfi_step(struct fr_frame *f, struct fr_readable ok);

#endif
