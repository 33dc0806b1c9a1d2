/* SPDX-License-Identifier: MIT */
/*
 * events.h - events.def and drops.def as enumerations, for the recorder and the decoder.
 *
 * FR_A(MUTEX_LOCK, lock) is the place of the argument `lock` of the event MUTEX_LOCK, in its row
 * and in what a reader gets: nobody counts commas. FR_A(..., none) is -1, for tables in which an
 * event has no such argument.
 */
#ifndef FR_EVENTS_H
#define FR_EVENTS_H

#include <stddef.h>

#define EVENT(id, NAME, ...) FR_EV_##NAME = id,
enum fr_event {
#include "events.def"
	FR_EV_MAX = 127
};
#undef EVENT

#define EVENT(...) +1
enum {
	FR_EVENTS = 0
#include "events.def"
};
#undef EVENT

/* The places of an event's arguments, counted from 1. */
#define ARG(type, name) char name;
#define EVENT(id, NAME, text, klass, tier, n_short, args)                                          \
	struct fr_places_##NAME {                                                                  \
		char none;                                                                         \
		args                                                                               \
	};
#include "events.def"
#undef EVENT
#undef ARG
#define FR_A(NAME, arg) ((int)offsetof(struct fr_places_##NAME, arg) - 1)

/* Argument `op` of the event FUTEX_WAIT of a futex_waitv: above all that futex has. */
#define FR_FUTEX_OP_WAITV 0x10000u

/* Argument `why` of the event LEVEL. */
enum fr_level_why {
	FR_WHY_ASKED = 0, /* from outside */
	FR_WHY_BUDGET = 1, /* recording cost more than FR_BUDGET */
	FR_WHY_AGAIN = 2, /* lowered before, and tried again */
};

#define DROP(id, NAME, ...) FR_DROP_##NAME = id,
enum fr_drop {
#include "drops.def"
	FR_DROP_MAX
};
#undef DROP

#endif
