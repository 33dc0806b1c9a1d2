/* SPDX-License-Identifier: MIT */
/*
 * fork_lock.c - rule fork-lock: a child was born with a lock that another thread of its parent had.
 *
 * fork() copies the memory and one thread. A mutex that one of the others held stays locked in the
 * child for ever. Proof: the owner is no thread of this process, and the lock lies in a variable of
 * a module, memory that no other process can share. Elsewhere it may be shared: not this rule's.
 */
#include "analyses/analysis.h"
#include "analyses/holders.h"

static void tell(struct analysis *a, uint32_t lock, uint32_t tid)
{
	struct finding *f = fr_finding_new(a);
	struct names *n = a->names;
	const struct span *first = NULL;

	for (uint32_t i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);

		if (!s || s->object != lock)
			continue;
		if (!first || s->start_ns < first->start_ns)
			first = s;
		fr_finding_thread(f, i);
		f->impact_ns += fr_span_ns(s);
		a->in_cycle[i] = true;
	}
	f->score = 100;
	f->rank = f->impact_ns;
	f->show_stacks = true;
	f->title = fr_name_fmt(n,
			       "%s waits for %s %s, which was taken before the fork that made this "
			       "process: nobody here can give it back",
			       fr_name_thread_tid(n, first->thread), fr_name_lock_kind(a->m, lock),
			       fr_name_lock(n, lock));
	f->site = fr_name_site(n, first->stack);
	fr_finding_line(f,
			fr_name_fmt(n,
				    "it is held by tid %u, a thread of the parent (pid %u) at "
				    "the fork",
				    tid, a->m->rec->hdr.ppid),
			NULL);
	f->why = "fork copies locked locks, but not the threads that would unlock them";
	f->next = "after fork call exec or only async-signal-safe functions; or take the lock in "
		  "pthread_atfork";
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, first->thread)),
			 first->stack);
	a->explained[lock] = UINT64_MAX;
}

enum rule_result fr_rule_fork_lock(struct analysis *a)
{
	bool found = false;

	for (uint32_t i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);
		uint32_t tid;

		if (!s || a->in_cycle[i] || !fr_wait_is_old(a, s) ||
		    a->m->locks[s->object].owner != MODEL_NONE ||
		    !fr_holder_is_private(a->m, s->object))
			continue;
		tid = fr_holder_foreign(a->m, s->object);
		if (!tid)
			continue;
		tell(a, s->object, tid);
		found = true;
	}
	return found ? RULE_FOUND : RULE_OK;
}
