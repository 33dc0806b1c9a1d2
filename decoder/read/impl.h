/* SPDX-License-Identifier: MIT */
/*
 * impl.h - what the files of read/ share with each other and with nobody else.
 *
 * Opening goes: source (bytes) > sections (copies) > clock, schema, threads, chunks (validated,
 * indexed as lanes) > modules, calls, window. After that a recording is immutable, and the stream
 * walks the lanes without a single check: what the scan has let through is well-formed.
 */
#ifndef FR_READ_IMPL_H
#define FR_READ_IMPL_H

#include "base/arena.h"
#include "base/map.h"
#include "read/events.h"
#include "read/recording.h"

#define SECTION_IDS 32u
/* Readable zero bytes behind each section's copy: no event's fixed part is longer. */
#define SECTION_PAD 128u
#define EVENT_KINDS 128u

/* ---- source: where the bytes are ------------------------------------------------------------- */

struct source {
	int fd;
	uint64_t base; /* added to every offset: the mapping's address in /proc/PID/mem */
	uint64_t size;
	uint64_t stored; /* bytes that it takes on disk: less than size where it has holes */
	enum recording_source kind;
};

/* Bytes read: fewer than N only at the end of the source or after an error. */
size_t fr_source_read(const struct source *src, uint64_t off, void *buf, size_t n);
/* Finds what SPEC names; returns its path (owned by the caller) or NULL with the reason in D. */
char *fr_source_open(struct source *src, const char *spec, struct diag *d);

/* ---- clock: ticks to nanoseconds ------------------------------------------------------------- */

/* From tick T0 on: ns = ns0 + ((t - t0) * mul >> CLOCK_FRACTION). */
struct clock_segment {
	uint64_t t0;
	uint64_t ns0;
	uint64_t mul;
};
#define CLOCK_FRACTION 32

struct clock {
	struct clock_segment segments[FR_CLOCK_PAIRS];
	size_t n; /* at least 1 */
	uint64_t mean; /* nanoseconds per tick over the whole recording, scaled like mul */
	struct clock_real {
		uint64_t mono_ns;
		uint64_t offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, modulo 2^64 */
	} real[FR_CLOCK_PAIRS];
	size_t n_real; /* at least 1 */
	uint64_t limit; /* no event can be later than this tick */
};

void fr_clock_load(struct recording *rec, struct diag *d);

static inline uint64_t fr_clock_scale(uint64_t ticks, uint64_t mul)
{
	unsigned __int128 ns = (unsigned __int128)ticks * mul >> CLOCK_FRACTION;

	return __builtin_expect((uint64_t)(ns >> 64) != 0, 0) ? UINT64_MAX : (uint64_t)ns;
}

/* Never 0: that means "no time" elsewhere. */
static inline uint64_t fr_clock_ns(const struct clock_segment *s, uint64_t ticks)
{
	uint64_t ns;

	if (__builtin_expect(ticks < s->t0, 0)) { /* before the first pair only */
		ns = fr_clock_scale(s->t0 - ticks, s->mul);
		return ns < s->ns0 ? s->ns0 - ns : 1;
	}
	ns = s->ns0 + fr_clock_scale(ticks - s->t0, s->mul);
	return __builtin_expect(ns < s->ns0, 0) ? UINT64_MAX : ns + !ns;
}

/* ---- schema: what an event's bytes mean ------------------------------------------------------ */

/* Arguments that nearly all events of a busy recording have, each with a decoder of its own. */
enum args_shape {
	ARGS_ANY = 0,
	ARGS_OBJ = 1, /* lock, unlock */
	ARGS_PTR = 2, /* free */
	ARGS_PTR_VARINT = 3, /* malloc */
	ARGS_MOVED = 4, /* not at the places that the order of the bytes says */
};

/* By an event's whole first byte: short and long form have a row each. */
struct event_row {
	uint8_t known;
	uint8_t kind;
	uint8_t n_args; /* for readers: one past the last that this recording has */
	uint8_t n_there; /* in this form */
	uint8_t n_varints; /* of these, those with bytes of their own: at least a varint */
	uint8_t via; /* place of FR_WIRE_VIA, which both forms have; else 0, see lane_take_moved()
		      */
	uint8_t has_bytes;
	uint8_t shape; /* enum args_shape */
	uint8_t op[FR_ARGS_MAX]; /* enum fr_wire, in the order of the bytes */
};

#define ARG_NOWHERE 255u

