/* SPDX-License-Identifier: MIT */
/*
 * print.c - the answers of fr doctor as text and as JSON.
 */
#include <string.h>

#include "base/sbuf.h"
#include "doctor/doctor.h"
#include "exporters/json.h"

#define LEFT 18 /* columns before the text of an answer */
#define WIDE 100 /* where it is no terminal */

static const struct {
	const char *name, *mark, *verdict;
} words[] = {
	[DOCTOR_GOOD] = {"good", "ok", "can be recorded"},
	[DOCTOR_NOTE] = {"note", "note", ""},
	[DOCTOR_UNKNOWN] = {"unknown", "?", ""},
	[DOCTOR_PART] = {"part", "part", "can be recorded, with what is marked part below"},
	[DOCTOR_BAD] = {"bad", "NO", "cannot be recorded"},
};

/* TEXT behind what stands in B already, broken between words, further lines at LEFT. */
static void wrap(struct sbuf *b, const char *text, int width)
{
	size_t column = LEFT, room = (size_t)(width > LEFT + 30 ? width : WIDE);

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > LEFT && column + 1 + n > room) {
			fr_sbuf_char(b, '\n');
			fr_sbuf_pad(b, ' ', LEFT);
			column = LEFT;
		} else if (column > LEFT) {
			fr_sbuf_char(b, ' ');
			column++;
		}
		fr_sbuf_text(b, text, n);
		column += n;
		text += n + (text[n] == ' ');
	}
	fr_sbuf_char(b, '\n');
}

static void put_answer(struct sbuf *b, const struct answer *a, bool first, int width)
{
	size_t start = b->n;

	fr_sbuf_fmt(b, " %-4s %s", words[a->result].mark, first ? a->check : "");
	fr_sbuf_pad(b, ' ', LEFT - (b->n - start));
	wrap(b, a->text, width);
	if (!a->next)
		return;
	fr_sbuf_pad(b, ' ', LEFT);
	fr_sbuf_str(b, "-> ");
	wrap(b, a->next, width);
}

static void put_verdict(struct sbuf *b, const struct doctor *d)
{
	const struct subject *s = &d->subject;

	if (s->pid)
		fr_sbuf_fmt(b, "process %u, ", s->pid);
	if (s->name)
		fr_sbuf_text(b, s->file, strlen(s->file));
	else
		fr_sbuf_str(b, "a program here");
	fr_sbuf_fmt(b, ": %s\n\n", words[fr_doctor_verdict(d)].verdict);
}

void fr_doctor_print(const struct doctor *d)
{
	const struct options *opt = d->call->opt;
	struct sbuf b = {0};

	put_verdict(&b, d);
	for (size_t i = 0; i < d->n; i++)
		put_answer(&b, &d->answers[i], !i || d->answers[i].check != d->answers[i - 1].check,
			   opt->width);
	fputs(fr_sbuf_cstr(&b), d->call->out);
	fr_sbuf_free(&b);
}

void fr_doctor_json(const struct doctor *d)
{
	json_t *all = json_object(), *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "check", fr_json_text(d->answers[i].check));
		json_object_set_new(o, "result", fr_json_text(words[d->answers[i].result].name));
		json_object_set_new(o, "text", fr_json_text(d->answers[i].text));
		json_object_set_new(o, "next", fr_json_text(d->answers[i].next));
		json_array_append_new(list, o);
	}
	json_object_set_new(all, "fr", json_integer(1));
	json_object_set_new(all, "program", fr_json_text(d->subject.file));
	json_object_set_new(all, "pid",
			    d->subject.pid ? json_integer(d->subject.pid) : json_null());
	json_object_set_new(all, "verdict", fr_json_text(words[fr_doctor_verdict(d)].name));
	json_object_set_new(all, "checks", list);
	fr_json_print(all, d->call->out);
}
