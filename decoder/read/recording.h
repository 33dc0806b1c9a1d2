/* SPDX-License-Identifier: MIT */
/*
 * recording.h - one interface for a recording, whichever of its three forms it has.
 *
 * A snapshot file, a region left by a dead process and a live process are opened the same way.
 * The content is untrusted: everything handed out here has been bounds-checked, strings are
 * terminated, and what was wrong stands in the diag list. All memory belongs to the recording
 * and lives until fr_recording_close().
 */
#ifndef FR_READ_RECORDING_H
#define FR_READ_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "preload/wire/wire.h"

/* Does this decoder know the format? */
static inline bool fr_version_readable(uint32_t version)
{
	return version >= FR_VERSION_OLDEST && version <= FR_VERSION;
}

enum recording_source {
	RECORDING_FILE, /* a snapshot */
	RECORDING_LEFT, /* the region of a process that is gone */
	RECORDING_LIVE, /* the region of a process that runs: copied at opening */
};

/* How the process of a left region ended, as far as the region proves it. */
enum recording_end {
	RECORDING_NOT_ENDED, /* a snapshot, or it lives */
	RECORDING_ENDED_EXIT,
	RECORDING_ENDED_CRASH,
	RECORDING_ENDED_UNSEEN, /* killed, or by a fault of a blocked signal: these look the same */
};

/* A span of a section's bytes inside the recording's own copy or mapping. */
struct section_view {
	const uint8_t *data; /* NULL = section missing */
	uint64_t size; /* valid bytes */
	uint32_t record_size;
};

/* What is left of the events of one tier: of one thread, or of all. CLOCK_MONOTONIC. */
struct rec_window {
	uint64_t kept; /* events */
	uint64_t overwritten; /* events recorded but no longer there */
	uint64_t first_ns; /* of those kept; 0 = none */
	uint64_t last_ns;
	uint64_t since_ns; /* from here on nothing is missing; 0 = nothing is missing at all */
};

/* One thread that appears in the recording: from the thread table or only from its chunks. */
struct rec_thread {
	struct fr_thread_rec r; /* zeroed but for serial and tid when only chunks knew it */
	char name[20]; /* terminated; "" = unknown */
	bool in_table;
	bool ran; /* between the looks at its state here and at `task` */
	struct fr_task_rec task; /* what the kernel knew of it; known 0 = nothing */
	uint64_t first_ns; /* CLOCK_MONOTONIC of its first kept event, 0 = none */
	uint64_t last_ns;
	uint64_t kept; /* events kept */
	uint64_t overwritten; /* events recorded but no longer there */
	struct rec_window tier[FR_TIERS];
};

struct rec_module {
	struct fr_module_rec r;
	const char *path; /* terminated */
	uint64_t loaded_ns; /* CLOCK_MONOTONIC; 0 = at start */
	uint64_t unloaded_ns; /* 0 = still there */
};

struct recording {
	char *path;
	enum recording_source source;
	enum recording_end end;
	struct fr_header hdr; /* a validated copy; strings terminated */
	struct section_view sec[32]; /* by enum fr_section_id */
	struct rec_thread *threads; /* by serial, ascending */
	size_t n_threads;
	struct rec_module *modules; /* by base, ascending; unloaded ones too */
	size_t n_modules;
	struct fr_trigger trigger; /* kind NONE = not a snapshot; LIVE for a live process */
	struct fr_crash crash; /* signo 0 = none */
	uint64_t drops[64]; /* by enum fr_drop */
	size_t n_drops;
	uint64_t start_ns; /* CLOCK_MONOTONIC of the first kept event of any thread */
	uint64_t end_ns; /* of the trigger or last event, whichever is later */
	struct rec_window tier[FR_TIERS]; /* of all threads, ended ones too */
	uint64_t common_start_ns; /* from here on no thread that lives has lost events */
	uint64_t n_events; /* kept */
	uint64_t event_bytes; /* that these take, without the heads of their chunks */
	uint64_t n_torn; /* chunks that changed while read, or events that made no sense */
	bool losses; /* something could not be read: exit code 3 */
	struct recording_impl *impl;
};

/*
 * SPEC is a file, a left region, or a decimal PID. On failure returns NULL with the reason, the
 * place and what to do in D.
 */
struct recording *fr_recording_open(const char *spec, struct diag *d);
void fr_recording_close(struct recording *rec);

/* Ticks of the recording to CLOCK_MONOTONIC nanoseconds, to a duration, to CLOCK_REALTIME. */
uint64_t fr_recording_ns(const struct recording *rec, uint64_t ticks);
uint64_t fr_recording_dur_ns(const struct recording *rec, uint64_t ticks);
uint64_t fr_recording_real_ns(const struct recording *rec, uint64_t mono_ns);

/* PCs of stack ID, leaf first; returns how many (0 = none or damaged). FLAGS may be NULL. */
size_t fr_recording_stack(const struct recording *rec, uint32_t id, const uint64_t **pcs,
			  uint16_t *flags);

/* Of the machine that recorded, perhaps not this one. */
static inline uint32_t fr_recording_page_size(const struct recording *rec)
{
	uint32_t n = rec->hdr.page_size;

	return n && !(n & (n - 1)) && n <= 1u << 20 ? n : 4096;
}

/* The module that covered PC at time NS (0 = at the end), or NULL. */
const struct rec_module *fr_recording_module(const struct recording *rec, uint64_t pc, uint64_t ns);

/* Index into rec->threads for a serial, or for a kernel tid alive at NS; -1 = unknown. */
long fr_recording_thread(const struct recording *rec, uint32_t serial);
long fr_recording_thread_by_tid(const struct recording *rec, uint32_t tid, uint64_t ns);

/* How far back nothing is missing in W: to the beginning of the recording at most. */
uint64_t fr_tier_window_ns(const struct recording *rec, const struct rec_window *w);

/* "threads", "depot", ...; "unknown" for an id this decoder does not know. */
const char *fr_section_name(uint32_t id);

/* The control section, NULL = missing. */
const struct fr_control *fr_recording_control(const struct recording *rec);

/* Name of a hook id from the recording's coverage section; "?" if unknown. */
const char *fr_recording_call(const struct recording *rec, uint32_t hook_id);
/* How a thread waits in that function; NONE = it does not, or nobody knows. */
enum fr_wait_kind fr_recording_call_wait(const struct recording *rec, uint32_t hook_id);
/* Flags of R, whose recorder may have been too old to tell them. */
uint32_t fr_hook_flags(const struct fr_hook_rec *r);

#endif
