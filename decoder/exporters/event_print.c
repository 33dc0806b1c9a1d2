/* SPDX-License-Identifier: MIT */
/*
 * event_print.c - events as text and JSON. One row per type of argument says how it looks in both.
 */
#include "exporters/event_print.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sockaddr.h"
#include "base/units.h"
#include "exporters/words.h"

/* What a printer of one argument is given. */
struct arg {
	struct event_print *p;
	const struct event *e;
	uint64_t v;
};

static void put_u64(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_u64(b, a->v);
}

static void put_i64(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_i64(b, (int64_t)a->v);
}

static void put_hex(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_hex(b, a->v);
}

static void put_hex_json(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_char(b, '"');
	fr_sbuf_hex(b, a->v);
	fr_sbuf_char(b, '"');
}

static void put_ns(struct sbuf *b, const struct arg *a)
{
	char buf[FR_UNITS_LEN];

	fr_sbuf_str(b, fr_units_ns(buf, a->v));
}

static void put_errno(struct sbuf *b, const struct arg *a)
{
	char buf[FR_UNITS_LEN];

	fr_sbuf_str(b, fr_units_errno(buf, a->v));
}

static void put_signal(struct sbuf *b, const struct arg *a)
{
	char buf[FR_UNITS_LEN];

	fr_sbuf_str(b, fr_units_signal(buf, a->v));
}

static void put_tid(struct sbuf *b, const struct arg *a)
{
	long i = fr_recording_thread_by_tid(a->p->rec, (uint32_t)a->v, a->e->t_ns);

	if (i < 0)
		fr_sbuf_str(b, "tid ");
	else
		fr_sbuf_char(b, 'T');
	fr_sbuf_u64(b, i < 0 ? a->v : a->p->rec->threads[i].r.serial);
}

static const char *call_name(const struct arg *a)
{
	return fr_recording_call(a->p->rec, a->v <= UINT32_MAX ? (uint32_t)a->v : UINT32_MAX);
}

static void put_call(struct sbuf *b, const struct arg *a)
{
	const char *name = call_name(a);

	fr_sbuf_text(b, name, strlen(name));
}

static void put_call_json(struct sbuf *b, const struct arg *a)
{
	const char *name = call_name(a);

	fr_sbuf_json(b, name, strlen(name));
}

static void put_str(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_char(b, '"');
	fr_sbuf_text(b, a->e->blob, a->v);
	fr_sbuf_char(b, '"');
}

static void put_str_json(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_json(b, a->e->blob, a->v);
}

static void put_sock(struct sbuf *b, const struct arg *a)
{
	fr_sockaddr_text(b, a->e->blob, a->v);
}

static void put_sock_json(struct sbuf *b, const struct arg *a)
{
	struct sbuf peer = {0};

	fr_sockaddr_text(&peer, a->e->blob, a->v);
	fr_sbuf_json(b, fr_sbuf_cstr(&peer), peer.n);
	fr_sbuf_free(&peer);
}

/* key="value" */
static void put_label(struct sbuf *b, const struct label *l)
{
	fr_sbuf_text(b, l->key, l->n_key);
	fr_sbuf_str(b, "=\"");
	fr_sbuf_text(b, l->value, l->n_value);
	fr_sbuf_char(b, '"');
}

static void put_label_json(struct sbuf *b, const struct label *l)
{
	fr_sbuf_json(b, l->key, l->n_key);
	fr_sbuf_char(b, ':');
	fr_sbuf_json(b, l->value, l->n_value);
}

static void put_pair(struct sbuf *b, const struct arg *a)
{
	struct label l = fr_label_split(a->e->blob, a->v);

	put_label(b, &l);
}

static void put_pair_json(struct sbuf *b, const struct arg *a)
{
	struct label l = fr_label_split(a->e->blob, a->v);

	fr_sbuf_char(b, '{');
	put_label_json(b, &l);
	fr_sbuf_char(b, '}');
}

static void put_stack(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_char(b, '[');
	fr_stacks_put(a->p->stacks, b, FR_STACK_LINE, (uint32_t)a->v);
	fr_sbuf_char(b, ']');
}

static void put_stack_json(struct sbuf *b, const struct arg *a)
{
	fr_stacks_put(a->p->stacks, b, FR_STACK_JSON, (uint32_t)a->v);
}

