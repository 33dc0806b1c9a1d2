/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - stacks as text and JSON, cached by stack id.
 */
#include "exporters/stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/path.h"

#define LINE_FRAMES 3u

struct text {
	const char *s; /* NULL = not made yet */
	size_t n;
};

struct stacks {
	struct symbols *sy;
	struct arena arena;
	struct sbuf buf;
	size_t n; /* ids there can be */
	struct text *cache[FR_STACK_FORMS]; /* by id; made when first asked for */
};

static void json_string(struct sbuf *b, const char *key, const char *s)
{
	fr_sbuf_str(b, key);
	if (s)
		fr_sbuf_json(b, s, strlen(s));
	else
		fr_sbuf_str(b, "null");
}

void fr_frame_json(struct sbuf *b, const struct frame *f)
{
	json_string(b, "{\"fn\":", f->fn);
	json_string(b, ",\"file\":", f->file);
	fr_sbuf_str(b, ",\"line\":");
	fr_sbuf_u64(b, f->line);
	json_string(b, ",\"mod\":", f->mod);
	fr_sbuf_str(b, ",\"off\":\"");
	fr_sbuf_hex(b, f->off);
	fr_sbuf_str(b, f->inl ? "\",\"inl\":true}" : "\",\"inl\":false}");
}

static void text(struct sbuf *b, const char *s)
{
	fr_sbuf_text(b, s, strlen(s));
}

static void place(struct sbuf *b, const struct frame *f)
{
	if (f->mod) {
		text(b, f->mod);
		fr_sbuf_char(b, '+');
	}
	fr_sbuf_hex(b, f->off);
}

void fr_frame_text(struct sbuf *b, const struct frame *f)
{
	if (!f->fn) {
		place(b, f);
		return;
	}
	text(b, f->fn);
	if (f->file) {
		fr_sbuf_char(b, ' ');
		text(b, fr_path_base(f->file));
		if (f->line)
			fr_sbuf_fmt(b, ":%u", f->line);
	} else if (f->mod) {
		fr_sbuf_char(b, ' ');
		text(b, f->mod);
	}
}

/* "    #3  main /src/server.c:88 (server+0x11f0)" */
static void frame_full(struct sbuf *b, size_t i, const struct frame *f)
{
	fr_sbuf_fmt(b, "    #%-2zu ", i);
	if (f->fn) {
		text(b, f->fn);
		fr_sbuf_char(b, ' ');
	}
	if (f->fn && f->file) {
		text(b, f->file);
		fr_sbuf_fmt(b, ":%u ", f->line);
	}
	if (f->inl) {
		fr_sbuf_str(b, "(inlined)\n");
		return;
	}
	fr_sbuf_str(b, f->fn ? "(" : "");
	place(b, f);
	fr_sbuf_str(b, f->fn ? ")\n" : "\n");
}

static void add_frame(struct sbuf *b, enum stack_form form, size_t i, const struct frame *f)
{
	if (form == FR_STACK_FULL) {
		frame_full(b, i, f);
		return;
	}
	if (i)
		fr_sbuf_str(b, form == FR_STACK_JSON ? "," : " < ");
	if (form == FR_STACK_JSON)
		fr_frame_json(b, f);
	else
		fr_frame_text(b, f);
}

static struct text make(struct stacks *st, enum stack_form form, uint32_t id)
{
	const struct frame *frames = NULL;
	size_t n = id ? fr_symbols_stack(st->sy, id, &frames) : 0;

	if (form == FR_STACK_LINE && n > LINE_FRAMES)
		n = LINE_FRAMES;
	fr_sbuf_reset(&st->buf);
	if (form == FR_STACK_JSON)
		fr_sbuf_char(&st->buf, '[');
	for (size_t i = 0; i < n; i++)
		add_frame(&st->buf, form, i, &frames[i]);
	if (form == FR_STACK_JSON)
		fr_sbuf_char(&st->buf, ']');
	return (struct text){fr_arena_strndup(&st->arena, fr_sbuf_cstr(&st->buf), st->buf.n),
			     st->buf.n};
}

static const struct text *get(struct stacks *st, enum stack_form form, uint32_t id)
{
	if (id >= st->n) /* not in the depot: as good as none */
		id = 0;
	if (!st->cache[form])
		st->cache[form] = fr_mem_alloc(st->n * sizeof(*st->cache[form]));
	if (!st->cache[form][id].s)
		st->cache[form][id] = make(st, form, id);
	return &st->cache[form][id];
}

void fr_stacks_put(struct stacks *st, struct sbuf *b, enum stack_form form, uint32_t id)
{
	const struct text *t = get(st, form, id);

	fr_sbuf_add(b, t->s, t->n);
}

struct stacks *fr_stacks_open(const struct recording *rec, struct symbols *sy)
{
	struct stacks *st = fr_mem_alloc(sizeof(*st));

	st->sy = sy;
	st->n = rec->sec[FR_SEC_DEPOT].size / 8 + 1;
	return st;
}

void fr_stacks_close(struct stacks *st)
{
	if (!st)
		return;
	for (int i = 0; i < FR_STACK_FORMS; i++)
		free(st->cache[i]);
	fr_arena_free(&st->arena);
	fr_sbuf_free(&st->buf);
	free(st);
}
