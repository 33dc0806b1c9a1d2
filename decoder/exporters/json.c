/* SPDX-License-Identifier: MIT */
/*
 * json.c - shared shapes of the JSON contract.
 */
#include "exporters/json.h"

#include <string.h>

#include "base/sbuf.h"
#include "exporters/words.h"

json_t *fr_json_text(const char *s)
{
	struct sbuf b = {0};
	json_t *v;

	if (!s)
		return json_null();
	fr_sbuf_utf8(&b, s, strlen(s));
	v = json_string(fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
	return v ? v : json_string("?");
}

json_t *fr_json_addr(uint64_t addr)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%llx", (unsigned long long)addr);
	return json_string(buf);
}

json_t *fr_json_stack(struct stacks *st, uint32_t id)
{
	struct sbuf b = {0};
	json_t *v;

	fr_stacks_put(st, &b, FR_STACK_JSON, id);
	v = json_loads(fr_sbuf_cstr(&b), 0, NULL);
	fr_sbuf_free(&b);
	return v ? v : json_array();
}

json_t *fr_json_failure(const struct fr_failure *f)
{
	json_t *o;

	if (!f->why)
		return json_null();
	o = json_object();
	json_object_set_new(o, "dir", fr_json_text(f->dir));
	json_object_set_new(o, "why", fr_json_text(fr_word_place(f->why)));
	json_object_set_new(o, "errno", fr_json_u64(f->error));
	json_object_set_new(o, "text", fr_json_text(fr_word_failure(f)));
	json_object_set_new(o, "times", fr_json_u64(f->times));
	json_object_set_new(o, "real_ns", fr_json_u64(f->real_ns));
	return o;
}

static int print_part(const char *text, size_t n, void *out)
{
	struct sbuf b = {0};

	fr_sbuf_json_dumped(&b, text, n);
	fwrite(b.s, 1, b.n, out);
	fr_sbuf_free(&b);
	return 0;
}

void fr_json_print(json_t *v, FILE *out)
{
	json_dump_callback(v, print_part, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(v);
}
