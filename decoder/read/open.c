/* SPDX-License-Identifier: MIT */
/*
 * open.c - the order in which a recording is opened, and its end.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "read/impl.h"
#include "read/regions.h"

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The moment the recording was taken: a wait that has not ended lasts until then. */
static void set_end(struct recording *rec)
{
	uint64_t t = 0;

	if (rec->trigger.ticks && rec->trigger.ticks < rec->impl->clock.limit)
		t = fr_recording_ns(rec, rec->trigger.ticks);
	else if (rec->source == RECORDING_LIVE)
		t = rec->impl->taken_ns;
	else if (rec->crash.signo && rec->crash.ticks < rec->impl->clock.limit)
		t = fr_recording_ns(rec, rec->crash.ticks);
	if (t > rec->end_ns)
		rec->end_ns = t;
	/* A thread that began to wait after the last event: the recording reaches to there. */
	for (size_t i = 0; i < rec->n_threads; i++) {
		const struct fr_thread_rec *r = &rec->threads[i].r;

		if (!r->st_call || r->st_since >= rec->impl->clock.limit)
			continue;
		t = fr_recording_ns(rec, r->st_since);
		if (t > rec->end_ns)
			rec->end_ns = t;
	}
}

static void set_trigger(struct recording *rec)
{
	if (rec->source != RECORDING_LIVE)
		return;
	rec->trigger.kind = FR_TRIGGER_LIVE;
	rec->trigger.real_ns = now(CLOCK_REALTIME);
}

static void load(struct recording *rec, const struct source *src, struct diag *d)
{
	fr_sections_load(rec, src, d);
	fr_clock_load(rec, d);
	fr_schema_load(rec, d);
	fr_depot_load(rec);
	fr_threads_load(rec, d);
	fr_lanes_load(rec, d);
	fr_threads_index(rec);
	fr_tasks_load(rec, src);
	fr_modules_load(rec, d);
	fr_calls_load(rec, d);
	set_trigger(rec);
	set_end(rec);
}

struct recording *fr_recording_open(const char *spec, struct diag *d)
{
	struct recording *rec;
	struct source src;
	char *path = fr_source_open(&src, spec, d);

	if (!path)
		return NULL;
	rec = fr_mem_alloc(sizeof(*rec));
	rec->impl = fr_mem_alloc(sizeof(*rec->impl));
	rec->path = path;
	if (!fr_header_load(rec, &src, d)) {
		close(src.fd);
		fr_recording_close(rec);
		return NULL;
	}
	rec->impl->taken_ns = now(CLOCK_MONOTONIC);
	rec->source = src.kind == RECORDING_LIVE ? src.kind : fr_region_source(path, &rec->hdr);
	load(rec, &src, d);
	if (rec->source == RECORDING_LEFT)
		rec->end = fr_regions_ending(&rec->hdr, rec->crash.signo);
	close(src.fd);
	return rec;
}

void fr_recording_close(struct recording *rec)
{
	if (!rec)
		return;
	for (size_t i = 0; i < SECTION_IDS; i++)
		free(rec->impl->sections[i]);
	fr_depot_free(rec);
	fr_arena_free(&rec->impl->arena);
	free(rec->impl->chunks);
	free(rec->impl->lanes);
	free(rec->impl->tids);
	free(rec->impl->module_reach);
	free(rec->impl->calls);
	free(rec->impl);
	free(rec->threads);
	free(rec->modules);
	free(rec->path);
	free(rec);
}
