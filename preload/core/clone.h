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
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = (long)FR_CLONE_FLAGS;
	register void *x1 __asm__("x1") = stack_top;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register atomic_uint *x4 __asm__("x4") = tid;
	register void (*x9)(void) __asm__("x9") = fn;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "blr x9\n\t"
			 "mov x8, %[nr_exit]\n\t"
			 "mov x0, xzr\n\t"
			 "svc 0\n\t"
			 "udf #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4),
			   "r"(x9), [nr_exit] "i"(SYS_exit)
			 : "memory");
	return x0;
#endif
}

#endif
