/* SPDX-License-Identifier: MIT */
/*
 * threads.c - the threads of a recording, by serial: from the thread table, and those that only
 * their chunks still know.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"
#include "read/impl.h"

static void finish(struct rec_thread *th)
{
	struct fr_thread_rec *r = &th->r;

	memcpy(th->name, r->name, sizeof(r->name));
	if (r->n_held > FR_HELD_MAX)
		r->n_held = FR_HELD_MAX;
	if (r->st_seq & 1)
		r->st_call = 0; /* killed while the state was written: not known */
}

static int by_serial(const void *a, const void *b)
{
	const struct rec_thread *x = a, *y = b;

	if (x->r.serial != y->r.serial)
		return x->r.serial < y->r.serial ? -1 : 1;
	return y->in_table - x->in_table;
}

/* Sorts by serial and keeps the first of equal ones; returns how many were dropped. */
static size_t sort(struct recording *rec)
{
	size_t kept = 0, n = rec->n_threads;

	if (n)
		qsort(rec->threads, n, sizeof(*rec->threads), by_serial);
	for (size_t i = 0; i < n; i++)
		if (!kept || rec->threads[i].r.serial != rec->threads[kept - 1].r.serial)
			rec->threads[kept++] = rec->threads[i];
	rec->n_threads = kept;
	return n - kept;
}

void fr_threads_load(struct recording *rec, struct diag *d)
{
	const struct section_view *v = &rec->sec[FR_SEC_THREADS];
	size_t cap = 0, n_bad = 0;

	if (!v->data)
		LOSS(rec, d, "no table of threads in the recording: names and states are missing");
	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		struct rec_thread th = {.in_table = true};

		memcpy(&th.r, v->data + at, sizeof(th.r));
		if (th.r.x_life == FR_THREAD_FREE)
			continue;
		if (!th.r.serial || th.r.x_life > FR_THREAD_DEAD) {
			n_bad++;
			continue;
		}
		finish(&th);
		rec->threads =
			fr_mem_grow(rec->threads, &cap, rec->n_threads + 1, sizeof(*rec->threads));
		rec->threads[rec->n_threads++] = th;
	}
	n_bad += sort(rec);
	if (n_bad)
		LOSS(rec, d, "%zu records of the table of threads make no sense", n_bad);
}

/* CHUNKS are sorted by serial. */
void fr_threads_adopt(struct recording *rec, struct chunk_ref *chunks, size_t n)
{
	size_t known = rec->n_threads, cap = known, at = 0;

	for (size_t i = 0; i < n; i++) {
		while (at < known && rec->threads[at].r.serial < chunks[i].serial)
			at++;
		if ((at < known && rec->threads[at].r.serial == chunks[i].serial) ||
		    (i && chunks[i].serial == chunks[i - 1].serial))
			continue;
		rec->threads =
			fr_mem_grow(rec->threads, &cap, rec->n_threads + 1, sizeof(*rec->threads));
		rec->threads[rec->n_threads++] = (struct rec_thread){
			.r = {.serial = chunks[i].serial, .tid = chunks[i].tid}};
	}
	sort(rec);
	at = 0;
	for (size_t i = 0; i < n; i++) {
		while (rec->threads[at].r.serial < chunks[i].serial)
			at++;
		chunks[i].thread = (uint32_t)at;
	}
}

static bool is_older(const void *thread, const void *serial)
{
	return ((const struct rec_thread *)thread)->r.serial < *(const uint32_t *)serial;
}

long fr_recording_thread(const struct recording *rec, uint32_t serial)
{
	const struct rec_thread *th = rec->threads;
	size_t i = fr_search(th, rec->n_threads, sizeof(*th), is_older, &serial);

	return i < rec->n_threads && th[i].r.serial == serial ? (long)i : -1;
}

static uint64_t start_of(const struct recording *rec, const struct rec_thread *th)
{
	return th->r.start ? fr_recording_ns(rec, th->r.start) : th->first_ns;
}

static int by_tid(const void *a, const void *b)
{
	const struct tid_entry *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

void fr_threads_index(struct recording *rec)
{
	struct tid_entry *tids = fr_mem_alloc(rec->n_threads * sizeof(*tids));

	for (size_t i = 0; i < rec->n_threads; i++)
		tids[i] = (struct tid_entry){start_of(rec, &rec->threads[i]), (uint32_t)i,
					     rec->threads[i].r.tid};
	if (rec->n_threads)
		qsort(tids, rec->n_threads, sizeof(*tids), by_tid);
	rec->impl->tids = tids;
}

static bool had_started(const void *entry, const void *asked)
{
	const struct tid_entry *x = entry, *y = asked;

	return x->tid < y->tid || (x->tid == y->tid && x->start_ns <= y->start_ns);
}

/* Kernel tids are reused: the last thread that had started by NS, else the first one of that tid.
 */
long fr_recording_thread_by_tid(const struct recording *rec, uint32_t tid, uint64_t ns)
{
	const struct tid_entry *tids = rec->impl->tids;
	struct tid_entry asked = {.tid = tid, .start_ns = ns};
	size_t i = fr_search(tids, rec->n_threads, sizeof(*tids), had_started, &asked);

	if (!tid)
		return -1;
	if (i && tids[i - 1].tid == tid)
		return (long)tids[i - 1].thread;
	return i < rec->n_threads && tids[i].tid == tid ? (long)tids[i].thread : -1;
}
