/* SPDX-License-Identifier: MIT */
/*
 * events.h - all chunks of a recording as one stream in time order.
 *
 * The order is by time; equal times keep each thread's own order. A mutex acquisition whose stamp
 * lies up to 1 us before the release it followed comes behind that release, with its time (see
 * order.h); so does what its thread did until then. A stream can be opened as often
 * as wanted and always gives the same events with the same ids: an event's id is its place in the
 * merged stream, from 1, and is what the user sees as handle E<id>.
 */
#ifndef FR_READ_EVENTS_H
#define FR_READ_EVENTS_H

#include "preload/wire/events.h"
#include "read/recording.h"

struct event {
	uint64_t id;
	uint64_t t_ns; /* CLOCK_MONOTONIC of the stamp; a call that waited began at t_ns - dur */
	uint32_t thread; /* index into rec->threads */
	uint32_t stack; /* stack id, 0 = none */
	uint16_t kind; /* enum fr_event, or an id only the recording's schema knows */
	uint8_t n_args; /* by fr_event_schema(); missing ones are 0 */
	uint8_t tier;
	/*
	 * At the places that events.def has them, FR_A(MUTEX_LOCK, dur), whatever the order in the
	 * recording; what it lacks is 0. Kinds that are not there: in the recording's order.
	 * INT and FD sign-extended (cast to int64_t), NS in nanoseconds, STR and SOCK: length of
	 * the bytes at `blob`.
	 */
	uint64_t arg[FR_ARGS_MAX];
	const uint8_t *blob; /* the bytes of the event's (only) STR or SOCK argument */
};

/* Checks, where one function reads both events, that ARG stands at the same place of both. */
#define FR_SAME_PLACE(A, B, arg)                                                                   \
	_Static_assert((int)FR_A(A, arg) == (int)FR_A(B, arg),                                     \
		       #A " and " #B " have `" #arg "` at different places")

struct stream;
struct stream *fr_stream_open(const struct recording *rec);
bool fr_stream_next(struct stream *s, struct event *e);
/* The next events, ROOM of them unless these are the last; returns how many. */
size_t fr_stream_fill(struct stream *s, struct event *out, size_t room);
void fr_stream_close(struct stream *s);

/*
 * The schema row of an event kind: names and types of event.arg, as the recording states them.
 * FR_ARG_NONE among them: the recording lacks that one. n_short says nothing. NULL = unknown kind.
 */
const struct fr_event_rec *fr_event_schema(const struct recording *rec, unsigned int kind);

#endif
