/* SPDX-License-Identifier: MIT */
/*
 * peek.h - memory that another thread may unmap meanwhile: the kernel copies it, and says how much.
 */
#ifndef FR_PEEK_H
#define FR_PEEK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/arch.h"
#include "core/sys.h"

/* Bytes at FROM, SIZE or as many as there is memory; SIZE is a page at most. Returns how many. */
static inline size_t fr_peek(void *to, size_t size, const void *from)
{
	size_t room = FR_PAGE - ((uintptr_t)from & (FR_PAGE - 1));
	size_t first = room < size ? room : size;
	struct iovec local = {to, size};
	struct iovec remote[] = {{(void *)from, first}, {(char *)from + first, size - first}};
	long got =
		fr_sys6(SYS_process_vm_readv, fr_sys_getpid(), (long)&local, 1, (long)remote, 2, 0);

	return got > 0 ? (size_t)got : 0;
}

#endif
