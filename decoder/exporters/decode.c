/* SPDX-License-Identifier: MIT */
/*
 * decode.c - fr decode: the whole recording as text in time order, nothing left out.
 */
#include "exporters/event_print.h"
#include "exporters/parts.h"

static void block(struct event_print *p, struct sbuf *b, const struct event *e)
{
	fr_event_text(p, b, e);
	fr_sbuf_char(b, '\n');
	fr_stacks_put(p->stacks, b, FR_STACK_FULL, e->stack);
}

static void json_line(struct event_print *p, struct sbuf *b, const struct event *e)
{
	fr_event_json(p, b, e);
	fr_sbuf_char(b, '\n');
}

int fr_cmd_decode(struct call *c)
{
	struct event_print p;
	struct sbuf b = {0};
	int rc;

	fr_event_print_open(&p, c);
	if (!c->opt->json) {
		fr_part_header(c);
		fr_part_threads(c, true);
		fr_part_modules(c, p.sy, true);
		fr_part_drops(c);
		fprintf(c->out,
			"\nevents: handle, seconds before the end of the recording, thread, "
			"event, arguments, stack\n");
	}
	rc = fr_events_walk(c, &p, &b, c->opt->json ? json_line : block);
	fr_event_print_close(&p);
	fr_sbuf_free(&b);
	return rc;
}
