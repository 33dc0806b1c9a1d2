/* SPDX-License-Identifier: MIT */
/*
 * sys.c - which system calls are left once the host has put itself under a filter of them.
 *
 * Context: any. Who begins and ends it is host/confine.c.
 */
#include "core/sys.h"

enum fr_sys_filter fr_sys_filter;
int fr_sys_own_pid;

/*
 * What is left under a filter: what every program with threads and an allocator makes too, and
 * what gives a signal back its default. A refusal of the others is one of the failures that their
 * callers know.
 */
static const short let_through[] = {
	SYS_mmap,           SYS_munmap, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_tgkill, SYS_rt_tgsigqueueinfo,
};

bool fr_sys_let_through(long nr)
{
	if (fr_sys_filter == FR_SYS_STRICT)
		return false;
	for (unsigned int i = 0; i < sizeof(let_through) / sizeof(*let_through); i++) {
		if (let_through[i] == nr)
			return true;
	}
	return false;
}
