/* SPDX-License-Identifier: MIT */
/*
 * locks.c - fr locks: contention by lock, and who made whom wait.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/table.h"
#include "exporters/json.h"
#include "exporters/view.h"

#define DETAILS 3
#define BLAMED 4
#define DEFAULT_LIMIT 30

/* ---- which locks ----------------------------------------------------------------------------- */

static bool named(const struct view *v, uint32_t lock, const char *pattern)
{
	const struct lock *l = &v->m->locks[lock];
	const char *symbol;
	uint64_t n;

	if (toupper((unsigned char)pattern[0]) == 'L' && fr_parse_number(pattern + 1, &n))
		return l->handle == n;
	if (fr_parse_address(pattern, &n))
		return l->addr == n;
	symbol = fr_name_lock_symbol(v->names, lock);
	return symbol && (!strcmp(pattern, symbol) || !fnmatch(pattern, symbol, 0));
}

/* Conditions have waits of their own kind; locks that nobody used are only in a table. */
static bool wanted(const struct view *v, uint32_t lock)
{
	const struct lock *l = &v->m->locks[lock];
	const struct options *o = v->c->opt;

	if (o->lock)
		return named(v, lock, o->lock);
	if (l->is_cond && !l->futex)
		return false;
	return l->waits || l->life_waits || l->life_late || ((o->all || o->json) && l->holds);
}

static size_t select_locks(const struct view *v, uint32_t **out)
{
	uint32_t *list = fr_mem_alloc((v->m->n_locks + 1) * sizeof(*list));
	uint64_t limit = v->c->opt->limit;
	size_t i, n = 0;

	if (!limit)
		limit = v->c->opt->json || v->c->opt->all ? UINT64_MAX : DEFAULT_LIMIT;
	for (i = 0; i < v->m->n_locks && n < limit; i++) {
		if (wanted(v, (uint32_t)i))
			list[n++] = (uint32_t)i;
	}
	*out = list;
	return n;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *blame_json(const struct view *v, const struct blame *b, const char *key)
{
	json_t *o = json_object();

	json_object_set_new(o, "tid", json_integer(v->m->threads[b->thread].tid));
	json_object_set_new(o, "stack", fr_json_stack(v->stacks, b->stack));
	json_object_set_new(o, key, json_integer((json_int_t)b->ns));
	json_object_set_new(o, "count", json_integer(b->n));
	json_object_set_new(o, "max_ns", json_integer((json_int_t)b->max_ns));
	return o;
}

static json_t *blames_json(const struct view *v, struct blame *rows, size_t n, const char *key)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, blame_json(v, &rows[i], key));
	free(rows);
	return list;
}

