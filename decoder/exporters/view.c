/* SPDX-License-Identifier: MIT */
/*
 * view.c - one recording's model with names and symbols, and lines on a terminal.
 */
#include "exporters/view.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "analyses/holders.h"
#include "analyses/known.h"
#include "exporters/json.h"

#define SITE_COLUMN 100 /* where nothing is cut: sites stand at least here */

void fr_view_open(struct view *v, struct call *c)
{
	v->c = c;
	v->sy = fr_symbols_open(c->rec, c->diag);
	v->m = fr_known_model(c->rec, v->sy, c->diag);
	v->names = fr_names_open(v->m, v->sy);
	v->stacks = fr_stacks_open(c->rec, v->sy);
}

void fr_view_close(struct view *v)
{
	fr_stacks_close(v->stacks);
	fr_names_close(v->names);
	fr_symbols_close(v->sy);
	fr_model_free(v->m);
}

void fr_view_printf(const struct view *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(v->c->out, fmt, ap);
	va_end(ap);
}

void fr_view_tint(const struct view *v, enum tint tint, const char *text)
{
	static const char *const codes[] = {
		[TINT_NONE] = "",     [TINT_BOLD] = "1",   [TINT_DIM] = "2",   [TINT_RED] = "1;31",
		[TINT_YELLOW] = "33", [TINT_GREEN] = "32", [TINT_BLUE] = "36",
	};

	if (v->c->opt->color && tint != TINT_NONE)
		fprintf(v->c->out, "\033[%sm%s\033[0m", codes[tint], text);
	else
		fputs(text, v->c->out);
}

/* Columns of UTF-8 TEXT, near enough: bytes that begin a character. */
static unsigned int columns(const char *text, size_t n)
{
	unsigned int k = 0;
	size_t i;

	for (i = 0; i < n; i++)
		k += (text[i] & 0xc0) != 0x80;
	return k;
}

/* Columns to fill; 0 = not a terminal: one line for each thing, however long. */
static unsigned int width_of(const struct view *v)
{
	return v->c->opt->width >= 60 ? (unsigned int)v->c->opt->width : 0;
}

/* How many bytes of TEXT fit into ROOM columns, broken at a space. */
static size_t fit(const char *text, unsigned int room)
{
	size_t i, last = 0;

	if (columns(text, strlen(text)) <= room)
		return strlen(text);
	for (i = 0; text[i] && columns(text, i) <= room; i++) {
		if (text[i] == ' ')
			last = i;
	}
	return last ? last : strlen(text);
}

static void site_text(const struct view *v, unsigned int indent, unsigned int used,
		      const char *site)
{
	unsigned int width = width_of(v), need = columns(site, strlen(site)), pad = 2;

	if (!width && used + 2 < SITE_COLUMN)
		pad = SITE_COLUMN - used;
	if (width && used + 2 + need > width) {
		fprintf(v->c->out, "\n%*s", (int)indent, "");
		used = indent;
	}
	if (width && used + 2 + need < width)
		pad = width - used - need;
	fprintf(v->c->out, "%*s", (int)pad, "");
	fr_view_tint(v, TINT_BLUE, site);
}

void fr_view_line(const struct view *v, unsigned int indent, enum tint tint, const char *text,
		  const char *site)
{
	unsigned int width = width_of(v), used = 0;
	size_t n;

	do {
		char *part;

		n = width ? fit(text, width > indent + 20 ? width - indent : 40) : strlen(text);
		part = strndup(text, n);
		if (used)
			fprintf(v->c->out, "\n%*s", (int)indent, "");
		fr_view_tint(v, tint, part ? part : "");
		used = indent + columns(text, n);
		free(part);
		text += n + (text[n] == ' ');
	} while (*text);
	if (site)
		site_text(v, indent, used, site);
	fputc('\n', v->c->out);
}

void fr_view_stack(const struct view *v, unsigned int indent, const char *label, uint32_t stack)
{
	const struct frame *f = NULL;
	size_t n = fr_symbols_stack(v->sy, stack, &f);

	fr_view_frames(v, indent, label, f, n);
}

void fr_view_frames(const struct view *v, unsigned int indent, const char *label,
		    const struct frame *f, size_t n)
{
	size_t i;

	if (label)
		fprintf(v->c->out, "%*s%s\n", (int)indent, "", label);
	for (i = 0; i < n; i++) {
		struct sbuf b = {0};

		fr_frame_text(&b, &f[i]);
		fprintf(v->c->out, "%*s", (int)indent + 4, "");
		fr_view_tint(v, fr_frame_is_own(v->names, &f[i]) ? TINT_BOLD : TINT_DIM,
			     fr_sbuf_cstr(&b));
		fputs(f[i].inl ? " (inlined)\n" : "\n", v->c->out);
		fr_sbuf_free(&b);
	}
	if (!n)
		fprintf(v->c->out, "%*sno stack was recorded\n", (int)indent + 4, "");
}

static json_t *tid_json(const struct model *m, uint32_t thread)
{
	return thread == MODEL_NONE ? json_null() : json_integer(m->threads[thread].tid);
}

static bool is_passed(const struct model *m, const struct span *s)
{
	return fr_span_is_lock(s) && s->object != MODEL_NONE && m->locks[s->object].is_passed;
}

json_t *fr_view_on_json(const struct view *v, const struct span *s)
{
	const struct known *known = fr_name_primitive(v->names, s);
	const struct model *m = v->m;
	json_t *o = json_object();
	uint32_t owner = MODEL_NONE, foreign = 0;

	json_object_set_new(o, "kind", fr_json_text(fr_span_kind_name(s->kind)));
	json_object_set_new(o, "call", fr_json_text(fr_span_call(m, s)));
	json_object_set_new(o, "primitive", known ? fr_json_text(known->words) : json_null());
	json_object_set_new(o, "addr", json_null());
	json_object_set_new(o, "peer", json_null());
	if (s->object != MODEL_NONE && fr_span_is_sock(s)) {
		json_object_set_new(o, "fd", json_integer(m->socks[s->object].fd));
		json_object_set_new(o, "peer", fr_json_text(fr_name_peer(v->names, s->object)));
	} else if (s->object != MODEL_NONE && s->kind == SPAN_JOIN) {
		json_object_set_new(o, "tid", tid_json(m, s->object));
	} else if (s->object != MODEL_NONE) {
		json_object_set_new(o, "addr", fr_json_addr(m->locks[s->object].addr));
		json_object_set_new(o, "name",
				    fr_json_text(fr_name_lock_symbol(v->names, s->object)));
	}
	if (s->object2 != MODEL_NONE)
		json_object_set_new(o, "mutex", fr_json_addr(m->locks[s->object2].addr));
	if (fr_span_is_lock(s) && s->object != MODEL_NONE)
		owner = m->locks[s->object].owner;
	if (owner == MODEL_NONE && !is_passed(m, s))
		owner = s->owner;
	json_object_set_new(o, "owner_tid", tid_json(m, owner));
	if (owner == MODEL_NONE && fr_span_is_lock(s) && s->object != MODEL_NONE)
		foreign = fr_holder_foreign(m, s->object);
	json_object_set_new(o, "foreign_tid", foreign ? json_integer(foreign) : json_null());
	return o;
}
