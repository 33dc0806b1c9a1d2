/* SPDX-License-Identifier: MIT */
/*
 * event_forms.h - what is the same in every line of one kind of event or of one thread, escaped
 * once: millions of lines are then copies of it and numbers.
 */
#ifndef FR_EXPORTERS_EVENT_FORMS_H
#define FR_EXPORTERS_EVENT_FORMS_H

#include "base/arena.h"
#include "base/sbuf.h"
#include "read/events.h"

struct piece {
	const char *s;
	size_t n;
};

struct kind_form {
	struct piece name; /* "mutex.lock", in JSON with its quotes */
	struct piece key[FR_ARGS_MAX]; /* " dur=", in JSON ",\"dur_ns\":" */
};

struct event_forms {
	struct kind_form kinds[FR_EV_MAX + 1];
	struct piece *threads; /* by index: "  T7 name  ", in JSON "101,\"thread\":\"T7\"" */
	struct arena arena;
};

/* SUFFIX gives what the JSON key of an argument's type ends with. */
void fr_event_forms_open(struct event_forms *f, const struct recording *rec, bool json,
			 const char *(*suffix)(uint8_t type));
void fr_event_forms_close(struct event_forms *f);

static inline void fr_piece_put(struct sbuf *b, const struct piece *p)
{
	fr_sbuf_add(b, p->s, p->n);
}

#endif
