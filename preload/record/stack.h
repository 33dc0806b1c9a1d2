/* SPDX-License-Identifier: MIT */
/*
 * stack.h - the call stack at a hook as a number.
 *
 * Replay: the unwind is a function of (pc, sp, fp) at the site and of the stack words it read. The
 * depot keeps for each stack where those words were (struct fr_walk). A thread's memo maps (pc,
 * sp) to up to eight known stacks; one of them is right if and only if all its words still have
 * the values they had. That costs about half a nanosecond a frame. Only a miss walks.
 *
 *   set = hash(pc, sp) of 64 ──> 8 ways { key = sp | pc << 48, stack id, words, fp - sp or "any" }
 *
 * The way that was right last stands first, and the hot half looks at no other.
 *
 * The memo is used only on the thread's own stack: on an alternate stack or a fiber the same
 * address may be another stack's, with less behind it. Must not: be used while t->busy is unset.
 */
#ifndef FR_STACK_H
#define FR_STACK_H

#include "core/arch.h"
#include "record/depot.h"
#include "record/epoch.h"
#include "record/modules.h"

#define FR_MEMO_SETS 64u
#define FR_MEMO_WAYS 8u

struct fr_memo_way {
	uint64_t key; /* 0 = empty */
	uint32_t stack;
	uint32_t fp : 24; /* (fp - sp) / 8 + 1; 0 = any */
	uint32_t quads : 8; /* fr_depot_replayed() / 4: here, because each load waits for another */
};

struct fr_memo {
	_Alignas(64) struct fr_memo_way set[FR_MEMO_SETS][FR_MEMO_WAYS];
	uint8_t victim[FR_MEMO_SETS]; /* counts what was replaced */
	uint32_t filled_in; /* the epoch that the ways belong to */
	uint32_t
		turn; /* fr_depot_turns() when it was empty last, see fr_blocks_quiescent_since() */
};

struct fr_thread;

/*
 * Process-wide set-up at birth. Returns how stacks are taken until fr_stack_upgrade(): as asked, or
 * one frame of each where that needs libunwind.
 */
enum fr_unwind_kind fr_stack_init(void);

/* Now dlopen may be called. WANT: what to use. Returns what it became; forgets shorter stacks. */
enum fr_unwind_kind fr_stack_upgrade(enum fr_unwind_kind want);

/* Empties T's memo: what it knows is another stack's. */
void fr_stack_forget(struct fr_thread *t);

/*
 * The cold half: walks, stores, remembers. Returns a stack id, 0 = none (counted). The site comes
 * as three words: by value it would be stored to memory in the hot half already.
 */
uint32_t fr_stack_miss(struct fr_thread *t, uintptr_t pc, uintptr_t sp, uintptr_t fp);

/* What is known of the pc in a signal's context. */
enum fr_context {
	FR_CONTEXT_AT, /* the instruction that faulted, or before which the signal came */
	FR_CONTEXT_BEHIND, /* it stands behind that instruction, like a return address */
	FR_CONTEXT_BAD_CALL, /* there is no code: who has called it is the place */
	FR_CONTEXT_PC_ONLY, /* nothing but the pc can be had */
};

/* The stack of a signal's context, by way of W. Uses neither the memo nor the calling thread. */
uint32_t fr_stack_of_context(struct fr_walk *w, const ucontext_t *uc, enum fr_context how);

static FR_ALWAYS_INLINE uint64_t fr_memo_key(struct fr_site s)
{
	return s.sp | s.pc << 48;
}

static FR_ALWAYS_INLINE uint32_t fr_memo_index(struct fr_site s)
{
	return (uint32_t)(((s.pc ^ (s.sp << 20)) * 0x9E3779B97F4A7C15ull) >> 58);
}

/* Are all words that the walk of stack R read as they were? N: fr_depot_replayed() */
static FR_ALWAYS_INLINE bool fr_stack_replay(const struct fr_stack_rec *r, uint32_t n,
					     struct fr_site s)
{
	const uint64_t *word = (const uint64_t *)s.sp;
	const struct fr_slots *slots = fr_depot_slots(r, n);
	const uint64_t *pc = r->pc + 1;
	const uint16_t *at = slots->at;
	const uint16_t *fp = at + n;
	uint64_t a = r->pc[0] ^ s.pc, b = 0;

	/* no branch but the loop's: the loads of all frames are under way at once */
	for (; at < fp; at += 4, pc += 4) {
		a |= (pc[0] ^ word[at[0]]) | (pc[1] ^ word[at[1]]);
		b |= (pc[2] ^ word[at[2]]) | (pc[3] ^ word[at[3]]);
	}
	for (uint32_t i = 0; i < slots->n_fp; i++)
		b |= word[fp[2 * i]] ^ (uint64_t)(word + fp[2 * i + 1]);
	return (a | b) == 0;
}

/* Is W the stack at S? */
static FR_ALWAYS_INLINE bool fr_memo_is(const struct fr_memo_way *w, struct fr_site s)
{
	if (unlikely(w->key != fr_memo_key(s)))
		return false;
	if (w->fp && unlikely(s.fp != s.sp + 8ull * (w->fp - 1)))
		return false;
	return fr_stack_replay(fr_depot_get(w->stack), 4 * w->quads, s);
}

/* The way that a stack at S would be found in. */
static FR_ALWAYS_INLINE const struct fr_memo_way *fr_memo_first(const struct fr_memo *m,
								struct fr_site s)
{
	return m->set[fr_memo_index(s)];
}

#endif
