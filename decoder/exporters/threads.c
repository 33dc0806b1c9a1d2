/* SPDX-License-Identifier: MIT */
/*
 * threads.c - fr threads: where every thread stood, threads with the same stack and state together,
 * with what each waits for, who holds that, what it holds itself and who created it.
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/holders.h"
#include "base/mem.h"
#include "exporters/filter.h"
#include "exporters/json.h"
#include "exporters/view.h"
#include "model/stands.h"

#define MEMBERS_SHOWN 6

static const char *const state_names[] = {
	[THREAD_RUNNING] = "running",
	[THREAD_BLOCKED] = "blocked",
	[THREAD_EXITED] = "exited",
	[THREAD_CRASHED] = "crashed",
};

struct row {
	enum stand class;
	uint8_t kind;
	uint32_t stack;
	uint64_t since_ns;
	uint32_t thread;
	const char *task; /* of one in no hooked call: what the kernel says, "" = nothing */
};

/* Where a thread stood: its wait, the crash, or the last thing it did that was recorded. */
static uint32_t stack_of(const struct model *m, const struct thread *t)
{
	const struct span *s = fr_open_span(m, t);

	if (t->state == THREAD_CRASHED)
		return m->rec->crash.stack;
	return s ? s->stack : t->last_stack;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *held_json(const struct view *v, const struct thread *t)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < t->n_held; i++) {
		const struct held *h = &t->held[i];
		json_t *o = json_object();

		json_object_set_new(o, "addr", fr_json_addr(v->m->locks[h->lock].addr));
		json_object_set_new(o, "since_ns",
				    h->since_ns ? json_integer((json_int_t)h->since_ns)
						: json_null());
		json_object_set_new(o, "at_least", json_boolean(h->at_least));
		json_object_set_new(o, "name",
				    fr_json_text(fr_name_lock_symbol(v->names, h->lock)));
		json_object_set_new(o, "stack", fr_json_stack(v->stacks, h->stack));
		json_array_append_new(list, o);
	}
	return list;
}

/* Exact at every level of class mem but off, since the thread's start. */
static json_t *mem_json(const struct fr_thread_rec *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "allocs", json_integer((json_int_t)r->allocs));
	json_object_set_new(o, "alloc_bytes", json_integer((json_int_t)r->alloc_bytes));
	json_object_set_new(o, "frees", json_integer((json_int_t)r->frees));
	return o;
}

/* Of one in no hooked call the kernel may know more. */
static const char *state_of(const struct thread *t)
{
	const struct rec_thread *th = t->rec;

	if (t->state != THREAD_RUNNING || th->ran || !(th->task.known & FR_TASK_STAT))
		return state_names[t->state];
	switch (th->task.state) {
	case 'S':
	case 'D':
		return "asleep";
	case 'T':
	case 't':
		return "stopped";
	}
	return state_names[t->state];
}

static json_t *thread_json(const struct view *v, uint32_t index)
{
	const struct thread *t = &v->m->threads[index];
	const struct span *s = fr_open_span(v->m, t);
	json_t *o = json_object();
	char handle[16];

	snprintf(handle, sizeof(handle), "T%u", t->serial);
	json_object_set_new(o, "handle", json_string(handle));
	json_object_set_new(o, "tid", json_integer(t->tid));
	json_object_set_new(o, "name", fr_json_text(t->rec->name));
	json_object_set_new(o, "state", json_string(state_of(t)));
	json_object_set_new(o, "since_ns", s ? json_integer((json_int_t)s->start_ns) : json_null());
	json_object_set_new(o, "on", s ? fr_view_on_json(v, s) : json_null());
	json_object_set_new(o, "held", held_json(v, t));
	json_object_set_new(o, "held_total", json_integer(t->held_total));
	json_object_set_new(o, "stack", fr_json_stack(v->stacks, stack_of(v->m, t)));
	json_object_set_new(o, "stack_of",
			    json_string(s || t->state == THREAD_CRASHED ? "state" : "last event"));
	json_object_set_new(o, "created_by", fr_json_stack(v->stacks, t->create_stack));
	json_object_set_new(o, "creator_tid", json_integer(t->rec->r.creator_tid));
	json_object_set_new(o, "stuck", json_boolean(fr_thread_is_stuck(v->m, index)));
	json_object_set_new(o, "unexplained",
			    json_boolean(fr_thread_stand(v->m, index) == STAND_UNEXPLAINED));
	json_object_set_new(o, "alive", json_boolean(t->state != THREAD_EXITED));
	json_object_set_new(o, "start_ns", json_integer((json_int_t)t->start_ns));
	json_object_set_new(o, "end_ns",
			    t->end_ns ? json_integer((json_int_t)t->end_ns) : json_null());
	json_object_set_new(o, "events", json_integer((json_int_t)t->rec->r.events));
	json_object_set_new(o, "mem", mem_json(&t->rec->r));
	json_object_set_new(o, "kernel", fr_task_json(v, t->rec));
	return o;
}

