/* SPDX-License-Identifier: MIT */
/*
 * events.h - events.def and drops.def as enumerations, for the recorder and the decoder.
 */
#ifndef FR_EVENTS_H
#define FR_EVENTS_H

#define EVENT(id, NAME, ...) FR_EV_##NAME = id,
enum fr_event {
#include "events.def"
	FR_EV_MAX = 127
};
#undef EVENT

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
