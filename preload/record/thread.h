/* SPDX-License-Identifier: MIT */
/*
 * thread.h - what the recorder keeps per thread.
 *
 * TLS holds one pointer (initial-exec). It starts at fr_thread_none, a valid block that has no
 * room anywhere, so that hot paths need no test: whatever they try leads to their cold half, and
 * there fr_enter_slow() gives birth. After the thread's end was recorded it points at
 * fr_thread_gone, which stays empty.
 *
 * A thread that calls vfork lends its block: the child has our memory and our TLS, but is another
 * process, and what it does to its descriptors, signals and locks is not the region's business.
 * Until the parent takes the block back, at its next hook, it takes no events, as fr_thread_none.
 *
 * Only the owner writes its block, but for signal handlers on the same thread, which `busy` keeps
 * out. The thread record (rec) lies in the region and is read by others at any time.
 */
#ifndef FR_THREAD_H
#define FR_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arch.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/gate.h"
#include "record/fold.h"
#include "record/stack.h"
#include "record/user.h"
#include "store/region.h"
#include "wire/wire.h"

/* A thread's place in one tier. Bytes [p, limit) may be written without a look. */
struct fr_writer {
	_Alignas(64) uint8_t *p;
	uint8_t *limit; /* the next event starts a new chunk beyond this */
	struct fr_chunk *chunk; /* NULL = none */
	uint64_t last; /* ticks of the previous event */
	uint64_t last_obj; /* as in wire.h: FR_ARG_OBJ, FR_ARG_PTR */
	uint64_t last_ptr;
	uint64_t events; /* recorded in this tier since the thread's start */
	uint64_t stack[FR_DICT_SIZE]; /* fr_stack_key() */
	uint64_t obj[FR_DICT_SIZE];
	uint64_t ptr[FR_DICT_SIZE];
};

#define FR_BUSY_FOR_EVER UINTPTR_MAX /* no room, or lent */

struct fr_thread {
	/* one cache line, read at each event */
	uintptr_t
		busy; /* frame of the recorder's code on this thread, 0 = none, FR_BUSY_FOR_EVER */
	struct fr_thread_rec *rec;
	int64_t sample_left; /* bytes until the next memory sample */
	uint32_t memo_epoch; /* of fr_stack_epoch; 0 = all lookups are cold */
	uint32_t our_signals; /* deliveries of the trigger signal */
	uint32_t host_signals; /* handlers of the host that ran */
	uint32_t state_signals; /* host_signals when the current state was set */
	int *errno_at;
	int signal_errno; /* errno when the trigger signal came last */
	uint32_t tid;
	bool lent; /* the thread has called vfork: this may be the child, with our memory */
	bool in_real; /* inside a real function that is known to call another hook */
	bool in_periodic; /* inside fr_periodic */
	_Alignas(64) struct fr_writer w[FR_TIERS];
	struct fr_memo memo;

	uintptr_t handler; /* frame under the host's handler that interrupted that code, 0 = none */
	uint64_t random; /* state of the sampler */
	uintptr_t stack_lo, stack_hi; /* bounds of the thread's own stack */
	uint64_t retook; /* st_since of the cancelled wait that fr_held_retook() has told of */
	uint32_t end_rounds; /* rounds of TSD destructors seen */
	uint32_t walks; /* of rec->stack_walks, charged to the budget */
	struct fr_thread_rec *own_rec; /* while lent: what rec is otherwise */
	void *altstack; /* ours, or NULL */
	struct fr_thread *next, *previous; /* see blocks.c */
	uint16_t needed_by[FR_TIERS]; /* where in the chunk the event is that needed it */
	struct fr_user user;
	uint64_t fold_due; /* ticks: from then on what is counted is written; 0 = nothing is */
	struct fr_fold folds[FR_FOLDS];
	struct fr_walk walk; /* scratch of fr_stack_miss: too big for a host's small stack */
	struct fr_thread_rec
		lent_rec; /* rec while lent: no room, and counts that are added later */
};
_Static_assert(offsetof(struct fr_thread, w) == 64, "one line");
_Static_assert(sizeof(struct fr_writer) % 64 == 0, "a writer begins with a line");

extern struct fr_thread fr_thread_none;
extern struct fr_thread fr_thread_gone;
extern __thread struct fr_thread *fr_self __attribute__((tls_model("initial-exec")));

