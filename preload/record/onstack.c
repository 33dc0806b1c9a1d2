/* SPDX-License-Identifier: MIT */
/*
 * onstack.c - see onstack.h.
 *
 * Handlers of Go stay on our stack: Go's threads take the alternate stack that they find, ours, for
 * their own, and abort when a handler runs on any other.
 *
 * Context: signal handlers; births and ends of threads. Must not: touch errno.
 */
#include "record/onstack.h"

#include <errno.h>

#include "core/process.h"
#include "core/sys.h"
#include "record/modules.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define RED_ZONE 128u

static bool on_it(const struct fr_thread *t, uintptr_t sp)
{
	uintptr_t lo = (uintptr_t)t->altstack;

	return lo && sp >= lo && sp < lo + FR_ALTSTACK_SIZE;
}

/* Of a program's first thread while the birth waits for an event. */
static FR_BIG char first[FR_ALTSTACK_SIZE];

static bool is_first(const void *at)
{
	return (uintptr_t)at - (uintptr_t)first < sizeof(first);
}

void fr_onstack_wait(void)
{
	const stack_t st = {
		.ss_sp = first, .ss_size = sizeof(first), .ss_flags = (int)SS_AUTODISARM};
	stack_t now = {0};

	if (fr_sys2(SYS_sigaltstack, 0, &now) == 0 && (now.ss_flags & SS_DISABLE))
		fr_sys2(SYS_sigaltstack, &st, 0);
}

void fr_onstack_make(struct fr_thread *t, void *stack, size_t size)
{
	stack_t now = {0};
	const stack_t st = {.ss_sp = stack, .ss_size = size, .ss_flags = (int)SS_AUTODISARM};
	bool runs_on_it = (uintptr_t)&now - (uintptr_t)stack < size;

	if (is_first(&now)) { /* the birth is that of a crash: no other one can be set now */
		t->altstack = first;
		return;
	}
	/* in a forked child it may be ours already; while a handler runs on it the kernel hides it
	 */
	if (fr_sys2(SYS_sigaltstack, 0, &now) == 0 &&
	    (now.ss_sp == stack || runs_on_it ||
	     (((now.ss_flags & SS_DISABLE) || now.ss_sp == first) &&
	      fr_sys2(SYS_sigaltstack, &st, 0) == 0)))
		t->altstack = stack;
}

bool fr_onstack_leave(const struct fr_thread *t)
{
	stack_t none = {.ss_flags = SS_DISABLE};
	stack_t now = {0};

	if (!t->altstack)
		return true;
	if (on_it(t, (uintptr_t)__builtin_frame_address(0)) ||
	    fr_sys2(SYS_sigaltstack, 0, &now) != 0)
		return false;
	return now.ss_sp != t->altstack || fr_sys2(SYS_sigaltstack, &none, 0) == 0;
}

uintptr_t fr_onstack_place(const struct fr_thread *t, uintptr_t handler, const ucontext_t *uc)
{
	uintptr_t sp = fr_arch_ucontext_site(uc).sp;

	if (!on_it(t, (uintptr_t)__builtin_frame_address(0)) || on_it(t, sp) ||
	    fr_modules_is_go(handler))
		return 0;
	return (sp - RED_ZONE) & ~(uintptr_t)15;
}

void fr_onstack_lower(const struct fr_thread *t)
{
	const stack_t st = {.ss_sp = t->altstack,
			    .ss_size = FR_ALTSTACK_SIZE / 2,
			    .ss_flags = (int)SS_AUTODISARM};

	if ((uintptr_t)&st > (uintptr_t)t->altstack + FR_ALTSTACK_SIZE / 2)
		fr_sys2(SYS_sigaltstack, &st, 0);
}

bool fr_onstack_hide(const struct fr_thread *t, ucontext_t *uc, stack_t *ours)
{
	if (!t->altstack || uc->uc_stack.ss_sp != t->altstack)
		return false;
	*ours = uc->uc_stack;
	/* as the kernel has it: it disables that of a new thread, but not that of a new program */
	uc->uc_stack = (stack_t){.ss_flags = t->tid == fr_process.pid ? 0 : SS_DISABLE};
	return true;
}

void fr_onstack_show(const struct fr_thread *t, ucontext_t *uc, const stack_t *ours)
{
	stack_t now = {0};

	if (!uc->uc_stack.ss_sp && fr_sys2(SYS_sigaltstack, 0, &now) == 0 &&
	    (now.ss_sp == t->altstack || now.ss_flags & SS_DISABLE))
		uc->uc_stack = *ours;
}

/* The kernel writes the mask there, as the handler's frame would be written. */
bool fr_onstack_has_room(uintptr_t place)
{
	return fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, 0, place - 8, 8) != -EFAULT;
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl fr_onstack_call\n"
	".hidden fr_onstack_call\n"
	".type fr_onstack_call, @function\n"
	"fr_onstack_call:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	mov %rdi, %rsp\n"
	"	mov %rsi, %rax\n"
	"	mov %edx, %edi\n"
	"	mov %rcx, %rsi\n"
	"	mov %r8, %rdx\n"
	"	call *%rax\n"
	"	mov %rbp, %rsp\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size fr_onstack_call, . - fr_onstack_call\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl fr_onstack_call\n"
	".hidden fr_onstack_call\n"
	".type fr_onstack_call, %function\n"
	"fr_onstack_call:\n"
	"	.cfi_startproc\n"
	"	stp x29, x30, [sp, #-16]!\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset x29, -16\n"
	"	.cfi_offset x30, -8\n"
	"	mov x29, sp\n"
	"	.cfi_def_cfa_register x29\n"
	"	mov sp, x0\n"
	"	mov x9, x1\n"
	"	mov w0, w2\n"
	"	mov x1, x3\n"
	"	mov x2, x4\n"
	"	blr x9\n"
	"	mov sp, x29\n"
	"	.cfi_def_cfa_register sp\n"
	"	ldp x29, x30, [sp], #16\n"
	"	.cfi_def_cfa_offset 0\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size fr_onstack_call, . - fr_onstack_call\n");
#endif