static json_t *ns(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *lock_json(const struct view *v, uint32_t lock)
{
	const struct lock *l = &v->m->locks[lock];
	uint32_t owner = v->m->locks[lock].owner;
	json_t *o = json_object();
	struct blame *b;
	char handle[16];
	size_t n;

	snprintf(handle, sizeof(handle), "L%u", l->handle);
	json_object_set_new(o, "handle", json_string(handle));
	json_object_set_new(o, "addr", fr_json_addr(l->addr));
	json_object_set_new(o, "name", fr_json_text(fr_name_lock_symbol(v->names, lock)));
	json_object_set_new(o, "kind", json_string(fr_name_lock_kind(v->m, lock)));
	json_object_set_new(o, "waits", ns(l->waits));
	json_object_set_new(o, "wait_ns", ns(l->wait_ns));
	json_object_set_new(o, "max_wait_ns", ns(l->max_wait_ns));
	json_object_set_new(o, "p99_wait_ns", ns(l->p99_wait_ns));
	json_object_set_new(o, "holds", ns(l->holds));
	json_object_set_new(o, "max_hold_ns", ns(l->max_hold_ns));
	json_object_set_new(o, "handoff_ns", ns(l->handoff_ns));
	json_object_set_new(o, "owner_tid",
			    owner == MODEL_NONE ? json_null() : ns(v->m->threads[owner].tid));
	json_object_set_new(o, "lifetime",
			    json_pack("{s:o,s:o,s:o,s:o}", "waits", ns(l->life_waits), "wait_ns",
				      ns(l->life_wait_ns), "max_wait_ns", ns(l->life_max_wait_ns),
				      "late", ns(l->life_late)));
	n = fr_lock_holders(v->m, lock, &b);
	json_object_set_new(o, "holders", blames_json(v, b, n, "inflicted_ns"));
	n = fr_lock_waiters(v->m, lock, &b);
	json_object_set_new(o, "waiters", blames_json(v, b, n, "wait_ns"));
	return o;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void row_text(const struct view *v, struct table *t, uint32_t lock)
{
	const struct lock *l = &v->m->locks[lock];
	uint32_t owner = v->m->locks[lock].owner;
	const char *symbol = fr_name_lock_symbol(v->names, lock);

	fr_table_cell_fmt(t, "L%u", l->handle);
	fr_table_cell(t, symbol ? symbol
				: fr_name_fmt(v->names, "0x%llx", (unsigned long long)l->addr));
	fr_table_cell(t, fr_name_lock_kind(v->m, lock));
	fr_table_cell_u64(t, l->waits);
	fr_table_cell_ns(t, l->wait_ns);
	if (l->waits >= 100)
		fr_table_cell_ns(t, l->p99_wait_ns);
	else
		fr_table_cell(t, "");
	fr_table_cell_ns(t, l->max_wait_ns);
	if (l->max_hold_ns)
		fr_table_cell_ns(t, l->max_hold_ns);
	else
		fr_table_cell(t, "");
	fr_table_cell_fmt(t, "%llu", (unsigned long long)l->life_waits);
	fr_table_cell(t, owner == MODEL_NONE ? "" : fr_name_thread(v->names, owner));
}

static void table_text(const struct view *v, const uint32_t *locks, size_t n)
{
	static const struct {
		const char *title;
		enum table_align align;
	} columns[] = {
		{"lock", TABLE_LEFT},        {"name", TABLE_LEFT},      {"kind", TABLE_LEFT},
		{"waits", TABLE_RIGHT},      {"total", TABLE_RIGHT},    {"p99", TABLE_RIGHT},
		{"max wait", TABLE_RIGHT},   {"max hold", TABLE_RIGHT}, {"ever", TABLE_RIGHT},
		{"held now by", TABLE_LEFT},
	};
	struct table *t = fr_table_new(v->c->opt->color);
	size_t i;

	for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		fr_table_column(t, columns[i].title, columns[i].align);
	for (i = 0; i < n; i++)
		row_text(v, t, locks[i]);
	fr_table_print(t, v->c->out);
	fr_table_free(t);
}

static void blame_text(const struct view *v, const struct blame *b, const char *verb,
		       uint64_t total, bool stacks)
{
	const char *longest = b->max_ns ? fr_name_ns(v->names, b->max_ns) : "unknown";
	const char *text =
		fr_name_fmt(v->names, "%s %s %u time%s, longest %s: %s (%u %%)",
			    fr_name_thread(v->names, b->thread), verb, b->n, b->n == 1 ? "" : "s",
			    longest, fr_name_ns(v->names, b->ns),
			    total ? (unsigned int)((double)b->ns * 100 / (double)total) : 0);

	fr_view_printf(v, "    ");
	fr_view_line(v, 4, TINT_NONE, text, stacks ? NULL : fr_name_site(v->names, b->stack));
	if (stacks)
		fr_view_stack(v, 4, NULL, b->stack);
}

static void blames_text(const struct view *v, struct blame *rows, size_t n, const char *head,
			const char *verb, uint64_t total)
{
	bool all = v->c->opt->lock || v->c->opt->all;
	size_t i;

	if (n)
		fr_view_printf(v, "  %s\n", head);
	for (i = 0; i < n && (all || (i < BLAMED && rows[i].ns)); i++)
		blame_text(v, &rows[i], verb, total, v->c->opt->lock != NULL);
	if (i < n)
		fr_view_printf(v, "    and %zu more (-a shows them)\n", n - i);
	free(rows);
}

/* "L1 buckets[3].mu"; a lock without a name is called by its handle already. */
static const char *handle_and_name(const struct view *v, uint32_t lock)
{
	if (!fr_name_lock_symbol(v->names, lock))
		return fr_name_lock(v->names, lock);
	return fr_name_fmt(v->names, "L%u %s", v->m->locks[lock].handle,
			   fr_name_lock(v->names, lock));
}

static void detail_text(const struct view *v, uint32_t lock)
{
	const struct lock *l = &v->m->locks[lock];
	struct blame *b;
	size_t n;

	fr_view_printf(v, "\n");
	fr_view_tint(v, TINT_BOLD, handle_and_name(v, lock));
	fr_view_printf(v,
		       ": waited for %s; %s of it after the lock had been given back or with "
		       "a holder that is not known\n",
		       fr_name_ns(v->names, l->wait_ns), fr_name_ns(v->names, l->handoff_ns));
	n = fr_lock_holders(v->m, lock, &b);
	blames_text(v, b, n, "made others wait:", "held it", l->wait_ns);
	n = fr_lock_waiters(v->m, lock, &b);
	blames_text(v, b, n, "waited:", "waited", l->wait_ns);
}

static void locks_text(const struct view *v, const uint32_t *locks, size_t n)
{
	size_t i, details = v->c->opt->lock || v->c->opt->all ? n : DETAILS;

	if (!n) {
		fr_view_printf(v, v->m->rec->hdr.levels[FR_CLASS_LOCK] >= FR_LEVEL_SLOW
					  ? "no thread waited for a lock\n"
					  : "locks were not recorded (FR_EVENTS)\n");
		return;
	}
	table_text(v, locks, n);
	for (i = 0; i < n && i < details; i++) {
		if (v->m->locks[locks[i]].waits)
			detail_text(v, locks[i]);
	}
}

int fr_cmd_locks(struct call *c)
{
	struct view v;
	uint32_t *locks;
	size_t i, n;
	int code = FR_EXIT_OK;

	fr_view_open(&v, c);
	n = select_locks(&v, &locks);
	if (!n && c->opt->lock) {
		diag_add(c->diag, DIAG_ERROR, "--lock: there is no lock '%s'; fr locks lists them",
			 c->opt->lock);
		code = FR_EXIT_ERROR;
	} else if (c->opt->json) {
		json_t *list = json_array();

		for (i = 0; i < n; i++)
			json_array_append_new(list, lock_json(&v, locks[i]));
		fr_json_print(list, c->out);
	} else {
		locks_text(&v, locks, n);
	}
	free(locks);
	fr_view_close(&v);
	return code;
}
