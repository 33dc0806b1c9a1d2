/* SPDX-License-Identifier: MIT */
/*
 * events.c - fr events: one event per line, for grep and for jq.
 */
#include "exporters/event_print.h"

static void line(struct event_print *p, struct sbuf *b, const struct event *e)
{
	size_t before, empty;

	fr_event_text(p, b, e);
	before = b->n;
	fr_sbuf_str(b, "  [");
	empty = b->n;
	fr_stacks_put(p->stacks, b, FR_STACK_LINE, e->stack);
	if (b->n == empty)
		b->n = before;
	else
		fr_sbuf_char(b, ']');
	fr_sbuf_char(b, '\n');
}

static void json_line(struct event_print *p, struct sbuf *b, const struct event *e)
{
	fr_event_json(p, b, e);
	fr_sbuf_char(b, '\n');
}

int fr_cmd_events(struct call *c)
{
	struct event_print p;
	struct sbuf b = {0};
	int rc;

	fr_event_print_open(&p, c);
	rc = fr_events_walk(c, &p, &b, c->opt->json ? json_line : line);
	fr_event_print_close(&p);
	fr_sbuf_free(&b);
	return rc;
}
