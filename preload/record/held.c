/* SPDX-License-Identifier: MIT */
/*
 * held.c - the locks that a thread holds: what the hot half in thread.h leaves.
 *
 * Context: hooks. Must not: touch errno.
 */
#include <string.h>

#include "core/real.h"
#include "record/thread.h"

FR_COLD void fr_held_overflow(struct fr_thread *t, uint64_t lock, enum fr_held_kind kind,
			      uint64_t since, uint32_t stack)
{
	if (t->lent && fr_thread_take_back(t) && t->rec->n_held < FR_HELD_MAX)
		fr_held_push(t, lock, kind, since, stack);
	else
		t->rec->held_more++;
}

static bool is_cond_wait(uint32_t call)
{
	return call == FR_HOOK_pthread_cond_wait || call == FR_HOOK_pthread_cond_timedwait ||
	       call == FR_HOOK_pthread_cond_clockwait || call == FR_HOOK_cnd_wait ||
	       call == FR_HOOK_cnd_timedwait;
}

bool fr_held_retook(struct fr_thread *t, uint64_t lock)
{
	const struct fr_thread_rec *rec = t->rec;

	if (!is_cond_wait(rec->st_call) || rec->st_object2 != lock ||
	    t->state_signals != t->host_signals || t->retook == rec->st_since)
		return false;
	t->retook = rec->st_since;
	return true;
}

void fr_held_remove(struct fr_thread *t, uint64_t lock)
{
	struct fr_thread_rec *rec;
	uint32_t n;

	if (!fr_thread_reclaim())
		return;
	rec = t->rec;
	n = rec->n_held;
	for (uint32_t i = n; i-- > 0;) {
		if (rec->held[i].addr != lock)
			continue;
		memmove(&rec->held[i], &rec->held[i + 1], (n - 1 - i) * sizeof(rec->held[0]));
		rec->n_held = (uint16_t)(n - 1);
		return;
	}
	if (!fr_held_retook(t, lock) && rec->held_more)
		rec->held_more--;
}

uint64_t fr_held_since(const struct fr_thread *t, uint64_t lock)
{
	const struct fr_thread_rec *rec;

	if (!fr_thread_reclaim())
		return 0;
	rec = t->rec;
	for (uint32_t i = rec->n_held; i-- > 0;) {
		if (rec->held[i].addr == lock)
			return rec->held[i].since;
	}
	return 0;
}

FR_COLD void fr_held_stamp(struct fr_thread_rec *rec, uint64_t since)
{
	for (uint32_t i = rec->n_held; i-- > 0 && !rec->held[i].since;) {
		rec->held[i].since = since;
		rec->held[i].flags |= FR_HELD_SINCE_SEEN;
	}
}
