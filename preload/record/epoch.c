/* SPDX-License-Identifier: MIT */
/*
 * epoch.c - see epoch.h.
 */
#include "record/epoch.h"

#include "core/arch.h"

FR_HOT uint32_t fr_stack_epoch = 1;

void fr_stack_next_epoch(void)
{
	if (__atomic_add_fetch(&fr_stack_epoch, 1, __ATOMIC_RELEASE) == 0)
		__atomic_add_fetch(&fr_stack_epoch, 1, __ATOMIC_RELEASE);
}