/* ---- text ------------------------------------------------------------------------------------ */

static int by_bucket(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (strcmp(x->task, y->task))
		return strcmp(x->task, y->task);
	if (x->since_ns != y->since_ns)
		return x->since_ns < y->since_ns ? -1 : 1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static const char *owner_text(const struct view *v, const struct span *s)
{
	const char *who;

	if (!fr_span_is_lock(s) || s->object == MODEL_NONE)
		return "";
	if (v->m->locks[s->object].is_passed)
		return ", which other threads give back than those that take it";
	who = fr_holder_text(v->names, v->m, s->object);
	if (who)
		return fr_name_fmt(v->names, ", held by %s", who);
	if (s->owner == MODEL_NONE)
		return fr_name_given_back(v->names, s->object);
	return fr_name_fmt(v->names, ", held by %s when the wait began",
			   fr_name_thread(v->names, s->owner));
}

static void held_text(const struct view *v, const struct thread *t)
{
	uint32_t i;

	for (i = 0; i < t->n_held && (i < 4 || v->c->opt->all); i++) {
		const struct held *h = &t->held[i];
		const char *site = fr_name_site(v->names, h->stack);
		const char *age = "";

		if (h->since_ns && h->since_ns <= v->m->end_ns)
			age = fr_name_fmt(v->names, " for %s%s", h->at_least ? "at least " : "",
					  fr_name_ns(v->names, v->m->end_ns - h->since_ns));
		fr_view_printf(v, "        holds %s %s%s%s%s\n", fr_name_lock_kind(v->m, h->lock),
			       fr_name_lock(v->names, h->lock), age, site ? ", taken in " : "",
			       site ? site : "");
	}
	if (i < t->held_total)
		fr_view_printf(v, "        holds %s\n",
			       fr_name_count(v->names, t->held_total - i, "more lock"));
}

static void member_text(const struct view *v, const struct row *r)
{
	const struct thread *t = &v->m->threads[r->thread];
	const struct span *s = fr_open_span(v->m, t);
	const char *creator = fr_name_site(v->names, t->create_stack);

	fr_view_printf(v, "    ");
	fr_view_tint(v, TINT_BOLD, fr_name_thread(v->names, r->thread));
	fr_view_printf(v, " (tid %u)", t->tid);
	if (s)
		fr_view_printf(v, " for %s in %s%s", fr_name_ns(v->names, fr_span_ns(s)),
			       fr_name_wait(v->names, s), owner_text(v, s));
	else if (t->state == THREAD_EXITED && t->end_ns && t->end_ns <= v->m->end_ns)
		fr_view_printf(v, " ended %s before the end",
			       fr_name_ns(v->names, v->m->end_ns - t->end_ns));
	if (creator)
		fr_view_printf(v, "; created in %s", creator);
	fr_view_printf(v, "\n");
	held_text(v, t);
}

static const char *bucket_title(const struct view *v, const struct row *rows, size_t n)
{
	const struct thread *t = &v->m->threads[rows[0].thread];
	const struct span *s = fr_open_span(v->m, t);
	const char *threads = fr_name_fmt(v->names, "%zu thread%s", n, n == 1 ? "" : "s");

	if (rows[0].task[0])
		return fr_name_fmt(v->names, "%s %s (the stack is that of the last event)", threads,
				   rows[0].task);
	switch (rows[0].class) {
	case STAND_CRASHED:
		return fr_name_fmt(v->names, "%s: crashed here", threads);
	case STAND_RUNNING:
		return fr_name_fmt(v->names,
				   "%s running or runnable (the stack is that of the last event)",
				   threads);
	case STAND_UNEXPLAINED:
		return fr_name_fmt(v->names,
				   "%s compute%s or wait%s in calls that are not recorded (the "
				   "stack is that of the last event)",
				   threads, n == 1 ? "s" : "", n == 1 ? "s" : "");
	case STAND_ENDED:
		return fr_name_fmt(v->names, "%s ended", threads);
	default:
		return fr_name_fmt(
			v->names, "%s blocked in %s()%s%s%s", threads, fr_span_call(v->m, s),
			rows[0].class == STAND_WORK ? ", idle" : "", n > 1 ? ", longest " : " for ",
			fr_name_ns(v->names, fr_span_ns(s)));
	}
}

static void bucket_text(const struct view *v, const struct row *rows, size_t n)
{
	static const enum tint tints[] = {
		[STAND_CRASHED] = TINT_RED,   [STAND_LOCK] = TINT_YELLOW,
		[STAND_PEER] = TINT_YELLOW,   [STAND_OTHER] = TINT_NONE,
		[STAND_RUNNING] = TINT_GREEN, [STAND_UNEXPLAINED] = TINT_YELLOW,
		[STAND_WORK] = TINT_DIM,      [STAND_ENDED] = TINT_DIM,
	};
	size_t i;

	fr_view_tint(v, tints[rows[0].class], bucket_title(v, rows, n));
	fr_view_printf(v, "\n");
	for (i = 0; i < n && (i < MEMBERS_SHOWN || v->c->opt->all); i++)
		member_text(v, &rows[i]);
	if (i < n)
		fr_view_printf(v, "    and %zu more (-a shows them)\n", n - i);
	if (rows[0].stack)
		fr_view_stack(v, 4, NULL, rows[0].stack);
	fr_view_printf(v, "\n");
}

static bool same_bucket(const struct row *x, const struct row *y)
{
	return x->class == y->class && x->kind == y->kind && x->stack == y->stack &&
	       !strcmp(x->task, y->task);
}

static void threads_text(const struct view *v, struct row *rows, size_t n)
{
	size_t from, to, ended = 0;

	if (n)
		qsort(rows, n, sizeof(*rows), by_bucket);
	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n && same_bucket(&rows[from], &rows[to]); to++)
			;
		if (rows[from].class == STAND_ENDED && !v->c->opt->all && !v->c->opt->thread)
			ended += to - from;
		else
			bucket_text(v, rows + from, to - from);
	}
	if (ended)
		fr_view_printf(v, "%s ended before (-a shows them)\n",
			       fr_name_count(v->names, ended, "thread"));
	if (!n)
		fr_view_printf(v, "the recording has no threads\n");
}

