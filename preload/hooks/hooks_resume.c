/* SPDX-License-Identifier: MIT */
/*
 * hooks_resume.c - replacement functions: waits of which nothing is recorded but that they last.
 *
 * They stand here because the kernel ends them when a signal was handled, SA_RESTART or not: when
 * that was our own signal only, the host must not see it. Meanwhile the thread shows as waiting in
 * them. Context: signal handlers too (sigsuspend).
 */
#include "core/real.h"
#include "core/sys.h"
#include "host/signals.h"
#include "record/wait.h"

/* No state to clear but the wait's, no event. */
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

#define RESUMED(fn, object, call)                                                                  \
	({                                                                                         \
		struct fr_wait w_;                                                                 \
		long rc_;                                                                          \
                                                                                                   \
		fr_wait_begin(&w_, FR_SITE(), FR_HOOK_##fn, object, 0, 0);                         \
		do {                                                                               \
			rc_ = call;                                                                \
		} while (rc_ < 0 && fr_wait_our_eintr(&w_));                                       \
		over(&w_);                                                                         \
		rc_;                                                                               \
	})

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
	volatile int rc = -1;

	sigemptyset(&before);
	fr_sys4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, 8);
	pthread_cleanup_push(restore_mask, &before);
	while (rc < 0 && fr_wait_our_eintr(w))
		rc = FR_REAL(sigsuspend)(&before);
	pthread_cleanup_pop(1);
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

FR_HOOK int sigsuspend(const sigset_t *mask)
{
	if (off())
		return FR_REAL(sigsuspend)(mask);
	return (int)RESUMED(sigsuspend, 0, FR_REAL(sigsuspend)(mask));
}

FR_HOOK int __sigsuspend(const sigset_t *mask)
{
	if (off())
		return FR_REAL_OLD(sigsuspend)(mask);
	return (int)RESUMED(__sigsuspend, 0, FR_REAL_OLD(sigsuspend)(mask));
}

/* ---- signals that the host takes out of the queue itself ---------------------------------------
 */

FR_HOOK int signalfd(int fd, const sigset_t *set, int flags)
{
	if (!off())
		fr_signals_host_waits(set);
	return FR_REAL(signalfd)(fd, set, flags);
}

FR_HOOK int sigwait(const sigset_t *set, int *sig)
{
	if (off())
		return FR_REAL(sigwait)(set, sig);
	fr_signals_host_waits(set);
	return (int)RESUMED(sigwait, 0, FR_REAL(sigwait)(set, sig));
}

FR_HOOK int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	if (off())
		return FR_REAL(sigwaitinfo)(set, info);
	fr_signals_host_waits(set);
	return (int)RESUMED(sigwaitinfo, 0, FR_REAL(sigwaitinfo)(set, info));
}

/* ---- System V ------------------------------------------------------------------------------- */

FR_HOOK int semop(int id, struct sembuf *ops, size_t n)
{
	if (off())
		return FR_REAL(semop)(id, ops, n);
	return (int)RESUMED(semop, 0, FR_REAL(semop)(id, ops, n));
}

FR_HOOK ssize_t msgrcv(int id, void *msg, size_t size, long type, int flags)
{
	if (off())
		return FR_REAL(msgrcv)(id, msg, size, type, flags);
	return RESUMED(msgrcv, 0, FR_REAL(msgrcv)(id, msg, size, type, flags));
}

FR_HOOK int msgsnd(int id, const void *msg, size_t size, int flags)
{
	if (off())
		return FR_REAL(msgsnd)(id, msg, size, flags);
	return (int)RESUMED(msgsnd, 0, FR_REAL(msgsnd)(id, msg, size, flags));
}

/* ---- with a timeout ------------------------------------------------------------------------- */

/* CALL uses the variable until_, the timeout that remains. */
#define RESUMED_TIMED(fn, timeout, call)                                                           \
	({                                                                                         \
		const struct timespec *until_ = timeout;                                           \
		struct timespec left_;                                                             \
		struct fr_wait w_;                                                                 \
		int rc_;                                                                           \
                                                                                                   \
		fr_wait_begin(&w_, FR_SITE(), FR_HOOK_##fn, 0, 0, 0);                              \
		while ((rc_ = call) < 0 && fr_wait_our_eintr(&w_)) {                               \
			left_ = fr_wait_left(&w_, timeout);                                        \
			until_ = &left_;                                                           \
		}                                                                                  \
		over(&w_);                                                                         \
		rc_;                                                                               \
	})

FR_HOOK int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	if (off())
		return FR_REAL(sigtimedwait)(set, info, timeout);
	fr_signals_host_waits(set);
	if (!timeout)
		return (int)RESUMED(sigtimedwait, 0, FR_REAL(sigtimedwait)(set, info, timeout));
	return RESUMED_TIMED(sigtimedwait, timeout, FR_REAL(sigtimedwait)(set, info, until_));
}

FR_HOOK int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	if (off())
		return FR_REAL(semtimedop)(id, ops, n, timeout);
	if (!timeout)
		return (int)RESUMED(semtimedop, 0, FR_REAL(semtimedop)(id, ops, n, timeout));
	return RESUMED_TIMED(semtimedop, timeout, FR_REAL(semtimedop)(id, ops, n, until_));
}
