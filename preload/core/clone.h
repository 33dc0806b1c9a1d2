/* SPDX-License-Identifier: MIT */
/*
 * clone.h - a thread of our own, for the time of one snapshot, without TLS of its own.
 *
 * The function runs on the given stack with the caller's TLS register: it must not touch any
 * thread-local variable (errno included), block a lock, or return anything. The kernel sets *tid
 * to 0 when the thread is gone and its stack is free again.
 */
#ifndef FR_CLONE_H
#define FR_CLONE_H

#include <sched.h>
#include <stdatomic.h>

#include "core/sys.h"

#define FR_CLONE_FLAGS                                                                             \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_CHILD_CLEARTID)

/* The new thread's tid, or a negative errno value: then FN has not run. */
static inline long fr_clone(void (*fn)(void), void *stack_top, atomic_uint *tid)
{
	if (fr_sys_filter != FR_SYS_FREE)
		return -EPERM;
#if defined(__x86_64__)
	long ret;
	register atomic_uint *r10 __asm__("r10") = tid;
	register void (*r9)(void) __asm__("r9") = fn;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%%r9\n\t"
			 "mov %[nr_exit], %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"((long)FR_CLONE_FLAGS), "S"(stack_top), "d"(0L),
			   "r"(r10), "r"(r9), [nr_exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return ret;
#else
	return -ENOSYS; /* the snapshot is written by the calling thread */
#endif
}

#endif