/* Of a table: what is no number of it has no word either. */
static uint32_t number(const struct arg *a)
{
	return a->v <= UINT32_MAX ? (uint32_t)a->v : UINT32_MAX;
}

static void put_kind(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_str(b, fr_word_fd(number(a)));
}

static void put_kind_json(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_char(b, '"');
	put_kind(b, a);
	fr_sbuf_char(b, '"');
}

/* Events are called what the recording calls them. */
static void put_event(struct sbuf *b, const struct arg *a)
{
	const struct fr_event_rec *row =
		a->v <= FR_EV_MAX ? fr_event_schema(a->p->rec, (unsigned int)a->v) : NULL;

	if (row)
		fr_sbuf_text(b, row->name, strnlen(row->name, sizeof(row->name)));
	else
		fr_sbuf_u64(b, a->v);
}

static void put_event_json(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_char(b, '"');
	put_event(b, a);
	fr_sbuf_char(b, '"');
}

static void put_class(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_str(b, fr_word_class(number(a)));
}

static void put_level(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_str(b, fr_word_level(number(a)));
}

static void put_why(struct sbuf *b, const struct arg *a)
{
	fr_sbuf_str(b, fr_word_why(number(a)));
}

/* zero: what 0 means. NOTHING is not worth a word in text; ABSENT is left out of JSON as well. */
enum zero {
	ZERO_VALUE,
	ZERO_NOTHING,
	ZERO_ABSENT,
};

