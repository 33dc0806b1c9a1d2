/* SPDX-License-Identifier: MIT */
/*
 * wait.c - see wait.h. Context: hooks of calls that wait. Must not: touch errno.
 */
#include "record/wait.h"

#include "core/real.h"
#include "core/sys.h"

#define NS_PER_S 1000000000

static FR_COLD void keep_outer(struct fr_wait *w, const struct fr_thread_rec *rec)
{
	w->outer.call = rec->st_call;
	w->outer.since = rec->st_since;
	w->outer.object = rec->st_object;
	w->outer.object2 = rec->st_object2;
	w->outer.owner = rec->st_owner;
	w->outer.stack = rec->st_stack;
}

/* Time and stack are in W: shows the state and leaves. */
static FR_ALWAYS_INLINE void show_and_leave(struct fr_wait *w, struct fr_thread *t)
{
	w->our_signals = t->our_signals;
	w->host_signals = t->host_signals;
	fr_state_show(t, w->call, w->t0, w->stack, w->object, w->object2, w->owner);
	fr_leave(t);
}

/* All cases that the hot half does not handle. T: under the guard, or NULL. */
static FR_COLD void enter_cold(struct fr_wait *w, struct fr_thread *t)
{
	if (!t) {
		w->t0 = 0;
		w->stack = w->our_signals = w->host_signals = 0;
		return;
	}
	w->t0 = fr_clock_ticks();
	w->stack = fr_stack_get(t, w->site);
	if (t->rec->st_call && t->state_signals == t->host_signals) {
		keep_outer(w, t->rec);
		if (fr_held_retook(t, t->rec->st_object2))
			fr_held_push(t, t->rec->st_object2, FR_HELD_MUTEX, 0, t->rec->st_stack);
	}
	fr_held_stamp(t->rec, w->t0);
	show_and_leave(w, t);
}

/* A function of its own: it needs a stack frame, and the hot half makes only tail calls. */
static FR_COLD void enter_first(struct fr_wait *w)
{
	enter_cold(w, fr_enter());
}

void fr_wait_enter(struct fr_wait *w)
{
	struct fr_thread *t = fr_self;
	const struct fr_memo_way *way = fr_memo_first(&t->memo, w->site);

	/* not the whole structure: clearing it takes longer than all the rest */
	w->outer.call = 0;
	if (unlikely(t->busy))
		return enter_first(w);
	fr_guard(t);
	__builtin_prefetch(way);
	if (unlikely(fr_clock.kind != FR_CLOCK_TSC || t->rec->st_call || fr_held_unstamped(t->rec)))
		return enter_cold(w, t);
	w->t0 = fr_clock_tsc();
	if (unlikely(!fr_memo_knows(t, way, w->site)))
		return enter_cold(w, t);
	w->stack = way->stack;
	show_and_leave(w, t);
}

static FR_ALWAYS_INLINE struct fr_thread *end(const struct fr_wait *w, bool in_kernel,
					      uint64_t *now, uint64_t *dur)
{
	struct fr_thread *t;

	/* a child forked by a signal handler during the call: its region knows nothing of it */
	if (!w->t0 || fr_level_now(FR_CLASS_RECORDER) == FR_LEVEL_UNBORN)
		return NULL;
	*now = in_kernel ? fr_clock_ticks() : fr_clock_ticks_after();
	t = fr_enter();
	if (!t)
		return NULL;
	if (unlikely(w->outer.call))
		fr_state_show(t, w->outer.call, w->outer.since, w->outer.stack, w->outer.object,
			      w->outer.object2, w->outer.owner);
	else
		fr_state_clear(t);
	*dur = *now > w->t0 ? *now - w->t0 : 0;
	if (unlikely(fr_periodic_due(*now)))
		fr_periodic(t, *now);
	if (unlikely(*dur > fr_trigger_wait))
		fr_trigger_waited(t, w, *now, *dur);
	return t;
}

struct fr_thread *fr_wait_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur)
{
	return end(w, false, now, dur);
}

struct fr_thread *fr_call_end(const struct fr_wait *w, uint64_t *now, uint64_t *dur)
{
	return end(w, true, now, dur);
}

bool fr_wait_eintr_is_ours(struct fr_wait *w)
{
	const struct fr_thread *t = fr_self;

	if (!w->t0 || t->our_signals == w->our_signals || t->host_signals != w->host_signals)
		return false;
	w->our_signals = t->our_signals;
	errno = t->signal_errno;
	return true;
}

bool fr_wait_our_code(struct fr_wait *w, int err)
{
	int saved = errno;
	bool mine = err == EINTR && fr_wait_eintr_is_ours(w);

	errno = saved;
	return mine;
}

static bool page_readable(uintptr_t addr)
{
	/* an impossible `how`: the mask is read first, nothing is changed */
	return fr_sys4(SYS_rt_sigprocmask, ~0, addr & ~(uintptr_t)(FR_PAGE - 1), 0, 8) != -EFAULT;
}

bool fr_wait_readable(const void *p, size_t size)
{
	const struct fr_thread *t = fr_self;
	uintptr_t lo = (uintptr_t)p;
	uintptr_t hi = lo + size - 1;

	if (!size || lo < FR_PAGE || hi < lo)
		return false;
	if (lo >= (uintptr_t)__builtin_frame_address(0) && lo >= t->stack_lo && hi < t->stack_hi)
		return true;
	return page_readable(lo) && (lo / FR_PAGE == hi / FR_PAGE || page_readable(hi));
}

int fr_wait_left_ms(const struct fr_wait *w, int timeout)
{
	uint64_t ticks = fr_clock_ticks() - w->t0;
	uint64_t ms = (uint64_t)((unsigned __int128)ticks * 1000u / fr_clock.per_second);

	if (timeout < 0)
		return timeout;
	return ms >= (uint64_t)timeout ? 0 : timeout - (int)ms;
}

struct timespec fr_wait_left(const struct fr_wait *w, const struct timespec *timeout)
{
	uint64_t ticks = fr_clock_ticks() - w->t0;
	uint64_t gone = (uint64_t)((unsigned __int128)ticks * NS_PER_S / fr_clock.per_second);
	struct timespec left = *timeout;

	left.tv_sec -= (time_t)(gone / NS_PER_S);
	left.tv_nsec -= (long)(gone % NS_PER_S);
	if (left.tv_nsec < 0) {
		left.tv_nsec += NS_PER_S;
		left.tv_sec--;
	}
	if (left.tv_sec < 0)
		left.tv_sec = left.tv_nsec = 0;
	return left;
}
