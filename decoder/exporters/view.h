/* SPDX-License-Identifier: MIT */
/*
 * view.h - what report, threads and locks share: model, symbols and names of one recording, and
 * the few ways in which they write to a terminal.
 */
#ifndef FR_EXPORTERS_VIEW_H
#define FR_EXPORTERS_VIEW_H

#include "analyses/names.h"
#include "exporters/exporters.h"
#include "exporters/stacks.h"

struct view {
	struct call *c;
	struct model *m;
	struct symbols *sy;
	struct names *names;
	struct stacks *stacks;
};

void fr_view_open(struct view *v, struct call *c);
void fr_view_close(struct view *v);

enum tint {
	TINT_NONE,
	TINT_BOLD,
	TINT_DIM,
	TINT_RED,
	TINT_YELLOW,
	TINT_GREEN,
	TINT_BLUE,
};

/* Text in a colour, if the user's terminal has any. */
void fr_view_tint(const struct view *v, enum tint tint, const char *text);
void fr_view_printf(const struct view *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * TEXT on the left after INDENT spaces, SITE (may be NULL) at the right edge; where both do not
 * fit, the text is wrapped and the site follows in a line of its own.
 */
void fr_view_line(const struct view *v, unsigned int indent, enum tint tint, const char *text,
		  const char *site);
/* A stack, indented, under LABEL. */
void fr_view_stack(const struct view *v, unsigned int indent, const char *label, uint32_t stack);

void fr_view_frames(const struct view *v, unsigned int indent, const char *label,
		    const struct frame *f, size_t n);

/* tasks.c: what the kernel knew of a thread, or null. */
struct json_t;
struct json_t *fr_task_json(const struct view *v, const struct rec_thread *th);
/* "(owner, since, peer)": what an open wait is about, by the contract of `fr threads --json`. */
struct json_t *fr_view_on_json(const struct view *v, const struct span *s);

#endif
