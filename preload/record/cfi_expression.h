/* SPDX-License-Identifier: MIT */
/*
 * cfi_expression.h - what a row of call frame information computes.
 */
#ifndef FR_CFI_EXPRESSION_H
#define FR_CFI_EXPRESSION_H

#include "record/cfi_bytes.h"
#include "record/unwind.h"

/* A register of F; false: it is none of the three that are known. */
bool fr_cfi_register(uint64_t reg, const struct fr_frame *f, uintptr_t *value);

/*
 * FIRST lies on its stack at the begin; NULL: nothing does. False: it needs a register that is not
 * known, a word that OK does not allow, or an operation that no compiler writes there.
 */
bool fr_cfi_evaluate(struct fr_bytes expression, const struct fr_frame *f, struct fr_readable ok,
		     const uintptr_t *first, uintptr_t *value);

#endif
