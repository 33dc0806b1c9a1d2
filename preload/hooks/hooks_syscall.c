/* SPDX-License-Identifier: MIT */
/*
 * hooks_syscall.c - replacement function: syscall(), libc's wrapper of any system call.
 *
 * Most libraries install their filters by it (libseccomp, Chromium), and the locks that are not
 * pthread's wait by it (hooks_futex.c). All other numbers go on by a jump. Must not: touch errno;
 * put a frame under syscall(), by which a program may call vfork or clone.
 */
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "host/confine.h"
#include "host/next_syscall.h"

/* syscall(SYS_seccomp, ...): comes here by a jump, with the caller's arguments. */
__attribute__((used, visibility("hidden"))) long fr_syscall_seccomp(long nr, long op, long flags,
								    void *args);
long fr_syscall_seccomp(long nr, long op, long flags, void *args)
{
	bool sets = op == SECCOMP_SET_MODE_FILTER || op == SECCOMP_SET_MODE_STRICT;
	bool begun = sets && fr_confine_begin(op == SECCOMP_SET_MODE_STRICT);
	long rc = fr_next_syscall(nr, op, flags, args);

	if (begun && rc < 0)
		fr_confine_undo();
	return rc;
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	cmp $202, %rdi\n" /* SYS_futex */
	"	je fr_syscall_futex\n"
	"	cmp $317, %rdi\n" /* SYS_seccomp */
	"	je fr_syscall_seccomp\n"
	"	cmp $449, %rdi\n" /* SYS_futex_waitv */
	"	je fr_syscall_waitv\n"
	"	jmp *fr_next_syscall(%rip)\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_futex == 202 && SYS_seccomp == 317, "the numbers stand in the code above");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, %function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	hint #34\n" /* bti c */
	"	cmp x0, #98\n" /* SYS_futex */
	"	b.eq fr_syscall_futex\n"
	"	cmp x0, #277\n" /* SYS_seccomp */
	"	b.eq fr_syscall_seccomp\n"
	"	cmp x0, #449\n" /* SYS_futex_waitv */
	"	b.eq fr_syscall_waitv\n"
	"	adrp x16, fr_next_syscall\n"
	"	ldr x16, [x16, :lo12:fr_next_syscall]\n"
	"	br x16\n"
	"	.cfi_endproc\n"
	".size syscall, . - syscall\n");
_Static_assert(SYS_futex == 98 && SYS_seccomp == 277, "the numbers stand in the code above");
#endif
_Static_assert(FR_SYS_FUTEX_WAITV == 449, "the number stands in the code above");
