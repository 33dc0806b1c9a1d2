/* SPDX-License-Identifier: MIT */
/*
 * words.c - numbers of the format to words, one table per enumeration.
 */
#include "exporters/words.h"

#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/words.h"
#include "preload/wire/events.h"

static const char *const sources[] = {
	[RECORDING_FILE] = "snapshot", [RECORDING_LEFT] = "left", [RECORDING_LIVE] = "live"};
static const char *const states[] = {
	[FR_STATE_STARTING] = "starting", [FR_STATE_ALIVE] = "alive",
	[FR_STATE_EXITED] = "exited",     [FR_STATE_CRASHED] = "crashed",
	[FR_STATE_FROZEN] = "snapshot",   [FR_STATE_UNWANTED] = "exited",
};
static const char *const clocks[] = {[FR_CLOCK_MONOTONIC] = "monotonic", [FR_CLOCK_TSC] = "tsc"};
static const char *const regions[] = {[FR_REGION_FILE] = "file", [FR_REGION_MEMFD] = "memfd"};
static const char *const unwinds[] = {
	[FR_UNWIND_LIBUNWIND] = "libunwind",
	[FR_UNWIND_FP] = "frame pointers",
	[FR_UNWIND_CALLER] = "caller only",
	[FR_UNWIND_CFI] = "call frame information",
};
static const char *const arches[] = {[62] = "x86-64", [183] = "aarch64"};
static const char *const tiers[] = {[FR_TIER_RARE] = "rare", [FR_TIER_DENSE] = "dense"};
static const char *const fds[] = {
	[FR_FD_CLOSED] = "closed",     [FR_FD_UNKNOWN] = "unknown", [FR_FD_SOCKET] = "socket",
	[FR_FD_LISTENER] = "listener", [FR_FD_PIPE] = "pipe",       [FR_FD_EVENTFD] = "eventfd",
	[FR_FD_EPOLL] = "epoll",       [FR_FD_FILE] = "file",       [FR_FD_OTHER] = "other",
};
static const char *const triggers[] = {
	[FR_TRIGGER_NONE] = "none",   [FR_TRIGGER_SIGNAL] = "signal",
	[FR_TRIGGER_CRASH] = "crash", [FR_TRIGGER_THRESHOLD] = "threshold",
	[FR_TRIGGER_API] = "api",     [FR_TRIGGER_EXIT] = "exit",
	[FR_TRIGGER_LIVE] = "live",
};
#define PLACE(id, NAME, name, meaning) [id] = {name, meaning},
static const struct {
	const char *name;
	const char *meaning;
} places[] = {
#include "preload/wire/places.def"
};
#undef PLACE
#define N_PLACES (sizeof(places) / sizeof(places[0]))

const char *fr_word_source(enum recording_source source)
{
	return FR_WORDS_AT(sources, (size_t)source);
}

const char *fr_word_state(uint32_t state)
{
	return FR_WORDS_AT(states, state);
}

const char *fr_word_clock(uint32_t clock_kind)
{
	return FR_WORDS_AT(clocks, clock_kind);
}

const char *fr_word_region(uint32_t region_kind)
{
	return FR_WORDS_AT(regions, region_kind);
}

const char *fr_word_unwind(uint32_t unwind_kind)
{
	return FR_WORDS_AT(unwinds, unwind_kind);
}

const char *fr_word_arch(uint32_t arch)
{
	return FR_WORDS_AT(arches, arch);
}

const char *fr_word_fd(uint32_t fd_kind)
{
	return FR_WORDS_AT(fds, fd_kind);
}

const char *fr_word_tier(uint32_t tier)
{
	return FR_WORDS_AT(tiers, tier);
}

const char *fr_word_trigger_kind(uint32_t kind)
{
	return FR_WORDS_AT(triggers, kind);
}

const char *fr_word_trigger(const struct recording *rec)
{
	if (rec->trigger.kind == FR_TRIGGER_NONE && rec->source == RECORDING_LEFT)
		return "left";
	return fr_word_trigger_kind(rec->trigger.kind);
}

const char *fr_word_place(uint32_t why)
{
	return why < N_PLACES ? places[why].name : NULL;
}

const char *fr_word_failure(const struct fr_failure *f)
{
	/* a number from a recording: strerror knows any */
	if (f->error)
		return strerror((int)f->error);
	return fr_word_place(f->why) ? places[f->why].meaning : "for an unknown reason";
}

json_t *fr_json_bytes(const void *bytes, size_t n)
{
	struct sbuf b = {0};
	json_t *j;

	fr_sbuf_utf8(&b, bytes, n);
	j = json_stringn(fr_sbuf_cstr(&b), b.n);
	fr_sbuf_free(&b);
	return j;
}

json_t *fr_json_u64(uint64_t v)
{
	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	return json_sprintf("%llu", (unsigned long long)v);
}
