/* SPDX-License-Identifier: MIT */
/*
 * blocks.c - blocks of threads: mapped, kept as spares, listed.
 *
 * All blocks that are mapped stand in a list, so that the depot (depot_turn.c) can ask who is
 * inside the recorder; a block is unmapped only by who has taken it out of there.
 *
 * Context: any, signal handlers too: system calls only.
 */
#include "record/blocks.h"

#include <stdatomic.h>
#include <string.h>

#include "core/gate.h"
#include "core/sys.h"
#include "record/thread.h"

/*
 * Blocks of ended threads, with their alternate stacks, for the next ones: a server that starts a
 * thread per request shall not pay for mappings and page faults each time.
 */
#define SPARES 64u
static _Atomic(struct fr_thread *) spares[SPARES];

/*
 * The alternate stack lies below its block in one mapping without a guard page: such mappings merge
 * in the kernel, so that 10 000 threads do not eat up the host's 65 530. Only our own handlers run
 * on it (onstack.h), and they need a fraction of it.
 */
#define BLOCK_SIZE (FR_ALTSTACK_SIZE + sizeof(struct fr_thread))

/* ---- the list, under fr_gate.blocks_lock ----------------------------------------------------- */

static struct fr_thread *listed;
static _Atomic bool incomplete; /* one could not be listed: nobody can tell any more */

static void list(struct fr_thread *t)
{
	uint64_t signals;

	if (!fr_lock_wait_masked(&fr_gate.blocks_lock, &signals)) {
		atomic_store(&incomplete, true);
		return;
	}
	t->next = listed;
	t->previous = NULL;
	if (listed)
		listed->previous = t;
	listed = t;
	fr_unlock_masked(&fr_gate.blocks_lock, signals);
}

/* False: it stays where it is, and must stay mapped. */
static bool unlist(struct fr_thread *t)
{
	uint64_t signals;

	if (atomic_load(&incomplete) || !fr_lock_wait_masked(&fr_gate.blocks_lock, &signals))
		return false;
	if (t->previous)
		t->previous->next = t->next;
	else
		listed = t->next;
	if (t->next)
		t->next->previous = t->previous;
	fr_unlock_masked(&fr_gate.blocks_lock, signals);
	return true;
}

/*
 * A thread writes `busy` before it looks which turn it is; no barrier lies between, so that a turn
 * that has just begun may have come unnoticed. Whoever asks leaves a distance of several turns,
 * each of hundreds of stacks that were walked and stored; a store reaches the other processors
 * within a fraction of one.
 */
bool fr_blocks_quiescent_since(uint32_t turn)
{
	uint64_t signals;
	bool quiescent = true;

	if (atomic_load(&incomplete) || !fr_try_lock_masked(&fr_gate.blocks_lock, &signals))
		return false;
	for (const struct fr_thread *t = listed; t && quiescent; t = t->next) {
		bool busy = __atomic_load_n(&t->busy, __ATOMIC_ACQUIRE) != 0;

		quiescent = t == fr_self || !busy ||
			    (int32_t)(__atomic_load_n(&t->memo.turn, __ATOMIC_RELAXED) - turn) >= 0;
	}
	fr_unlock_masked(&fr_gate.blocks_lock, signals);
	return quiescent;
}

/* ---- memory ---------------------------------------------------------------------------------- */

char *fr_block_altstack(struct fr_thread *t)
{
	return (char *)t - FR_ALTSTACK_SIZE;
}

void fr_block_give(struct fr_thread *t)
{
	for (uint32_t i = 0; i < SPARES; i++) {
		struct fr_thread *none = NULL;

		if (!atomic_load_explicit(&spares[i], memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&spares[i], &none, t))
			return;
	}
	if (unlist(t))
		fr_sys_munmap(fr_block_altstack(t), BLOCK_SIZE);
}

static struct fr_thread *take_spare(void)
{
	struct fr_thread *t = NULL;

	for (uint32_t i = 0; i < SPARES && !t; i++) {
		if (atomic_load_explicit(&spares[i], memory_order_relaxed))
			t = atomic_exchange(&spares[i], NULL);
	}
	if (!t)
		return NULL;
	memset(t->w, 0, sizeof(t->w));
	t->user = (struct fr_user){0};
	memset(t->folds, 0, sizeof(t->folds));
	t->fold_due = 0;
	t->handler = 0;
	t->in_real = t->in_periodic = t->lent = false;
	t->altstack = NULL;
	t->retook = 0;
	t->walks = t->end_rounds = t->our_signals = t->host_signals = 0;
	return t;
}

struct fr_thread *fr_block_take(void)
{
	struct fr_thread *t = take_spare();
	char *p;

	if (t)
		return t;
	p = fr_sys_mmap(BLOCK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!p)
		return NULL;
	fr_sys_madvise(p, BLOCK_SIZE, MADV_DONTDUMP);
	t = (struct fr_thread *)(p + FR_ALTSTACK_SIZE);
	list(t);
	return t;
}

/* As new, at the same place. A system call filter may refuse the first. */
static void empty(struct fr_thread *t)
{
	if (fr_sys_madvise(t, sizeof(*t), MADV_DONTNEED) != 0)
		memset(t, 0, sizeof(*t));
}

void fr_blocks_forget(struct fr_thread *own)
{
	for (uint32_t i = 0; i < SPARES; i++) {
		struct fr_thread *spare = atomic_exchange(&spares[i], NULL);

		if (spare)
			fr_sys_munmap(fr_block_altstack(spare), BLOCK_SIZE);
	}
	/* blocks of threads that are not here stay mapped: nobody knows them */
	listed = NULL;
	atomic_store(&incomplete, false);
	if (!own)
		return;
	empty(own);
	list(own);
	fr_block_give(own);
}
