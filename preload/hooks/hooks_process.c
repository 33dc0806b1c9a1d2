/* SPDX-License-Identifier: MIT */
/*
 * hooks_process.c - replacement functions: beginning other processes and waiting for their end.
 * exec stands in hooks_exec.c, posix_spawn and what runs a shell in hooks_spawn.c.
 *
 * Recorded is what the calling process did; a forked child begins its own recording at its first
 * hook, as does one that clone gives memory of its own: it is noticed by its wiped gate. A child
 * that shares our memory (vfork, clone) is another process all the same: see fr_thread_lend().
 *
 * Must not: touch anything in the child after fork returned 0; put a frame under vfork.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "core/real.h"
#include "record/fds.h"
#include "record/host.h"
#include "record/wait.h"
#include "start/init.h"

/* ---- fork ------------------------------------------------------------------------------------ */

static pid_t forking(pid_t (*real)(void), enum fr_hook via, struct fr_site s)
{
	uint64_t now, dur, err;
	struct fr_thread *t;
	struct fr_wait w;
	pid_t pid;

	/* a child that only forks again is not worth a region: no birth here */
	if (fr_level_of_program(FR_CLASS_THREAD) <= FR_LEVEL_OFF)
		return real();
	fr_wait_begin(&w, s, via, 0, 0, 0);
	pid = real();
	if (pid == 0)
		return 0;
	err = pid < 0 ? (uint64_t)errno : 0;
	t = fr_call_end(&w, &now, &dur);
	if (!t)
		return pid;
	fr_put_cold(t, FR_EV_PROCESS_FORK, FR_TIER_RARE, now, w.stack,
		    FR_ARGS(PROCESS_FORK, .pid = pid, .dur = dur, .err = err, .via = via));
	fr_leave(t);
	return pid;
}

FR_HOOK pid_t fork(void)
{
	return forking(FR_REAL(fork), FR_HOOK_fork, FR_SITE());
}

FR_HOOK pid_t __fork(void)
{
	return forking(FR_REAL_OLD(fork), FR_HOOK___fork, FR_SITE());
}

FR_HOOK pid_t _Fork(void)
{
	return forking(FR_REAL(_Fork), FR_HOOK__Fork, FR_SITE());
}

/*
 * A child that shares our memory, made by VIA at S. Returns REAL, for the jump there. Of a process
 * that is not born yet only its pid is noted: the child's first hook must not give birth for it.
 * The child's pid is not known yet: 0.
 */