static const struct {
	void (*text)(struct sbuf *b, const struct arg *a);
	void (*json)(struct sbuf *b, const struct arg *a);
	const char *suffix; /* of the JSON key */
	enum zero zero;
} types[] = {
	[FR_ARG_NONE] = {put_u64, put_u64, "", ZERO_ABSENT}, /* always 0: not in the recording */
#define ARGTYPE(number, NAME, WIRE, zero, text, json, suffix, what)                                \
	[FR_ARG_##NAME] = {put_##text, put_##json, suffix, ZERO_##zero},
#include "preload/wire/args.def"
#undef ARGTYPE
};

static void pad_to(struct sbuf *b, size_t start, size_t width)
{
	if (b->n < start + width)
		fr_sbuf_pad(b, ' ', start + width - b->n);
}

static const char *suffix_of(uint8_t type)
{
	return types[type].suffix;
}

/* "E931        -1.203456s" */
static void head(struct event_print *p, struct sbuf *b, const struct event *e)
{
	char buf[FR_UNITS_LEN];
	const char *rel = fr_units_rel(buf, (int64_t)(e->t_ns - p->rec->end_ns));
	size_t start = b->n, len = strlen(rel);

	fr_sbuf_char(b, 'E');
	fr_sbuf_u64(b, e->id);
	pad_to(b, start, len < 14 ? 23 - len : 9);
	fr_sbuf_add(b, rel, len);
}

/* What the program says the thread works for: "  {request="r-17"}" */
static void labels(struct event_print *p, struct sbuf *b, const struct event *e)
{
	const struct label *l;
	size_t n = fr_labels_of(p->labels, e->thread, &l);

	for (size_t i = 0; i < n; i++) {
		fr_sbuf_str(b, i ? " " : "  {");
		put_label(b, &l[i]);
	}
	if (n)
		fr_sbuf_char(b, '}');
}

static void labels_json(struct event_print *p, struct sbuf *b, const struct event *e)
{
	const struct label *l;
	size_t n = fr_labels_of(p->labels, e->thread, &l);

	for (size_t i = 0; i < n; i++) {
		fr_sbuf_str(b, i ? "," : ",\"labels\":{");
		put_label_json(b, &l[i]);
	}
	if (n)
		fr_sbuf_char(b, '}');
}

/*
 * The wait that ended with E, or NULL. Events come in the order of their ids, and so do the spans
 * that have one.
 */
static const struct span *span_of(struct event_print *p, const struct event *e)
{
	const struct model *m = p->model;

	while (p->span < m->n_spans && !(m->spans[p->span].flags & SPAN_OPEN) &&
	       m->spans[p->span].event < e->id)
		p->span++;
	return p->span < m->n_spans && m->spans[p->span].event == e->id ? &m->spans[p->span] : NULL;
}

/* Who ended the wait that E is the end of, or started the thread that E begins. */
static struct wake waker(struct event_print *p, const struct event *e)
{
	const struct span *s = span_of(p, e);
	const struct thread *t = &p->model->threads[e->thread];

	if (s)
		return (struct wake){0, s->waker_event, s->waker};
	if (e->kind == FR_EV_THREAD_START)
		return (struct wake){0, t->create_event, t->creator};
	return (struct wake){.thread = MODEL_NONE};
}

/* "  woken by T3 (E120)" */
static void woken(struct event_print *p, struct sbuf *b, const struct event *e)
{
	struct wake by = p->model ? waker(p, e) : (struct wake){.thread = MODEL_NONE};

	if (by.thread == MODEL_NONE)
		return;
	fr_sbuf_str(b, "  woken by T");
	fr_sbuf_u64(b, p->rec->threads[by.thread].r.serial);
	if (!by.event)
		return;
	fr_sbuf_str(b, " (E");
	fr_sbuf_u64(b, by.event);
	fr_sbuf_char(b, ')');
}

static void woken_json(struct event_print *p, struct sbuf *b, const struct event *e)
{
	struct wake by = p->model ? waker(p, e) : (struct wake){.thread = MODEL_NONE};

	if (by.thread == MODEL_NONE)
		return;
	fr_sbuf_str(b, ",\"woken_by\":{\"tid\":");
	fr_sbuf_u64(b, p->rec->threads[by.thread].r.tid);
	fr_sbuf_str(b, ",\"thread\":\"T");
	fr_sbuf_u64(b, p->rec->threads[by.thread].r.serial);
	fr_sbuf_char(b, '"');
	if (by.event) {
		fr_sbuf_str(b, ",\"event\":\"E");
		fr_sbuf_u64(b, by.event);
		fr_sbuf_char(b, '"');
	}
	fr_sbuf_char(b, '}');
}

void fr_event_text(struct event_print *p, struct sbuf *b, const struct event *e)
{
	const struct fr_event_rec *row = fr_event_schema(p->rec, e->kind);
	const struct kind_form *form = &p->forms.kinds[e->kind];

	head(p, b, e);
	fr_piece_put(b, &p->forms.threads[e->thread]);
	fr_piece_put(b, &form->name);
	for (unsigned int i = 0; i < e->n_args; i++) {
		struct arg a = {.p = p, .e = e, .v = e->arg[i]};

		if (!a.v && types[row->type[i]].zero != ZERO_VALUE)
			continue;
		fr_piece_put(b, &form->key[i]);
		types[row->type[i]].text(b, &a);
	}
	woken(p, b, e);
	labels(p, b, e);
}

void fr_event_json(struct event_print *p, struct sbuf *b, const struct event *e)
{
	const struct fr_event_rec *row = fr_event_schema(p->rec, e->kind);
	const struct kind_form *form = &p->forms.kinds[e->kind];

	fr_sbuf_str(b, "{\"id\":\"E");
	fr_sbuf_u64(b, e->id);
	fr_sbuf_str(b, "\",\"t_ns\":");
	fr_sbuf_u64(b, e->t_ns);
	fr_sbuf_str(b, ",\"tid\":");
	fr_piece_put(b, &p->forms.threads[e->thread]);
	fr_sbuf_str(b, ",\"event\":");
	fr_piece_put(b, &form->name);
	for (unsigned int i = 0; i < e->n_args; i++) {
		struct arg a = {.p = p, .e = e, .v = e->arg[i]};

		if (!a.v && types[row->type[i]].zero == ZERO_ABSENT)
			continue;
		fr_piece_put(b, &form->key[i]);
		types[row->type[i]].json(b, &a);
	}
	woken_json(p, b, e);
	labels_json(p, b, e);
	fr_sbuf_str(b, ",\"stack\":");
	fr_stacks_put(p->stacks, b, FR_STACK_JSON, e->stack);
	fr_sbuf_char(b, '}');
}

void fr_event_print_open(struct event_print *p, struct call *c)
{
	p->rec = c->rec;
	p->sy = fr_symbols_open(c->rec, c->diag);
	p->stacks = fr_stacks_open(c->rec, p->sy);
	p->labels = fr_labels_open(c->rec);
	p->model = NULL;
	p->span = 0;
	fr_event_forms_open(&p->forms, c->rec, c->opt->json, suffix_of);
}

void fr_event_print_close(struct event_print *p)
{
	fr_model_free(p->model);
	fr_event_forms_close(&p->forms);
	fr_labels_close(p->labels);
	fr_stacks_close(p->stacks);
	fr_symbols_close(p->sy);
}
