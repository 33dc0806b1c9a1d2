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

#include "record/ring.h"
#include "record/upcalls.h"

struct fr_wait {
	struct fr_site site;
	uint64_t t0; /* ticks; 0 = not recorded */
	uint64_t object, object2; /* as given at the beginning */
	uint32_t call;
	uint32_t owner;
	uint32_t stack;
	uint32_t our_signals; /* as they were at the beginning */
	uint32_t host_signals;
	struct {
		uint32_t call, owner, stack;
		uint64_t since, object, object2;
	} outer; /* the wait that this one is inside of; call 0 = none */
};

/*
 * Takes time and stack and shows the thread as waiting in CALL. Waits nest: SSL_read calls read,
 * and a thread that is cancelled in a wait may wait again while it cleans up. When the inner wait
 * ends, the thread is shown in the outer one again, so that its end tells in what it was cancelled.
 * Not so in a signal handler: it may have left the outer wait for good, by a longjmp.
 */
void fr_wait_enter(struct fr_wait *w); /* of W are given: site, call, owner and the objects */

static FR_ALWAYS_INLINE void fr_wait_begin(struct fr_wait *w, struct fr_site s, uint32_t call,
					   uint64_t object, uint64_t object2, uint32_t owner)
{
	w->site = s;
	w->call = call;
	w->object = object;
	w->object2 = object2;
	w->owner = owner;
	fr_wait_enter(w);
}

/* The same of a call on a descriptor and nothing else. */
static FR_ALWAYS_INLINE void fr_wait_begin_fd(struct fr_wait *w, struct fr_site s, uint32_t call,
					      int fd)
{
	fr_wait_begin(w, s, call, (uint64_t)(int64_t)fd, 0, 0);
}

/*
 * The call has returned. Clears the state; gives the thread under the guard with *DUR and *NOW in
 * ticks, or NULL. The caller records and leaves.
 */
struct fr_thread *fr_wait_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur);

/*
 * May SIZE bytes at P be read? On the thread's own stack yes; elsewhere the kernel is asked (one
 * system call). For pointers of the host's that the kernel would answer with EFAULT.
 */
bool fr_wait_readable(const void *p, size_t size);

/*
 * Has W's end nothing to do but to clear the state and, perhaps, to record? T: fr_self. The first
 * is asked before the clock is read, the second with its time. For hooks with a hot end, which
 * leave all other cases to a cold function.
 */
static FR_ALWAYS_INLINE bool fr_call_is_plain(const struct fr_wait *w, const struct fr_thread *t)
{
	return w->t0 && !w->outer.call && !t->busy && fr_clock.kind == FR_CLOCK_TSC &&
	       fr_level_now(FR_CLASS_RECORDER) != FR_LEVEL_UNBORN;
}

static FR_ALWAYS_INLINE bool fr_call_was_plain(uint64_t now, uint64_t dur)
{
	return dur < fr_slow_ticks && dur <= fr_trigger_wait && now < fr_clock.next_pair;
}

/*
 * fr_wait_end() of a call that always goes through the kernel. What ended the wait happened so long
 * before that the stamp needs no fence, which after a system call costs as much as all the rest.
 */
struct fr_thread *fr_call_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur);

/* The same for a hot end that goes on to other things: inline as long as the call was plain. */
static FR_ALWAYS_INLINE struct fr_thread *fr_call_end_quick(const struct fr_wait *w, uint64_t *now,
							    uint64_t *dur)
{
	struct fr_thread *t = fr_self;

	if (unlikely(!fr_call_is_plain(w, t)))
		return fr_call_end(w, now, dur);
	*now = fr_clock_tsc();
	*dur = *now - w->t0;
	if (unlikely(!fr_call_was_plain(*now, *dur)))
		return fr_call_end(w, now, dur);
	fr_guard(t);
	fr_state_clear(t);
	return t;
}

/*
 * Was it our own signal, and no handler of the host's, that ended the call with EINTR? Then errno
 * is what it was before, and the caller calls again.
 */
bool fr_wait_eintr_is_ours(struct fr_wait *w);

static FR_ALWAYS_INLINE bool fr_wait_our_eintr(struct fr_wait *w)
{
	return unlikely(errno == EINTR) && fr_wait_eintr_is_ours(w);
}

/* The same of a call that returns its error, ERR, and leaves errno alone. */
bool fr_wait_our_code(struct fr_wait *w, int err);

/* Came our own signal since W's beginning, and no handler of the host's? */
static FR_ALWAYS_INLINE bool fr_wait_met_ours_only(const struct fr_wait *w)
{
	const struct fr_thread *t = fr_self;

	return unlikely(t->our_signals != w->our_signals) && w->t0 &&
	       t->host_signals == w->host_signals;
}

/*
 * RC = CALL, again as long as only our own signal has ended it. A macro because CALL is to run
 * again: it must not have effects but the real call's.
 */
#define FR_RETRY(w, rc, call)                                                                      \
	do {                                                                                       \
		(rc) = (call);                                                                     \
	} while ((rc) < 0 && fr_wait_our_eintr(w))

/* What is left of a timeout in ms (< 0 = for ever) since the wait began; rounded up. */
int fr_wait_left_ms(const struct fr_wait *w, int timeout);

/* What is left of TIMEOUT since the wait began: zero when it is over. */
struct timespec fr_wait_left(const struct fr_wait *w, const struct timespec *timeout);

/*
 * A lock was asked for without a wait and gave RC: the thread under the guard, which holds LOCK now
 * if RC is 0, with time and stack; or NULL. The caller records and leaves.
 */
static FR_ALWAYS_INLINE struct fr_thread *fr_lock_at_once(uint64_t lock, enum fr_held_kind kind,
							  struct fr_site s, int rc, uint64_t *now,
							  uint32_t *stack)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return NULL;
	*now = fr_clock_ticks_after();
	*stack = fr_stack_get(t, s);
	if (rc == 0)
		fr_held_push(t, lock, kind, *now, *stack);
	return t;
}

static inline enum fr_tier fr_wait_tier(uint64_t dur, bool failed)
{
	return dur >= fr_slow_ticks || failed ? FR_TIER_RARE : FR_TIER_DENSE;
}

#endif