static void *sharing(void *real, enum fr_hook via, struct fr_site s)
{
	struct fr_thread *t;

	if (fr_level_of_program(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN && !fr_gate.lender)
		fr_gate.lender = fr_sys_getpid();
	if (fr_level_now(FR_CLASS_RECORDER) <= FR_LEVEL_OFF)
		return real;
	t = fr_enter();
	if (!t) {
		fr_thread_none.lent = fr_self == &fr_thread_none || fr_thread_none.lent;
		return real;
	}
	if (fr_level_now(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		fr_put_cold(t, FR_EV_PROCESS_FORK, FR_TIER_RARE, fr_clock_ticks(),
			    fr_stack_get(t, s), FR_ARGS(PROCESS_FORK, .via = via));
	fr_thread_lend(t);
	return real;
}

/*
 * The child of vfork returns first, out of the frame that called: nothing of ours may lie on the
 * stack then. fr_vfork_begin() gives the real function; the jump leaves the stack as the caller
 * left it. Both names are one function here: in libc they are, too. The same for clone, whose seven
 * arguments come through: its child runs a function, but on any stack, perhaps on this one.
 */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl vfork, __vfork\n"
	".type vfork, @function\n"
	".type __vfork, @function\n"
	"vfork:\n"
	"__vfork:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	mov (%rsp), %rdi\n"
	"	lea 8(%rsp), %rsi\n"
	"	mov %rbp, %rdx\n"
	"	sub $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call fr_vfork_begin\n"
	"	add $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	jmp *%rax\n"
	"	.cfi_endproc\n"
	".size vfork, . - vfork\n"
	".globl clone, __clone\n"
	".type clone, @function\n"
	".type __clone, @function\n"
	"clone:\n"
	"__clone:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	push %rcx\n"
	"	push %r8\n"
	"	push %r9\n"
	"	sub $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 56\n"
	"	mov %edx, %edi\n"
	"	mov 56(%rsp), %rsi\n"
	"	lea 64(%rsp), %rdx\n"
	"	mov %rbp, %rcx\n"
	"	call fr_clone_begin\n"
	"	add $8, %rsp\n"
	"	pop %r9\n"
	"	pop %r8\n"
	"	pop %rcx\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	.cfi_adjust_cfa_offset -56\n"
	"	jmp *%rax\n"
	"	.cfi_endproc\n"
	".size clone, . - clone\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl vfork, __vfork\n"
	".type vfork, %function\n"
	".type __vfork, %function\n"
	"vfork:\n"
	"__vfork:\n"
	"	.cfi_startproc\n"
	"	mov x0, x30\n"
	"	mov x1, sp\n"
	"	mov x2, x29\n"
	"	stp x29, x30, [sp, #-16]!\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset 29, -16\n"
	"	.cfi_offset 30, -8\n"
	"	bl fr_vfork_begin\n"
	"	mov x16, x0\n"
	"	ldp x29, x30, [sp], #16\n"
	"	.cfi_def_cfa_offset 0\n"
	"	br x16\n"
	"	.cfi_endproc\n"
	".size vfork, . - vfork\n"
	".globl clone, __clone\n"
	".type clone, %function\n"
	".type __clone, %function\n"
	"clone:\n"
	"__clone:\n"
	"	.cfi_startproc\n"
	"	stp x29, x30, [sp, #-80]!\n"
	"	.cfi_def_cfa_offset 80\n"
	"	.cfi_offset 29, -80\n"
	"	.cfi_offset 30, -72\n"
	"	stp x0, x1, [sp, #16]\n"
	"	stp x2, x3, [sp, #32]\n"
	"	stp x4, x5, [sp, #48]\n"
	"	str x6, [sp, #64]\n"
	"	mov w0, w2\n"
	"	mov x1, x30\n"
	"	add x2, sp, #80\n"
	"	mov x3, x29\n"
	"	bl fr_clone_begin\n"
	"	mov x16, x0\n"
	"	ldp x0, x1, [sp, #16]\n"
	"	ldp x2, x3, [sp, #32]\n"
	"	ldp x4, x5, [sp, #48]\n"
	"	ldr x6, [sp, #64]\n"
	"	ldp x29, x30, [sp], #80\n"
	"	.cfi_def_cfa_offset 0\n"
	"	br x16\n"
	"	.cfi_endproc\n"
	".size clone, . - clone\n");
#endif

/* PC, SP, FP: of the host at its call. */
__attribute__((used, visibility("hidden"))) void *fr_vfork_begin(uintptr_t pc, uintptr_t sp,
								 uintptr_t fp);
void *fr_vfork_begin(uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	return sharing((void *)FR_REAL(vfork), FR_HOOK_vfork, (struct fr_site){pc, sp, fp});
}

__attribute__((used, visibility("hidden"))) void *fr_clone_begin(int flags, uintptr_t pc,
								 uintptr_t sp, uintptr_t fp);
void *fr_clone_begin(int flags, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	void *real = (void *)FR_REAL(clone);

	/* not with a thread storage of its own: our state of this thread is not in reach there */
	if ((flags & (CLONE_VM | CLONE_THREAD | CLONE_SETTLS)) != CLONE_VM)
		return real;
	return sharing(real, FR_HOOK_clone, (struct fr_site){pc, sp, fp});
}

/* ---- wait ------------------------------------------------------------------------------------ */

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_THREAD) != FR_LEVEL_OFF;
}

