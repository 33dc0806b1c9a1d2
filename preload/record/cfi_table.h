/* SPDX-License-Identifier: MIT */
/*
 * cfi_table.h - the call frame information of one function, found in its object's .eh_frame.
 */
#ifndef FR_CFI_TABLE_H
#define FR_CFI_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "record/cfi_bytes.h"
#include "record/modules.h"

struct fr_cfi_function {
	uintptr_t begin, end;
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra; /* the register that stands for the return address */
	uint8_t encoding; /* of addresses, DW_EH_PE_... */
	bool augmented; /* its FDE has a part that belongs to the language */
	bool signal; /* the kernel's signal frame */
	struct fr_bytes common, own; /* programs: of all functions of its kind, then its own */
};

/* False: nothing describes PC. OBJECT covers it. */
bool fr_cfi_find(const struct fr_object *object, uintptr_t pc, struct fr_cfi_function *out);

/* An address, encoded as ENCODING says; bad where that is none that we know. */
uintptr_t fr_cfi_address(struct fr_bytes *b, uint8_t encoding, uintptr_t data);

#endif