#define FR_ALTSTACK_SIZE (64u << 10)

/* Has the calling thread a block of its own? T: fr_self, NULL with thread storage of zeros. */
static inline bool fr_thread_is_known(const struct fr_thread *t)
{
	return t && t != &fr_thread_none && t != &fr_thread_gone;
}

/* Set where a stack overflow must still reach a handler of ours: threads get a stack for that. */
extern bool fr_thread_wants_altstack;

/* In the constructor: libc may allocate for the key of a later one. */
void fr_threads_prepare(void);

/*
 * The birth of the process waits for an event: the calling thread counts what it allocates until
 * that is sampled. A FORKED child gives up its parent's block. fr_thread_waited() gives the counts
 * to the calling thread, which has been born.
 */
void fr_thread_wait(bool forked);
void fr_thread_waited(void);

/* How a thread came to be; all 0 where unknown. */
struct fr_thread_origin {
	uint64_t routine;
	uint32_t creator_tid;
	uint32_t create_stack;
	uint64_t stack_size; /* asked for, 0 = default */
};

/*
 * Gives the calling thread a block and a record. NULL: no memory or no slot, counted. Only when
 * fr_self is fr_thread_none. System calls only.
 */
struct fr_thread *fr_thread_birth(const struct fr_thread_origin *o);

/*
 * Drops what the parent left in a forked child. The calling thread's block stays where it is and
 * becomes that of its next birth: whoever took a pointer to it before goes on with a good one.
 */
void fr_thread_forget(void);

/* The calling thread is about to share our memory with a new process (vfork). T: under the guard.
 */
void fr_thread_lend(struct fr_thread *t);

/*
 * T: fr_self, with `lent` set. False: this is the process it was lent to, which is not recorded.
 * True: it is back, and as it was. System calls at most.
 */
bool fr_thread_take_back(struct fr_thread *t);

/*
 * For the one event of such a process that is recorded, as its parent's: its exec. The parent waits
 * meanwhile. T under the guard, or NULL; fr_leave_lent() gives it back as it was.
 */
struct fr_thread *fr_enter_lent(void);
void fr_leave_lent(struct fr_thread *t);

/*
 * Takes the block back if it was lent to a vfork child that is gone. False: this is such a child,
 * whose descriptors and the like are not those of the region's process.
 */
static FR_ALWAYS_INLINE bool fr_thread_reclaim(void)
{
	return likely(!fr_self->lent) || fr_thread_take_back(fr_self);
}

/* Records the end of the calling thread and closes its chunks. */
void fr_thread_end(void);

/* The record of a pthread_t, or NULL. Cold. */
struct fr_thread_rec *fr_thread_by_handle(uint64_t handle);

/* The I-th record of the table, NULL beyond the last. */
struct fr_thread_rec *fr_thread_at(uint32_t i);

/* Names: of the calling thread, read from the kernel. */
void fr_thread_rename(struct fr_thread_rec *rec, const char *name);

/* ---- the guard ------------------------------------------------------------------------------- */

/*
 * fr_enter: the calling thread's block, with the guard set; born if need be. NULL = this is a
 * signal handler that interrupted the recorder here (the event is dropped and counted), or the
 * thread cannot be recorded. fr_thread_none and _gone have `busy` set for ever, so that the one
 * test covers them. Every fr_enter that succeeds is followed by fr_leave, without a call to the
 * host in between.
 */
struct fr_thread *fr_enter_slow(uintptr_t frame);

/* Of a thread that is not busy. */
static FR_ALWAYS_INLINE void fr_guard(struct fr_thread *t)
{
	t->busy = (uintptr_t)__builtin_frame_address(0);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	FR_RUNS(FR_WHERE_HANDLER);
	fr_thread_check(t);
}

static FR_ALWAYS_INLINE struct fr_thread *fr_enter(void)
{
	struct fr_thread *t = fr_self;

	if (unlikely(t->busy))
		return fr_enter_slow((uintptr_t)__builtin_frame_address(0));
	fr_guard(t);
	return t;
}

static FR_ALWAYS_INLINE void fr_leave(struct fr_thread *t)
{
	fr_thread_check(t);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = 0;
}

/*
 * The calling thread's id. Under a system call filter (confine.h) libc is made to tell: it writes
 * the id that it knows into each mutex. Signal-safe.
 */
