/* SPDX-License-Identifier: MIT */
/*
 * event_print.h - one event as a line of text or of JSON, by the recording's own schema: an event
 * that this fr has never heard of is shown like any other.
 */
#ifndef FR_EXPORTERS_EVENT_PRINT_H
#define FR_EXPORTERS_EVENT_PRINT_H

#include "base/sbuf.h"
#include "exporters/event_forms.h"
#include "exporters/exporters.h"
#include "exporters/filter.h"
#include "exporters/stacks.h"
#include "model/labels.h"
#include "model/model.h"

struct event_print {
	const struct recording *rec;
	struct symbols *sy;
	struct stacks *stacks;
	struct labels *labels; /* fed by fr_events_walk() */
	struct model *model; /* who woke whom; NULL = nothing that is printed can be a wait */
	size_t span; /* of the model: the next one that an event can end */
	struct event_forms forms;
};

void fr_event_print_open(struct event_print *p, struct call *c);
void fr_event_print_close(struct event_print *p);

/* Events in the order of the stream; some may be left out. */

/* "E931  -1.203456s  T7 reporter  mutex.lock lock=0x7f00 dur=115 ms owner=T3"; no newline. */
void fr_event_text(struct event_print *p, struct sbuf *b, const struct event *e);
/* By the JSON contract of `fr events --json`; no newline. */
void fr_event_json(struct event_print *p, struct sbuf *b, const struct event *e);

/*
 * Walks the events that C's options want, tells the symbolizer first which stacks will be asked
 * for, makes the model if one of them can be a wait, and gives each to PRINT, which adds to B.
 * Writes B to c->out as it fills.
 */
int fr_events_walk(struct call *c, struct event_print *p, struct sbuf *b,
		   void (*print)(struct event_print *p, struct sbuf *b, const struct event *e));

#endif
