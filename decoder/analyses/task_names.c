/* SPDX-License-Identifier: MIT */
/*
 * task_names.c - what a thread does that is in no hooked call, in the kernel's words where they are
 * known.
 *
 * Asleep in a system call means: by one of its own, or of a function that has no hook. A thread
 * whose state changed while the kernel was asked ran.
 */
#include <string.h>
#include <sys/syscall.h>

#include "analyses/names.h"

#if defined(__x86_64__)
#define OUR_ARCH 62u
#else
#define OUR_ARCH 183u
#endif

#define CALL(name)                                                                                 \
	{                                                                                          \
#name, SYS_##name                                                                  \
	}
/* Those that threads sleep in, and that there are on all machines. */
static const struct {
	const char *name;
	int64_t nr;
} calls[] = {
	CALL(futex),          CALL(read),          CALL(write),
	CALL(readv),          CALL(writev),        CALL(pread64),
	CALL(pwrite64),       CALL(ppoll),         CALL(pselect6),
	CALL(epoll_pwait),    CALL(nanosleep),     CALL(clock_nanosleep),
	CALL(wait4),          CALL(waitid),        CALL(accept),
	CALL(accept4),        CALL(connect),       CALL(recvfrom),
	CALL(recvmsg),        CALL(sendto),        CALL(sendmsg),
	CALL(flock),          CALL(fcntl),         CALL(fsync),
	CALL(fdatasync),      CALL(close),         CALL(openat),
	CALL(ioctl),          CALL(rt_sigsuspend), CALL(rt_sigtimedwait),
	CALL(msgrcv),         CALL(msgsnd),        CALL(semtimedop),
	CALL(splice),         CALL(sendfile),      CALL(munmap),
	CALL(mmap),           CALL(madvise),       CALL(exit_group),
	CALL(io_uring_enter), CALL(membarrier),    CALL(clone),
	CALL(unlinkat),       CALL(renameat),
#ifdef SYS_poll
	CALL(poll),           CALL(select),        CALL(epoll_wait),
	CALL(pause),          CALL(open),          CALL(unlink),
	CALL(rename),         CALL(vfork),
#endif
};
#undef CALL

const char *fr_name_syscall(uint32_t arch, int64_t nr)
{
	for (size_t i = 0; arch == OUR_ARCH && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].nr == nr)
			return calls[i].name;
	}
	return NULL;
}

/* "futex(2) on 0x7f..", "the kernel (do_exit)": what a thread sleeps in. */
static const char *asleep_in(struct names *n, const struct recording *rec,
			     const struct fr_task_rec *t)
{
	const char *call, *on = "";

	if (t->known & FR_TASK_SYSCALL && t->syscall >= 0) {
		call = fr_name_syscall(rec->hdr.arch, t->syscall);
		if (!call)
			return fr_name_fmt(n, " in system call %lld, not by a hooked call",
					   (long long)t->syscall);
		if (!strcmp(call, "futex"))
			on = fr_name_fmt(n, " on 0x%llx", (unsigned long long)t->arg[0]);
		return fr_name_fmt(n, " in %s(2)%s, not by a hooked call", call, on);
	}
	if (t->wchan[0])
		return fr_name_fmt(n, " in the kernel (%.*s)",
				   (int)strspn(t->wchan, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO"
							 "PQRSTUVWXYZ0123456789_.+"),
				   t->wchan);
	return "";
}

const char *fr_name_task(struct names *n, const struct model *m, uint32_t thread)
{
	const struct rec_thread *th = m->threads[thread].rec;

	if (th->ran)
		return "running or runnable";
	if (!(th->task.known & FR_TASK_STAT))
		return NULL;
	switch (th->task.state) {
	case 'R':
		return "running or runnable";
	case 'S':
		return fr_name_fmt(n, "asleep%s", asleep_in(n, m->rec, &th->task));
	case 'D':
		return fr_name_fmt(n, "in disk sleep%s", asleep_in(n, m->rec, &th->task));
	case 'T':
		return "stopped by a signal";
	case 't':
		return "stopped by a tracer";
	}
	return "in no hooked call, and ending";
}
