/* SPDX-License-Identifier: MIT */
/*
 * thread.c - birth, state and end of a recorded thread.
 *
 * Context: the thread itself, at its first hook (which may be in a signal handler, inside malloc
 * or in a library's constructor): system calls only, no errno, no lock. Must not: allocate with
 * malloc, or leave a thread half born: fr_self changes last.
 */
#include "record/thread.h"

#include <errno.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/lookup.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/blocks.h"
#include "record/host.h"
#include "record/onstack.h"
#include "record/ring.h"
#include "record/sample.h"
#include "record/thread_records.h"
#include "record/wait.h"

bool fr_thread_wants_altstack;
static pthread_key_t end_key;
static atomic_int key_state; /* 0 = not tried, 1 = being made, 2 = there */

/* ---- end ------------------------------------------------------------------------------------- */

#define END_ROUNDS 4 /* PTHREAD_DESTRUCTOR_ITERATIONS: the host's destructors still run hooks */

static void end_destructor(void *arg)
{
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t))
		return;
	if (++t->end_rounds < END_ROUNDS)
		fr_libc.pthread_setspecific(end_key, (void *)1);
	else
		fr_thread_end();
}

/* Before glibc 2.34 a program without libpthread has no keys, until it loads that. */
static bool have_key(void)
{
	int state = atomic_load(&key_state);

	if (state == 0 && fr_libc.pthread_key_create && fr_libc.pthread_setspecific &&
	    atomic_compare_exchange_strong(&key_state, &state, 1)) {
		state = fr_libc.pthread_key_create(&end_key, end_destructor) == 0 ? 2 : 1;
		atomic_store(&key_state, state);
	}
	return state == 2;
}

void fr_threads_prepare(void)
{
	have_key();
}

/* A program's first thread gets an altstack now, a forked child has one. */
void fr_thread_wait(bool forked)
{
	if (forked) {
		fr_thread_forget();
		*fr_thread_none.rec = (struct fr_thread_rec){0};
	} else if (fr_thread_wants_altstack) {
		fr_onstack_wait();
	}
	fr_thread_none.random = fr_arch_tsc() * 0x9E3779B97F4A7C15ull | 1;
	fr_thread_none.sample_left = fr_sample_gap(&fr_thread_none);
}

void fr_thread_waited(void)
{
	struct fr_thread *t = fr_self;

	if (fr_thread_is_known(t)) {
		t->rec->allocs += fr_thread_none.rec->allocs;
		t->rec->alloc_bytes += fr_thread_none.rec->alloc_bytes;
		t->rec->frees += fr_thread_none.rec->frees;
		t->sample_left = fr_thread_none.sample_left;
	}
	fr_thread_none.sample_left = 0;
}

/* The thread ends in a call that never came back: it was cancelled there. */
static void record_cancelled(struct fr_thread *t)
{
	const struct fr_thread_rec *rec = t->rec;
	uint64_t dur = rec->end > rec->st_since ? rec->end - rec->st_since : 0;

	fr_put_cold(t, FR_EV_THREAD_CANCELLED, FR_TIER_RARE, rec->end, rec->st_stack,
		    FR_ARGS(THREAD_CANCELLED, .object = rec->st_object, .dur = dur,
			    .lock = rec->st_object2, .via = rec->st_call));
}

void fr_thread_end(void)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	t->rec->end = fr_clock_ticks();
	if (t->rec->st_call)
		record_cancelled(t);
	fr_state_clear(t);
	fr_put_repeated(t, t->rec->end);
	fr_put_cold(t, FR_EV_THREAD_EXIT, FR_TIER_RARE, t->rec->end, 0,
		    FR_ARGS(THREAD_EXIT, .handle = t->rec->handle));
	fr_chunk_close_all(t);
	__atomic_store_n(&t->rec->x_life, FR_THREAD_DEAD, __ATOMIC_RELEASE);
	fr_self = &fr_thread_gone;
	fr_onstack_leave(t);
	t->busy = 0;
	fr_block_give(t);
}

