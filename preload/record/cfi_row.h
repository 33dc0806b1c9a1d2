/* SPDX-License-Identifier: MIT */
/*
 * cfi_row.h - one row of a function's table of frames: where a caller's registers are, at one PC.
 */
#ifndef FR_CFI_ROW_H
#define FR_CFI_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "record/cfi_table.h"

#if defined(__x86_64__)
#define FR_CFI_FP 6u
#define FR_CFI_SP 7u
#define FR_CFI_PC 16u
#elif defined(__aarch64__)
#define FR_CFI_FP 29u
#define FR_CFI_SP 31u
#define FR_CFI_PC 32u /* none */
#endif

enum fr_cfi_how {
	FR_CFI_SAME, /* it is still in its register */
	FR_CFI_UNDEFINED,
	FR_CFI_AT_OFFSET, /* in memory, at CFA + n */
	FR_CFI_AT_EXPRESSION,
	FR_CFI_OTHER, /* a value, or in another register */
};

struct fr_cfi_column {
	enum fr_cfi_how how;
	int64_t n;
	struct fr_bytes expression;
};

struct fr_cfi_row {
	bool cfa_is_expression;
	uint64_t cfa_register;
	int64_t cfa_offset;
	struct fr_bytes cfa_expression;
	struct fr_cfi_column ra, fp;
};

/* False: an instruction is not known, or it nests too deep. */
bool fr_cfi_row_at(const struct fr_cfi_function *f, uintptr_t pc, struct fr_cfi_row *out);

#endif