/* How a thread stands; where it waits in, names tell more than the model knows. */
static enum stand stand_of(const struct view *v, uint32_t thread)
{
	const struct span *s = fr_open_span(v->m, &v->m->threads[thread]);
	enum stand stand = fr_thread_stand(v->m, thread);

	return stand == STAND_OTHER && s && fr_name_is_idle(v->names, s) ? STAND_WORK : stand;
}

/* What the kernel says of one in no hooked call, or "". */
static const char *task_of(const struct view *v, uint32_t thread)
{
	const struct thread *t = &v->m->threads[thread];
	const char *text = NULL;

	if (t->state == THREAD_RUNNING && t->open == MODEL_NONE)
		text = fr_name_task(v->names, v->m, thread);
	return text ? text : "";
}

static struct row make_row(const struct view *v, size_t i)
{
	const struct thread *t = &v->m->threads[i];
	const struct span *s = fr_open_span(v->m, t);

	return (struct row){
		.class = stand_of(v, (uint32_t)i),
		.task = task_of(v, (uint32_t)i),
		.kind = s ? s->kind : 0,
		.stack = stack_of(v->m, t),
		.since_ns = s ? s->start_ns : t->start_ns,
		.thread = (uint32_t)i,
	};
}

static void prefetch(const struct view *v, const struct row *rows, size_t n)
{
	uint32_t *ids = fr_mem_alloc((2 * n + 1) * sizeof(*ids));
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		ids[k++] = rows[i].stack;
		ids[k++] = v->m->threads[rows[i].thread].create_stack;
	}
	fr_symbols_prefetch(v->sy, ids, k);
	free(ids);
}

int fr_cmd_threads(struct call *c)
{
	struct filter *f = fr_filter_open(c->rec, c->opt, c->diag);
	json_t *list = json_array();
	struct row *rows;
	struct view v;
	size_t i, n = 0;

	if (!f) {
		json_decref(list);
		return FR_EXIT_ERROR;
	}
	fr_view_open(&v, c);
	rows = fr_mem_alloc((v.m->n_threads + 1) * sizeof(*rows));
	for (i = 0; i < v.m->n_threads; i++) {
		if (fr_filter_thread(f, i))
			rows[n++] = make_row(&v, i);
	}
	prefetch(&v, rows, n);
	for (i = 0; c->opt->json && i < n; i++)
		json_array_append_new(list, thread_json(&v, rows[i].thread));
	if (c->opt->json)
		fr_json_print(json_incref(list), c->out);
	else
		threads_text(&v, rows, n);
	json_decref(list);
	free(rows);
	fr_view_close(&v);
	fr_filter_close(f);
	return FR_EXIT_OK;
}
