/* SPDX-License-Identifier: MIT */
/*
 * wait.h - a call that may wait: what is noted before it and what is recorded after it.
 *
 * Between fr_wait_begin and fr_wait_end the real call runs, unguarded: signal handlers may record,
 * the thread may be cancelled, fork, or come back on another thread (fibers). So nothing of the
 * thread is kept across it but these numbers; fr_wait_end looks everything up again.
 */
#ifndef FR_WAIT_H
#define FR_WAIT_H

#include <errno.h>

#include "config.h"
#include "ring.h"

struct fr_wait {
	uint64_t t0; /* ticks; 0 = not recorded */
	uint64_t object; /* as given at the beginning */
	uint32_t call;
	uint32_t owner;
	uint32_t stack;
	struct {
		uint64_t since, object, object2;
		uint32_t call, owner, stack;
	} outer; /* the wait that this one is inside of; call 0 = none */
	int saved_errno; /* of the host, for a call that is resumed */
	uint32_t our_signals; /* as they were at the beginning */
	uint32_t host_signals;
};

/*
 * Takes time and stack and shows the thread as waiting in CALL. A wait inside another one shows
 * the other again at its end: SSL_read calls read; a thread that was cancelled in a wait cleans up,
 * and its end tells in what it was cancelled. Not inside a signal handler: it may have left the
 * outer wait for good with a longjmp.
 */
void fr_wait_begin(struct fr_wait *w, struct fr_site s, uint32_t call, uint64_t object,
		   uint64_t object2, uint32_t owner);

/*
 * The call has returned. Clears the state; gives the thread under the guard with *DUR and *NOW in
 * ticks, or NULL. The caller records and leaves.
 */
struct fr_thread *fr_wait_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur);

/*
 * The same of a call that always goes through the kernel: what woke it lies so far back that the
 * stamp needs no fence, which after a system call costs as much as all the rest.
 */
struct fr_thread *fr_call_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur);

/*
 * May SIZE bytes at P be read? On the thread's own stack yes; elsewhere the kernel is asked (one
 * system call). For pointers of the host's that the kernel would answer with EFAULT.
 */
bool fr_wait_readable(const void *p, size_t size);

/*
 * Was it our own signal, and no handler of the host's, that ended the call with EINTR? Then errno
 * is what it was before, and the caller calls again.
 */
bool fr_wait_our_eintr(struct fr_wait *w);

/*
 * A thread does something although its state says that it waits for a condition, and no handler
 * runs: it was cancelled there and cleans up, and libc has taken the mutex again for it. True once,
 * if LOCK is that mutex: before its next wait, which then shows it as held, or when it is given
 * back before any.
 */
bool fr_wait_retook(struct fr_thread *t, uint64_t lock);

/* What is left of a timeout in ms (< 0 = for ever) since the wait began; rounded up. */
int fr_wait_left_ms(const struct fr_wait *w, int timeout);

/* What is left of TIMEOUT since the wait began: zero when it is over. */
struct timespec fr_wait_left(const struct fr_wait *w, const struct timespec *timeout);

/* FR_SLOW in ticks. */
extern uint64_t fr_slow_ticks;

static inline enum fr_tier fr_wait_tier(uint64_t dur, bool failed)
{
	return dur >= fr_slow_ticks || failed ? FR_TIER_RARE : FR_TIER_DENSE;
}

#endif
