/* SPDX-License-Identifier: MIT */
/*
 * info.c - fr info: what is in a recording, what is missing from it, and why.
 */
#include <inttypes.h>
#include <string.h>

#include "base/path.h"
#include "base/sbuf.h"
#include "base/table.h"
#include "base/units.h"
#include "exporters/info_json.h"
#include "exporters/parts.h"
#include "exporters/words.h"

static void sections(struct call *c)
{
	const struct fr_header *h = &c->rec->hdr;
	struct table *t = fr_table_new(c->opt->color);

	fr_table_column(t, "SECTION", TABLE_LEFT);
	fr_table_column(t, "OFFSET", TABLE_RIGHT);
	fr_table_column(t, "RESERVED", TABLE_RIGHT);
	fr_table_column(t, "USED", TABLE_RIGHT);
	fr_table_column(t, "RECORD", TABLE_RIGHT);
	for (uint32_t i = 0; i < h->section_count; i++) {
		const struct fr_section *s = &h->sections[i];

		fr_table_cell(t, fr_section_name(s->id));
		fr_table_cell_fmt(t, "%" PRIu64, s->offset);
		fr_table_cell_bytes(t, s->size);
		fr_table_cell_bytes(t, s->x_used);
		fr_table_cell_fmt(t, "%u", s->record_size);
	}
	fprintf(c->out, "\n%u sections\n", h->section_count);
	fr_table_print(t, c->out);
	fr_table_free(t);
}

/* The recorder's own remarks: settings in force, refused values, limits met. */
static void notes(struct call *c)
{
	const struct section_view *v = &c->rec->sec[FR_SEC_NOTES];
	const char *at = (const char *)v->data, *end = v->data ? at + v->size : at;
	struct sbuf b = {0};

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);

		while (n && !at[n - 1])
			n--;
		if (n) {
			fr_sbuf_str(&b, "  ");
			fr_sbuf_text(&b, at, n);
			fr_sbuf_char(&b, '\n');
		}
		at = nl ? nl + 1 : end;
	}
	if (b.n)
		fprintf(c->out, "\nnotes of the recorder\n%s", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
}

static void add_name(struct sbuf *b, const struct fr_hook_rec *r)
{
	fr_sbuf_char(b, ' ');
	fr_sbuf_text(b, r->name, strnlen(r->name, sizeof(r->name)));
}

/* Objects that find libc's functions before ours. */
static void deepbound(struct call *c)
{
	struct sbuf b = {0};

	for (size_t i = 0; i < c->rec->n_modules; i++) {
		const struct rec_module *m = &c->rec->modules[i];

		if (!m->r.deepbind)
			continue;
		fr_sbuf_char(&b, ' ');
		fr_sbuf_text(&b, m->path, strlen(m->path));
	}
	if (b.n)
		fprintf(c->out, "  not seen, calls of what was loaded with RTLD_DEEPBIND:%s\n",
			fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
}

/* Hooks that this libc has no function for, and functions that come from elsewhere than libc. */
static void hooks(struct call *c, bool all)
{
	const struct section_view *v = &c->rec->sec[FR_SEC_HOOKS];
	struct sbuf missing = {0}, foreign = {0}, shadowed = {0};
	size_t n = 0, n_missing = 0;

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		const struct fr_hook_rec *r = (const struct fr_hook_rec *)(v->data + at);
		const struct rec_module *m = fr_recording_module(c->rec, r->provider, 0);
		const char *base = m && m->path[0] ? fr_path_base(m->path) : "?";

		if (!r->name[0])
			continue;
		n++;
		if (!r->taken) {
			n_missing++;
			add_name(&missing, r);
		} else if (r->flags & FR_HOOK_SHADOWED) {
			add_name(&shadowed, r);
			fr_sbuf_char(&shadowed, '=');
			fr_sbuf_text(&shadowed, base, strlen(base));
		} else if (m && strncmp(base, "libc.", 5) && strncmp(base, "libpthread", 10)) {
			add_name(&foreign, r);
			fr_sbuf_char(&foreign, '=');
			fr_sbuf_text(&foreign, base, strlen(base));
		}
	}
	fprintf(c->out, "\n%zu of %zu hooks taken\n", n - n_missing, n);
	deepbound(c);
	if (shadowed.n)
		fprintf(c->out, "  not seen, calls go to another function of that name:%s\n",
			fr_sbuf_cstr(&shadowed));
	if (foreign.n)
		fprintf(c->out, "  not served by libc:%s\n", fr_sbuf_cstr(&foreign));
	if (n_missing && all)
		fprintf(c->out, "  not taken, this libc has no such function:%s\n",
			fr_sbuf_cstr(&missing));
	fr_sbuf_free(&missing);
	fr_sbuf_free(&shadowed);
	fr_sbuf_free(&foreign);
}

int fr_cmd_info(struct call *c)
{
	struct symbols *sy = fr_symbols_open(c->rec, c->diag);

	if (c->opt->json) {
		fr_info_json(c, sy);
	} else {
		fr_part_header(c);
		fr_part_drops(c);
		notes(c);
		hooks(c, c->opt->all);
		fr_part_tiers(c);
		fr_part_threads(c, c->opt->all);
		fr_part_modules(c, sy, c->opt->all);
		sections(c);
	}
	fr_symbols_close(sy);
	return FR_EXIT_OK;
}
