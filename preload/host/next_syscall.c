/* SPDX-License-Identifier: MIT */
/*
 * next_syscall.c - see next_syscall.h. Must not: put a frame under syscall(), by which a program
 * may call vfork or clone: so the hook jumps through a variable.
 */
#include "host/next_syscall.h"

#include <stdarg.h>

#include "core/real.h"

static long find_and_call(long nr, ...);
long (*fr_next_syscall)(long nr, ...) = find_and_call;

/* Another object's constructor came before ours. Seven words, as libc reads them. */
static long find_and_call(long nr, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return FR_REAL(syscall)(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void fr_next_syscall_init(void)
{
	fr_next_syscall = fr_real.syscall;
}

bool fr_next_syscall_is_real(void)
{
	return fr_next_syscall != find_and_call;
}
