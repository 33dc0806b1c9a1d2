/* SPDX-License-Identifier: MIT */
/*
 * holders.c - who has a lock now: one thread, several readers, or somebody outside this process.
 */
#include "analyses/holders.h"

#include "preload/wire/events.h"

/* How many threads have rwlock LOCK as readers, by their own lists; *FIRST is one of them. */
static uint32_t readers_of(const struct model *m, uint32_t lock, uint32_t *first)
{
	uint32_t n = 0;

	*first = MODEL_NONE;
	for (uint32_t i = 0; i < m->n_threads; i++) {
		const struct held *h = fr_model_held(m, i, lock);

		if (!h || h->kind != FR_HELD_RDLOCK || m->threads[i].end_ns)
			continue;
		if (!n++)
			*first = i;
	}
	return n;
}

/* One that the recorder had no room for may be any. */
static bool is_known_tid(const struct model *m, uint32_t tid)
{
	if (m->rec->drops[FR_DROP_NO_THREAD])
		return true;
	for (size_t i = 0; i < m->n_threads; i++)
		if (m->threads[i].tid == tid)
			return true;
	return false;
}

uint32_t fr_holder_foreign(const struct model *m, uint32_t lock)
{
	for (uint32_t i = 0; i < m->n_threads; i++) {
		const struct thread *t = &m->threads[i];
		const struct span *s = fr_open_span(m, t);

		if (!s || t->end_ns || !fr_span_is_lock(s) || s->object != lock)
			continue;
		if (t->rec->r.st_owner && !is_known_tid(m, t->rec->r.st_owner))
			return t->rec->r.st_owner;
	}
	return 0;
}

bool fr_holder_is_private(const struct model *m, uint32_t lock)
{
	return fr_recording_module(m->rec, m->locks[lock].addr, 0);
}

const char *fr_holder_text(struct names *n, const struct model *m, uint32_t lock)
{
	uint32_t first, tid, readers = readers_of(m, lock, &first);

	if (readers > 1)
		return fr_name_fmt(n, "%u readers, %s among them", readers,
				   fr_name_thread(n, first));
	if (m->locks[lock].owner != MODEL_NONE)
		return fr_name_fmt(n, "%s%s", fr_name_thread(n, m->locks[lock].owner),
				   readers ? " as a reader" : "");
	tid = fr_holder_foreign(m, lock);
	if (!tid)
		return NULL;
	return fr_name_fmt(
		n,
		fr_holder_is_private(m, lock)
			? "tid %u, no thread of this process: taken before the fork that "
			  "made it"
			: "tid %u, no thread of this process: taken before the fork that "
			  "made it, or by another process",
		tid);
}
