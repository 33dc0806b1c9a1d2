/* SPDX-License-Identifier: MIT */
/*
 * walk.c - the promises of the reader, checked on any recording.
 */
#include "tests/lib/walk.h"

#include <string.h>

#include "base/sbuf.h"
#include "base/sockaddr.h"
#include "read/events.h"

/* Reads each byte, so that a sanitizer sees it; the sum is kept from being optimized away. */
static volatile uint64_t sink;

static void touch(const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		sink += b[i];
}

static const char *walk_tables(const struct recording *rec)
{
	for (size_t i = 0; i < rec->n_threads; i++) {
		const struct rec_thread *th = &rec->threads[i];

		if (i && th->r.serial <= rec->threads[i - 1].r.serial)
			return "threads are not ascending";
		if (!memchr(th->name, 0, sizeof(th->name)) || th->r.n_held > FR_HELD_MAX)
			return "a thread's record is not bounded";
		if (fr_recording_thread(rec, th->r.serial) != (long)i)
			return "a thread is not found by its serial";
		touch(fr_recording_call(rec, th->r.st_call), 1);
		sink += (uint64_t)fr_recording_thread_by_tid(rec, th->r.tid, rec->end_ns);
		sink += fr_recording_ns(rec, th->r.st_since);
	}
	for (size_t i = 0; i < rec->n_modules; i++) {
		const struct rec_module *m = &rec->modules[i];

		if (m->r.base >= m->r.end || m->r.build_id_len > sizeof(m->r.build_id))
			return "a module's record is not bounded";
		if (!fr_recording_module(rec, m->r.base, 0))
			return "a module is not found by its address";
		touch(m->path, strlen(m->path) + 1);
	}
	for (size_t i = 0; i < 32; i++)
		touch(rec->sec[i].data, rec->sec[i].size);
	touch(rec->hdr.comm, strlen(rec->hdr.comm));
	touch(rec->hdr.exe, strlen(rec->hdr.exe));
	touch(rec->trigger.reason, strlen(rec->trigger.reason));
	return rec->n_drops <= 64 && rec->crash.n_regs <= 32 ? NULL : "a count is not bounded";
}

static const char *walk_event(const struct recording *rec, const struct event *e)
{
	const struct fr_event_rec *row = fr_event_schema(rec, e->kind);
	const uint64_t *pcs;
	struct sbuf b = {0};
	uint16_t flags;
	size_t n;

	if (!row || e->n_args != row->n_args || e->n_args > FR_ARGS_MAX)
		return "an event does not fit its schema";
	if (e->thread >= rec->n_threads || e->tier >= FR_TIERS)
		return "an event's thread is not there";
	n = fr_recording_stack(rec, e->stack, &pcs, &flags);
	touch(pcs, n * sizeof(*pcs));
	for (size_t i = 0; i < n && i < 4; i++)
		sink += fr_recording_module(rec, pcs[i] - 1, e->t_ns) != NULL;
	for (unsigned int i = 0; i < e->n_args; i++) {
		if (row->type[i] != FR_ARG_STR && row->type[i] != FR_ARG_SOCK &&
		    row->type[i] != FR_ARG_PAIR)
			continue;
		if (e->arg[i] > FR_EVENT_MAX || (e->arg[i] && !e->blob))
			return "an event's bytes are not bounded";
		fr_sbuf_text(&b, e->blob, e->arg[i]);
		fr_sbuf_json(&b, e->blob, e->arg[i]);
		if (row->type[i] == FR_ARG_SOCK)
			fr_sockaddr_text(&b, e->blob, e->arg[i]);
	}
	sink += b.n;
	fr_sbuf_free(&b);
	return NULL;
}

static const char *walk_events(const struct recording *rec)
{
	struct stream *s = fr_stream_open(rec), *batches = fr_stream_open(rec);
	const char *broken = NULL;
	uint64_t n = 0, last = 0;
	struct event e, same[5];

	while (!broken && fr_stream_next(s, &e)) {
		broken = walk_event(rec, &e);
		if (n % 5 == 0 && !fr_stream_fill(batches, same, 5))
			broken = "the stream in batches ends early";
		else if (same[n % 5].t_ns != e.t_ns || same[n % 5].thread != e.thread ||
			 same[n % 5].kind != e.kind || same[n % 5].stack != e.stack)
			broken = "the stream in batches is another one";
		if (e.id != ++n)
			broken = "ids are not places in the stream";
		if (e.t_ns < last)
			broken = "time runs backwards";
		if (e.t_ns > rec->end_ns || e.t_ns < rec->start_ns)
			broken = "an event is outside of the window";
		last = e.t_ns;
	}
	if (!broken && fr_stream_fill(batches, same, 5))
		broken = "the stream in batches ends late";
	fr_stream_close(s);
	fr_stream_close(batches);
	if (!broken && n != rec->n_events)
		broken = "the number of events is wrong";
	return broken;
}

const char *walk_recording(const struct recording *rec)
{
	const char *broken = walk_tables(rec);

	return broken ? broken : walk_events(rec);
}