/*
 * A forked child goes on with the labels of the thread that forked: kept when that thread's block
 * is given up, taken by the first thread that is born then. Tasks and regions stay the parent's.
 */
static struct {
	uint32_t n, bytes;
	char label[FR_USER_LABEL_BYTES];
} kept; /* one thread only: a forked child at its birth */

static void keep_labels(const struct fr_user *u)
{
	kept.n = u->n_labels;
	kept.bytes = u->label_bytes;
	memcpy(kept.label, u->label, u->label_bytes);
}

static void take_labels(struct fr_user *u)
{
	if (!kept.n)
		return;
	u->n_labels = kept.n;
	u->label_bytes = kept.bytes;
	memcpy(u->label, kept.label, kept.bytes);
	kept.n = 0;
}

void fr_thread_forget(void)
{
	struct fr_thread *t = fr_self;
	/* busy: a signal handler forked in the middle of our code, which will go on with T */
	bool ours = fr_thread_is_known(t) && (!t->busy || t->busy == FR_BUSY_FOR_EVER);

	keep_labels(&t->user);
	fr_self = &fr_thread_none;
	fr_blocks_forget(ours ? t
			      : NULL); /* spare ones, too: their memos know the parent's stacks */
}

/* ---- vfork ----------------------------------------------------------------------------------- */

void fr_thread_lend(struct fr_thread *t)
{
	memset(&t->lent_rec, 0, sizeof(t->lent_rec));
	t->lent_rec.n_held = FR_HELD_MAX;
	t->own_rec = t->rec;
	t->rec = &t->lent_rec;
	t->lent = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = FR_BUSY_FOR_EVER;
}

/* What the child has allocated lies in the heap that both have: it counts. */
bool fr_thread_take_back(struct fr_thread *t)
{
	if (fr_host_is_other_process())
		return false;
	if (!fr_thread_is_known(t))
		return true; /* of nobody: only the mark is of use */
	t->own_rec->allocs += t->lent_rec.allocs;
	t->own_rec->alloc_bytes += t->lent_rec.alloc_bytes;
	t->own_rec->frees += t->lent_rec.frees;
	t->rec = t->own_rec;
	t->lent = false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = 0;
	return true;
}

struct fr_thread *fr_enter_lent(void)
{
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t) || !t->lent)
		return NULL;
	t->busy = (uintptr_t)__builtin_frame_address(0);
	t->rec = t->own_rec;
	return t;
}

void fr_leave_lent(struct fr_thread *t)
{
	t->rec = &t->lent_rec;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = FR_BUSY_FOR_EVER;
}

/* ---- birth ----------------------------------------------------------------------------------- */

/*
 * glibc puts a thread's descriptor, which pthread_self() points at, at the top of its stack's
 * memory, whoever allocated it. The main thread's is elsewhere.
 */
static void find_bounds(struct fr_thread *t, const struct fr_thread_origin *o)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uint64_t size = o->stack_size ? o->stack_size : fr_process.default_stack;

	if (here >= fr_process.main_stack_lo && here < fr_process.main_stack_hi) {
		t->stack_lo = fr_process.main_stack_lo;
		t->stack_hi = fr_process.main_stack_hi;
	} else {
		t->stack_hi = (uintptr_t)pthread_self() & ~(uintptr_t)15;
		t->stack_lo = t->stack_hi > size ? t->stack_hi - size : FR_PAGE;
	}
	if (here >= t->stack_lo && here < t->stack_hi)
		return;
	t->stack_lo = t->stack_hi = 8; /* a signal stack, a raw clone: no stack is our own */
}

/* The memo of a spare block is good for the same stack again, and only for that. */
static void stack_bounds(struct fr_thread *t, const struct fr_thread_origin *o)
{
	uintptr_t lo = t->stack_lo, hi = t->stack_hi;

	find_bounds(t, o);
	if (t->stack_lo != lo || t->stack_hi != hi)
		fr_stack_forget(t);
}

