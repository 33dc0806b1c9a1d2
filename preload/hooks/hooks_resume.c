/* SPDX-License-Identifier: MIT */
/*
 * hooks_resume.c - replacement functions: waits of which nothing is recorded but that they last.
 *
 * They stand here because the kernel ends them when a signal was handled, SA_RESTART or not: when
 * that was our own signal only, the host must not see it. Meanwhile the thread shows as waiting in
 * them. Context: signal handlers too (sigsuspend).
 */
#include "core/lookup.h"
#include "core/real.h"
#include "core/sys.h"
#include "host/signals.h"
#include "record/wait.h"

/* The end of the wait: only its state is cleared, there is no event. */
static void over(const struct fr_wait *w)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_wait_end(w, &now, &dur);

	if (t)
		fr_leave(t);
}

static bool off(void)
{
	return fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF;
}

static void restore_mask(void *mask)
{
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, mask, 0, 8);
}

/*
 * A pause goes on as a sigsuspend under a full mask: a signal of the host's that comes between the
 * look at the counters and the next wait would leave it asleep for ever.
 */
static int pause_again(struct fr_wait *w)
{
	uint64_t all = ~0ull;
	sigset_t before;
	struct _pthread_cleanup_buffer cleanup;
	bool may_cancel = fr_libc._pthread_cleanup_push && fr_libc._pthread_cleanup_pop;
	int rc = -1;

	sigemptyset(&before);
	fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
	if (may_cancel)
		fr_libc._pthread_cleanup_push(&cleanup, restore_mask, &before);
	while (rc < 0 && fr_wait_our_eintr(w))
		rc = FR_REAL(sigsuspend)(&before);
	if (may_cancel)
		fr_libc._pthread_cleanup_pop(&cleanup, 0);
	restore_mask(&before);
	return rc;
}

FR_HOOK int pause(void)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(pause)();
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_pause, 0, 0, 0);
	rc = FR_REAL(pause)();
	if (fr_self->our_signals != w.our_signals)
		rc = pause_again(&w);
	over(&w);
	return rc;
}

static FR_ALWAYS_INLINE int sigsuspend_by(__typeof__(sigsuspend) *real, enum fr_hook via,
					  const sigset_t *mask, struct fr_site s)
{
	struct fr_wait w;
	int rc;

	if (off())
		return real(mask);
	fr_wait_begin(&w, s, via, 0, 0, 0);
	FR_RETRY(&w, rc, real(mask));
	over(&w);
	return rc;
}

FR_HOOK int sigsuspend(const sigset_t *mask)
{
	return sigsuspend_by(FR_REAL(sigsuspend), FR_HOOK_sigsuspend, mask, FR_SITE());
}

FR_HOOK int __sigsuspend(const sigset_t *mask)
{
	return sigsuspend_by(FR_REAL_OLD(sigsuspend), FR_HOOK___sigsuspend, mask, FR_SITE());
}

/* ---- signals that the host takes out of the queue itself ------------------------------------- */

FR_HOOK int signalfd(int fd, const sigset_t *set, int flags)
{
	if (!off())
		fr_signals_host_waits(set);
	return FR_REAL(signalfd)(fd, set, flags);
}

FR_HOOK int sigwait(const sigset_t *set, int *sig)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(sigwait)(set, sig);
	fr_signals_host_waits(set);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_sigwait, 0, 0, 0);
	FR_RETRY(&w, rc, FR_REAL(sigwait)(set, sig));
	over(&w);
	return rc;
}

FR_HOOK int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(sigwaitinfo)(set, info);
	fr_signals_host_waits(set);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_sigwaitinfo, 0, 0, 0);
	FR_RETRY(&w, rc, FR_REAL(sigwaitinfo)(set, info));
	over(&w);
	return rc;
}

/* ---- System V -------------------------------------------------------------------------------- */

FR_HOOK int semop(int id, struct sembuf *ops, size_t n)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(semop)(id, ops, n);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_semop, 0, 0, 0);
	FR_RETRY(&w, rc, FR_REAL(semop)(id, ops, n));
	over(&w);
	return rc;
}

FR_HOOK ssize_t msgrcv(int id, void *msg, size_t size, long type, int flags)
{
	struct fr_wait w;
	ssize_t rc;

	if (off())
		return FR_REAL(msgrcv)(id, msg, size, type, flags);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_msgrcv, 0, 0, 0);
	FR_RETRY(&w, rc, FR_REAL(msgrcv)(id, msg, size, type, flags));
	over(&w);
	return rc;
}

FR_HOOK int msgsnd(int id, const void *msg, size_t size, int flags)
{
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(msgsnd)(id, msg, size, flags);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_msgsnd, 0, 0, 0);
	FR_RETRY(&w, rc, FR_REAL(msgsnd)(id, msg, size, flags));
	over(&w);
	return rc;
}

/* ---- with a timeout -------------------------------------------------------------------------- */

/* The timeout that remains, in *ROOM; of none, none. */
static const struct timespec *left_of(const struct fr_wait *w, const struct timespec *timeout,
				      struct timespec *room)
{
	if (!timeout)
		return NULL;
	*room = fr_wait_left(w, timeout);
	return room;
}

FR_HOOK int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	const struct timespec *until = timeout;
	struct timespec left;
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(sigtimedwait)(set, info, timeout);
	fr_signals_host_waits(set);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_sigtimedwait, 0, 0, 0);
	while ((rc = FR_REAL(sigtimedwait)(set, info, until)) < 0 && fr_wait_our_eintr(&w))
		until = left_of(&w, timeout, &left);
	over(&w);
	return rc;
}

FR_HOOK int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	const struct timespec *until = timeout;
	struct timespec left;
	struct fr_wait w;
	int rc;

	if (off())
		return FR_REAL(semtimedop)(id, ops, n, timeout);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_semtimedop, 0, 0, 0);
	while ((rc = FR_REAL(semtimedop)(id, ops, n, until)) < 0 && fr_wait_our_eintr(&w))
		until = left_of(&w, timeout, &left);
	over(&w);
	return rc;
}