struct waited {
	enum fr_hook via;
	int64_t asked; /* the pid, as waitpid understands it */
	int64_t pid; /* who ended; 0 = nobody yet */
	const int *status;
};

static pid_t record_wait(const struct fr_wait *w, const struct waited *c)
{
	uint64_t err = c->pid < 0 ? (uint64_t)errno : 0;
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	enum fr_tier tier;
	int64_t status;

	if (!t)
		return (pid_t)c->pid;
	status = c->pid > 0 && c->status ? *c->status : 0;
	tier = c->pid > 0 ? FR_TIER_RARE : fr_wait_tier(dur, false); /* ECHILD is an answer */
	if (fr_level_now(FR_CLASS_THREAD) == FR_LEVEL_FULL || dur >= fr_slow_ticks || err ||
	    c->pid > 0)
		fr_put_cold(t, FR_EV_PROCESS_WAIT, tier, now, w->stack,
			    FR_ARGS(PROCESS_WAIT, .asked = c->asked, .pid = c->pid,
				    .status = status, .dur = dur, .err = err, .via = c->via));
	fr_leave(t);
	return (pid_t)c->pid;
}

static void begin_wait(struct fr_wait *w, const struct waited *c, struct fr_site s)
{
	fr_wait_begin(w, s, c->via, (uint64_t)c->asked, 0, 0);
}

FR_HOOK pid_t wait(int *status)
{
	struct waited c = {FR_HOOK_wait, -1, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(wait)(status);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, fr_real.wait(status));
	return record_wait(&w, &c);
}

FR_HOOK pid_t waitpid(pid_t pid, int *status, int options)
{
	struct waited c = {FR_HOOK_waitpid, pid, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(waitpid)(pid, status, options);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, fr_real.waitpid(pid, status, options));
	return record_wait(&w, &c);
}

FR_HOOK pid_t __wait(int *status)
{
	struct waited c = {FR_HOOK___wait, -1, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL_OLD(wait)(status);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, FR_REAL_OLD(wait)(status));
	return record_wait(&w, &c);
}

FR_HOOK pid_t __waitpid(pid_t pid, int *status, int options)
{
	struct waited c = {FR_HOOK___waitpid, pid, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL_OLD(waitpid)(pid, status, options);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, FR_REAL_OLD(waitpid)(pid, status, options));
	return record_wait(&w, &c);
}

FR_HOOK pid_t wait3(int *status, int options, struct rusage *usage)
{
	struct waited c = {FR_HOOK_wait3, -1, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(wait3)(status, options, usage);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, fr_real.wait3(status, options, usage));
	return record_wait(&w, &c);
}

FR_HOOK pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	struct waited c = {FR_HOOK_wait4, pid, 0, status};
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(wait4)(pid, status, options, usage);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, c.pid, fr_real.wait4(pid, status, options, usage));
	return record_wait(&w, &c);
}

/* Its result is 0 or -1; the child stands in INFO, which is zero where nobody has ended. */
FR_HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct waited c = {FR_HOOK_waitid, type == P_PID ? (int64_t)id : -1, 0, NULL};
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(waitid)(type, id, info, options);
	begin_wait(&w, &c, FR_SITE());
	FR_RETRY(&w, rc, fr_real.waitid(type, id, info, options));
	if (rc == 0 && info) {
		c.pid = info->si_pid;
		c.status = &info->si_status;
	} else {
		c.pid = rc;
	}
	record_wait(&w, &c);
	return rc;
}

FR_HOOK int pclose(FILE *f)
{
	struct waited c = {FR_HOOK_pclose, -1, 0, NULL};
	int fd = f->_fileno;
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(pclose)(f);
	fr_fd_end(fd, FR_HOOK_pclose, FR_SITE());
	begin_wait(&w, &c, FR_SITE());
	rc = fr_real.pclose(f);
	c.pid = rc < 0 ? -1 : 0;
	record_wait(&w, &c);
	return rc;
}