static void fill_record(struct fr_thread *t, const struct fr_thread_origin *o)
{
	struct fr_thread_rec *r = t->rec;

	memset(r, 0, sizeof(*r));
	r->serial = fr_thread_record_serial();
	r->tid = t->tid;
	r->creator_tid = o->creator_tid;
	r->create_stack = o->create_stack;
	r->handle = (uint64_t)pthread_self();
	r->routine = o->routine;
	r->start = fr_clock_ticks();
	r->stack_lo = t->stack_lo;
	r->stack_hi = t->stack_hi;
	__atomic_store_n(&r->x_life, FR_THREAD_LIVE, __ATOMIC_SEQ_CST);
	/* only now: who names this thread from outside either finds it alive or did so before */
	fr_sys2(SYS_prctl, PR_GET_NAME, r->name);
}

struct fr_thread *fr_thread_birth(const struct fr_thread_origin *o)
{
	struct fr_thread *t;
	struct fr_thread_rec *rec = fr_region.hdr ? fr_thread_record_take() : NULL;

	FR_RUNS(FR_WHERE_HANDLER);
	if (!rec) {
		fr_drop(FR_DROP_NO_THREAD);
		return NULL;
	}
	t = fr_block_take();
	if (!t) {
		__atomic_store_n(&rec->x_life, FR_THREAD_DEAD, __ATOMIC_RELEASE);
		fr_drop(FR_DROP_NO_THREAD);
		return NULL;
	}
	t->rec = rec;
	t->tid = fr_thread_tid();
	t->errno_at = &errno;
	t->random = fr_clock_ticks() * 0x9E3779B97F4A7C15ull | 1;
	t->sample_left = fr_sample_gap(t);
	take_labels(&t->user);
	stack_bounds(t, o);
	fill_record(t, o);
	if (fr_thread_wants_altstack)
		/* a stack overflow must still reach the crash handler */
		fr_onstack_make(t, fr_block_altstack(t), FR_ALTSTACK_SIZE);
	if (have_key())
		fr_libc.pthread_setspecific(end_key, (void *)1);
	t->busy = (uintptr_t)__builtin_frame_address(0);
	fr_self = t;
	fr_put_cold(t, FR_EV_THREAD_START, FR_TIER_RARE, rec->start, 0,
		    FR_ARGS(THREAD_START, .handle = rec->handle, .routine = o->routine,
			    .creator = o->creator_tid, .created_by = o->create_stack));
	t->busy = 0;
	return t;
}

static bool on_own_stack(const struct fr_thread *t, uintptr_t p)
{
	return p >= t->stack_lo && p < t->stack_hi;
}

/*
 * Has a jump left the code behind that `busy` tells of? Yes if we stand no deeper than it; and yes
 * if we stand no deeper than the handler that interrupted it, for then the handler is gone too.
 * Else we are inside that handler, or may be.
 */
static bool is_stale(const struct fr_thread *t, uintptr_t frame)
{
	if (!on_own_stack(t, t->busy) || !on_own_stack(t, frame))
		return false;
	if (t->busy <= frame)
		return true;
	return t->handler && (!on_own_stack(t, t->handler) || t->handler <= frame);
}

struct fr_thread *fr_enter_slow(uintptr_t frame)
{
	static const struct fr_thread_origin unknown;
	struct fr_thread *t = fr_self;

	if (t == &fr_thread_gone) {
		fr_drop(FR_DROP_LATE);
		return NULL;
	}
	if (t == &fr_thread_none && fr_gate.waiting) {
		fr_birth(FR_CLASS_RECORDER); /* the process's, and with it this thread's */
		if (fr_gate.waiting || fr_self->busy)
			return NULL; /* a handler in the middle of that, or there is no region */
		t = fr_self;
		t->busy = frame;
		return t;
	}
	if (t == &fr_thread_none) {
		t = fr_thread_birth(&unknown);
		if (t)
			t->busy = frame;
		return t;
	}
	if (t->lent) {
		if (!fr_thread_take_back(t))
			return NULL; /* another process: nothing of ours is lost */
		t->busy = frame;
		return t;
	}
	if (!is_stale(t, frame)) {
		fr_drop(FR_DROP_NESTED);
		return NULL;
	}
	t->handler = 0;
	t->busy = frame;
	return t;
}