struct schema {
	bool moved; /* some row is ARGS_MOVED */
	bool stack_pairs; /* a new entry of the stack dictionary moves the old one (version 2) */
	struct event_row rows[2 * EVENT_KINDS];
	struct fr_event_rec recs[EVENT_KINDS]; /* as readers see them; id 0 = unknown */
	uint8_t places[EVENT_KINDS][FR_ARGS_MAX]; /* of the arguments in the order of the bytes */
};

void fr_schema_load(struct recording *rec, struct diag *d);

/* ---- chunks and lanes ------------------------------------------------------------------------ */

/* One chunk whose bytes [data, data + len) have been found to be LEN bytes of whole events. */
struct chunk_ref {
	const uint8_t *data;
	const uint8_t *scanned; /* the scan's place */
	uint64_t seq;
	uint64_t base;
	uint64_t first_event;
	uint64_t first; /* ticks of the first and the last event */
	uint64_t last;
	uint32_t serial;
	uint32_t tid;
	uint32_t len;
	uint32_t n_events;
	uint32_t thread; /* index into rec->threads */
	uint8_t tier;
	bool cut; /* by the scan */
};

/* All chunks of one thread in one tier, oldest first: one sorted run of the merge. */
struct lane {
	const struct chunk_ref *chunks;
	size_t n;
};

/*
 * Validates the bytes of each chunk, counts its events and finds its times; cuts len where the
 * bytes stop making sense or a time is beyond LIMIT. Returns how many chunks were cut.
 */
size_t fr_chunks_scan(const struct schema *schema, uint64_t limit, struct chunk_ref *refs,
		      size_t n);

void fr_lanes_load(struct recording *rec, struct diag *d);
#ifdef FR_DEBUG
void fr_lanes_check(const struct recording *rec);
#else
#define fr_lanes_check(rec) ((void)0)
#endif

/* Threads by kernel tid and start: tids are reused. */
struct tid_entry {
	uint64_t start_ns;
	uint32_t thread;
	uint32_t tid;
};

/* ---- stacks ---------------------------------------------------------------------------------- */

/* What the ids that a recorder wrote are here, see depot.c. */
struct depot_places {
	bool needed; /* false: each id is its place */
	struct map of_id; /* 0 = gone */
	struct map of_pcs; /* by their hash: the first place that has them */
};

/* Puts places into tables. After the sections, before who reads these. */
void fr_depot_load(struct recording *rec);
void fr_depot_free(struct recording *rec);

/* The place of a stack id; only where they differ. */
uint32_t fr_depot_place(const struct recording *rec, uint32_t id);

/* The same in N events. */
void fr_depot_settle(const struct recording *rec, struct event *e, size_t n);

/* ---- the recording --------------------------------------------------------------------------- */

struct known_call {
	const char *name; /* NULL = unknown */
	enum fr_wait_kind wait;
};

struct recording_impl {
	struct arena arena;
	uint64_t taken_ns; /* CLOCK_MONOTONIC here and now, when the copying began */
	uint8_t *sections[SECTION_IDS]; /* the copies behind rec->sec */
	struct clock clock;
	struct schema schema;
	struct depot_places places;
	struct chunk_ref *chunks; /* by thread, tier, seq */
	size_t n_chunks;
	struct lane *lanes;
	size_t n_lanes;
	struct tid_entry *tids; /* n_threads of them */
	uint64_t *module_reach; /* highest end of rec->modules[0..i] */
	struct known_call *calls; /* by hook id */
	size_t n_calls;
};

bool fr_header_load(struct recording *rec, const struct source *src, struct diag *d);
void fr_sections_load(struct recording *rec, const struct source *src, struct diag *d);
void fr_threads_load(struct recording *rec, struct diag *d);
/* Gives every chunk its thread, adding threads that only chunks know. */
void fr_threads_adopt(struct recording *rec, struct chunk_ref *chunks, size_t n);
void fr_threads_index(struct recording *rec);
void fr_tasks_load(struct recording *rec, const struct source *src);
void fr_modules_load(struct recording *rec, struct diag *d);
void fr_calls_load(struct recording *rec, struct diag *d);
/* Copies the chunks of a region that is being written; returns how many were torn. */
uint64_t fr_live_chunks_copy(const struct source *src, uint64_t off, uint32_t record_size,
			     uint8_t *copy, uint64_t size);
void fr_live_threads_copy(const struct source *src, uint64_t off, uint32_t record_size,
			  uint8_t *copy, uint64_t size);

/* A loss: told in D, and remembered for the exit code. */
#define LOSS(rec, d, ...)                                                                          \
	do {                                                                                       \
		(rec)->losses = true;                                                              \
		diag_add(d, DIAG_LOSS, __VA_ARGS__);                                               \
	} while (0)

#endif
