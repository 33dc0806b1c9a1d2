/* SPDX-License-Identifier: MIT */
/*
 * events.c - fr events: one event per line, for grep and for jq.
 */
#include "exporters/event_print.h"

static void line(struct event_print *p, struct sbuf *b, const struct event *e)
{
	const char *stack = fr_stacks_line(p->stacks, e->stack);

	fr_event_text(p, b, e);
	if (*stack) {
		fr_sbuf_str(b, "  [");
		fr_sbuf_str(b, stack);
		fr_sbuf_char(b, ']');
	}
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