uint32_t fr_thread_tid(void);

/* ---- stacks ---------------------------------------------------------------------------------- */

/* Is the stack at S that of WAY? Under the guard. */
static FR_ALWAYS_INLINE bool fr_memo_knows(const struct fr_thread *t, const struct fr_memo_way *way,
					   struct fr_site s)
{
	return likely(t->memo_epoch == fr_stack_epoch) && likely(fr_memo_is(way, s));
}

/* The number of the stack at S. Under the guard. */
static FR_ALWAYS_INLINE uint32_t fr_stack_get(struct fr_thread *t, struct fr_site s)
{
	const struct fr_memo_way *first = fr_memo_first(&t->memo, s);

	if (likely(fr_memo_knows(t, first, s)))
		return first->stack;
	return fr_stack_miss(t, s.pc, s.sp, s.fp);
}

/* ---- held locks and current state ------------------------------------------------------------ */

void fr_held_overflow(struct fr_thread *t, uint64_t lock, enum fr_held_kind kind, uint64_t since,
		      uint32_t stack);

static FR_ALWAYS_INLINE void fr_held_push(struct fr_thread *t, uint64_t lock,
					  enum fr_held_kind kind, uint64_t since, uint32_t stack)
{
	struct fr_thread_rec *rec = t->rec;
	uint32_t n = rec->n_held;

	if (unlikely(n >= FR_HELD_MAX)) {
		fr_held_overflow(t, lock, kind, since, stack);
		return;
	}
	rec->held[n] = (struct fr_held){lock, since, stack, (uint16_t)kind, 0};
	__atomic_signal_fence(__ATOMIC_RELEASE);
	rec->n_held = (uint16_t)(n + 1);
}

void fr_held_remove(struct fr_thread *t, uint64_t lock);

/* When the newest hold of LOCK began, as far as known; 0 = unknown. */
uint64_t fr_held_since(const struct fr_thread *t, uint64_t lock);

static FR_ALWAYS_INLINE bool fr_held_is_last(const struct fr_thread *t, uint64_t lock)
{
	const struct fr_thread_rec *rec = t->rec;

	return rec->n_held && rec->held[rec->n_held - 1].addr == lock;
}

static FR_ALWAYS_INLINE void fr_held_pop(struct fr_thread *t, uint64_t lock)
{
	if (likely(fr_held_is_last(t, lock)))
		t->rec->n_held--;
	else
		fr_held_remove(t, lock);
}

/* Locks held without a time are stamped before a wait: from then on their age has a lower bound. */
static FR_ALWAYS_INLINE bool fr_held_unstamped(const struct fr_thread_rec *rec)
{
	return unlikely(rec->n_held) && !rec->held[rec->n_held - 1].since;
}

void fr_held_stamp(struct fr_thread_rec *rec, uint64_t since);

/*
 * A thread does something although its state says that it waits for a condition, and no handler
 * runs: it was cancelled there and cleans up, and libc has taken the mutex again for it. True once,
 * if LOCK is that mutex: before its next wait, which then shows it as held, or when it is given
 * back before any.
 */
bool fr_held_retook(struct fr_thread *t, uint64_t lock);

/* The call that this thread is in: visible to readers until fr_state_clear(). */
static FR_ALWAYS_INLINE void fr_state_show(struct fr_thread *t, uint32_t call, uint64_t since,
					   uint32_t stack, uint64_t object, uint64_t object2,
					   uint32_t owner)
{
	struct fr_thread_rec *rec = t->rec;
	uint32_t seq = rec->st_seq | 1;

	t->state_signals = t->host_signals;
	__atomic_store_n(&rec->st_seq, seq, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	rec->st_call = call;
	rec->st_since = since;
	rec->st_object = object;
	rec->st_object2 = object2;
	rec->st_owner = owner;
	rec->st_stack = stack;
	__atomic_store_n(&rec->st_seq, seq + 1, __ATOMIC_RELEASE);
}

static inline void fr_state_clear(struct fr_thread *t)
{
	struct fr_thread_rec *rec = t->rec;

	__atomic_store_n(&rec->st_seq, (rec->st_seq + 1) | 1, __ATOMIC_RELEASE);
	rec->st_call = 0;
	__atomic_store_n(&rec->st_seq, rec->st_seq + 1, __ATOMIC_RELEASE);
}

#endif
