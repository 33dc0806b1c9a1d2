/* SPDX-License-Identifier: MIT */
/*
 * onstack.h - the host's handlers run where they would run without us.
 *
 * A handler with SA_ONSTACK runs on the thread's normal stack where the host has given the thread
 * no other; there we have given it one, for our own handlers. The kernel takes it away while a
 * handler runs on it (SS_AUTODISARM), so that the host's handler can be called back on the normal
 * stack, below what was interrupted, and the next signal finds nothing on ours to overwrite.
 */
#ifndef FR_ONSTACK_H
#define FR_ONSTACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/thread.h"

/*
 * Gives the calling thread our alternate stack, if the host has given it none. Not where the kernel
 * would leave it armed (before Linux 4.7, some emulators): host's handlers would have to stay on
 * it.
 */
void fr_onstack_make(struct fr_thread *t, void *stack, size_t size);

/* The same for a program's first thread before it has a block; fr_onstack_make() will replace it. */
void fr_onstack_wait(void);

/* False: it stays in use, or may: we are in a handler on it, or were not told (confine.h). */
bool fr_onstack_leave(const struct fr_thread *t);

/*
 * Where the host's HANDLER shall run when the thread was interrupted at UC: an address below which
 * the stack is free, or 0 = here.
 */
uintptr_t fr_onstack_place(const struct fr_thread *t, uintptr_t handler, const ucontext_t *uc);

/*
 * Before the host's handler is called elsewhere: signals that come meanwhile, and all that come
 * after a jump out of it, find the lower half of our stack. The kernel has taken the whole away,
 * and gives it back only when the handler returns.
 */
void fr_onstack_lower(const struct fr_thread *t);

/*
 * The kernel's return from a handler sets the alternate stack that stood at its beginning, ours,
 * on whatever thread that is: a handler may switch fibers, and this one goes on elsewhere. And a
 * stack that the handler has set would be lost. So while the host's handler runs, UC has none.
 * True: *OURS was there; to be put back by fr_onstack_show() when the handler has returned on its
 * thread.
 */
bool fr_onstack_hide(const struct fr_thread *t, ucontext_t *uc, stack_t *ours);
void fr_onstack_show(const struct fr_thread *t, ucontext_t *uc, const stack_t *ours);

/* Is there stack below PLACE? Not so where it has overflowed. */
bool fr_onstack_has_room(uintptr_t place);

/* FN(SIG, SI, UC) with the stack pointer at PLACE, a multiple of 16. It may never come back. */
void fr_onstack_call(uintptr_t place, void (*fn)(int, siginfo_t *, void *), int sig, siginfo_t *si,
		     void *uc);

#endif
