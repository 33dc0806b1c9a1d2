/* SPDX-License-Identifier: MIT */
/*
 * event_forms.c - see event_forms.h. Names come from the recording and are foreign.
 */
#include "exporters/event_forms.h"

#include <stdlib.h>

#include "base/mem.h"

static struct piece keep(struct event_forms *f, struct sbuf *b)
{
	struct piece p = {fr_arena_strndup(&f->arena, fr_sbuf_cstr(b), b->n), b->n};

	fr_sbuf_reset(b);
	return p;
}

static void name(struct sbuf *b, bool json, const char *s, size_t n)
{
	if (json)
		fr_sbuf_json(b, s, n);
	else
		fr_sbuf_text(b, s, n);
}

static void key(struct sbuf *b, bool json, const struct fr_event_rec *row, unsigned int i,
		const char *suffix)
{
	fr_sbuf_char(b, json ? ',' : ' ');
	name(b, json, row->arg[i], strnlen(row->arg[i], sizeof(row->arg[i])));
	if (!json) {
		fr_sbuf_char(b, '=');
		return;
	}
	b->n--; /* the suffix stands inside the quotes */
	fr_sbuf_str(b, suffix);
	fr_sbuf_str(b, "\":");
}

static void thread(struct sbuf *b, bool json, const struct rec_thread *t)
{
	if (json)
		fr_sbuf_u64(b, t->r.tid);
	fr_sbuf_str(b, json ? ",\"thread\":\"T" : "  T");
	fr_sbuf_u64(b, t->r.serial);
	if (json) {
		fr_sbuf_char(b, '"');
		return;
	}
	fr_sbuf_char(b, ' ');
	fr_sbuf_text(b, t->name, strlen(t->name));
	fr_sbuf_str(b, "  ");
}

void fr_event_forms_open(struct event_forms *f, const struct recording *rec, bool json,
			 const char *(*suffix)(uint8_t type))
{
	struct sbuf b = {0};

	*f = (struct event_forms){0};
	for (unsigned int k = 0; k <= FR_EV_MAX; k++) {
		const struct fr_event_rec *row = fr_event_schema(rec, k);

		if (!row)
			continue;
		name(&b, json, row->name, strlen(row->name));
		f->kinds[k].name = keep(f, &b);
		for (unsigned int i = 0; i < row->n_args && i < FR_ARGS_MAX; i++) {
			key(&b, json, row, i, suffix(row->type[i]));
			f->kinds[k].key[i] = keep(f, &b);
		}
	}
	f->threads = fr_mem_alloc((rec->n_threads + 1) * sizeof(*f->threads));
	for (size_t i = 0; i < rec->n_threads; i++) {
		thread(&b, json, &rec->threads[i]);
		f->threads[i] = keep(f, &b);
	}
	fr_sbuf_free(&b);
}

void fr_event_forms_close(struct event_forms *f)
{
	fr_arena_free(&f->arena);
	free(f->threads);
}
