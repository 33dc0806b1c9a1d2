/* SPDX-License-Identifier: MIT */
/*
 * report.c - fr report: what was wrong, in words, on one screen.
 *
 *   who, why and when · window · losses
 *   findings, the worst first
 *   what is fine, what could not be judged
 *   where the time went
 *   what to type next
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/analysis.h"
#include "analyses/needs.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/units.h"
#include "exporters/json.h"
#include "exporters/report_text.h"
#include "exporters/waits.h"
#include "read/drops.h"

#define WAITS_SHOWN 8
#define IDLE_SHOWN 3

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *process_json(const struct recording *rec)
{
	json_t *o = json_object();

	json_object_set_new(o, "pid", json_integer(rec->hdr.pid));
	json_object_set_new(o, "comm", fr_json_text(rec->hdr.comm));
	json_object_set_new(o, "exe", fr_json_text(rec->hdr.exe));
	json_object_set_new(o, "host", fr_json_text(rec->hdr.host));
	return o;
}

static json_t *trigger_json(const struct recording *rec)
{
	uint32_t signo = rec->trigger.signo ? rec->trigger.signo : rec->crash.signo;
	uint32_t tid = rec->trigger.tid ? rec->trigger.tid : rec->crash.tid;
	json_t *o = json_object();
	char buf[FR_UNITS_LEN];

	json_object_set_new(o, "kind", json_string(fr_report_trigger(rec)));
	json_object_set_new(o, "signal",
			    signo ? fr_json_text(fr_units_signal(buf, signo)) : json_null());
	json_object_set_new(o, "tid", tid ? json_integer(tid) : json_null());
	json_object_set_new(o, "reason", fr_json_text(rec->trigger.reason));
	json_object_set_new(o, "real_ns", json_integer((json_int_t)rec->trigger.real_ns));
	return o;
}

static json_t *window_json(const struct model *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "start_ns", json_integer((json_int_t)m->start_ns));
	json_object_set_new(o, "end_ns", json_integer((json_int_t)m->end_ns));
	json_object_set_new(o, "duration_ns", json_integer((json_int_t)(m->end_ns - m->start_ns)));
	json_object_set_new(o, "common_ns",
			    json_integer((json_int_t)fr_model_common(m, 0, m->end_ns)));
	return o;
}

static json_t *drops_json(const struct recording *rec)
{
	json_t *o = json_object();
	char buf[FR_DROP_NAME_LEN];
	size_t i;

	for (i = 0; i < rec->n_drops; i++) {
		if (rec->drops[i])
			json_object_set_new(o, fr_drop_name(i, buf),
					    json_integer((json_int_t)rec->drops[i]));
	}
	return o;
}

static json_t *lines_json(const struct finding *f)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < f->n_lines; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "text", fr_json_text(f->lines[i].text));
		json_object_set_new(o, "site", fr_json_text(f->lines[i].site));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *stack_json(const struct view *v, const struct finding_stack *s)
{
	struct sbuf b = {0};
	json_t *list;

	if (!s->frames)
		return fr_json_stack(v->stacks, s->stack);
	fr_sbuf_char(&b, '[');
	for (size_t i = 0; i < s->n_frames; i++) {
		fr_sbuf_str(&b, i ? "," : "");
		fr_frame_json(&b, &s->frames[i]);
	}
	fr_sbuf_char(&b, ']');
	list = json_loads(fr_sbuf_cstr(&b), 0, NULL);
	fr_sbuf_free(&b);
	return list ? list : json_array();
}

static void stacks_json(const struct view *v, const struct finding *f, json_t *o)
{
	json_t *stacks = json_array(), *labels = json_array();
	size_t i;

	for (i = 0; i < f->n_stacks; i++) {
		json_array_append_new(stacks, stack_json(v, &f->stacks[i]));
		json_array_append_new(labels, fr_json_text(f->stacks[i].label));
	}
	json_object_set_new(o, "stacks", stacks);
	json_object_set_new(o, "stack_labels", labels);
}

static json_t *finding_json(const struct view *v, const struct finding *f, size_t number)
{
	json_t *o = json_object(), *threads = json_array(), *events = json_array();
	char buf[FR_UNITS_LEN];
	size_t i;

	snprintf(buf, sizeof(buf), "F%zu", number);
	json_object_set_new(o, "id", json_string(buf));
	json_object_set_new(o, "rule", json_string(f->rule->name));
	json_object_set_new(o, "severity", json_string(fr_severity_name(f->severity)));
	json_object_set_new(o, "score", json_integer(f->score));
	json_object_set_new(o, "title", fr_json_text(f->title));
	json_object_set_new(o, "site", fr_json_text(f->site));
	json_object_set_new(o, "impact_ns", json_integer((json_int_t)f->impact_ns));
	for (i = 0; i < f->n_threads; i++)
		json_array_append_new(threads, json_integer(v->m->threads[f->threads[i]].tid));
	json_object_set_new(o, "threads", threads);
	stacks_json(v, f, o);
	json_object_set_new(o, "lines", lines_json(f));
	for (i = 0; i < f->n_events; i++) {
		snprintf(buf, sizeof(buf), "E%llu", (unsigned long long)f->events[i]);
		json_array_append_new(events, json_string(buf));
	}
	json_object_set_new(o, "events", events);
	json_object_set_new(o, "why", fr_json_text(f->why));
	json_object_set_new(o, "next", fr_json_text(f->next));
	return o;
}

static json_t *waits_json(struct view *v)
{
	json_t *list = json_array();
	struct wait_row *rows;
	size_t i, n = fr_waits_top(v, fr_report_from(v->m), &rows);

	for (i = 0; i < n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "kind", json_string(rows[i].kind));
		json_object_set_new(o, "what", fr_json_text(rows[i].what));
		json_object_set_new(o, "total_ns", json_integer((json_int_t)rows[i].total_ns));
		json_object_set_new(o, "count", json_integer((json_int_t)rows[i].count));
		json_object_set_new(o, "p50_ns", json_integer((json_int_t)rows[i].p50_ns));
		json_object_set_new(o, "p99_ns",
				    rows[i].p99_ns ? json_integer((json_int_t)rows[i].p99_ns)
						   : json_null());
		json_object_set_new(o, "max_ns", json_integer((json_int_t)rows[i].max_ns));
		json_object_set_new(o, "idle", json_boolean(rows[i].idle));
		json_array_append_new(list, o);
	}
	free(rows);
	return list;
}

/* How much was seen: of which threads it is known where they stood. */
static json_t *seen_json(const struct analysis *a)
{
	uint32_t *index = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*index));
	size_t i, n = fr_need_unexplained(a, index);
	json_t *o = json_object(), *tids = json_array();

	for (i = 0; i < n; i++)
		json_array_append_new(tids, json_integer(a->m->threads[index[i]].tid));
	json_object_set_new(o, "unexplained", tids);
	json_object_set_new(o, "text", fr_json_text(n ? a->seen : NULL));
	free(index);
	return o;
}

static void report_json(struct view *v, const struct analysis *a)
{
	json_t *o = json_object(), *findings = json_array(), *ok = json_array(), *na = json_array();
	const struct recording *rec = v->c->rec;
	size_t i;

	json_object_set_new(o, "fr", json_integer(1));
	json_object_set_new(o, "process", process_json(rec));
	json_object_set_new(o, "trigger", trigger_json(rec));
	json_object_set_new(o, "window", window_json(v->m));
	json_object_set_new(o, "threads", json_integer((json_int_t)v->m->n_threads));
	json_object_set_new(o, "events", json_integer((json_int_t)rec->n_events));
	json_object_set_new(o, "drops", drops_json(rec));
	for (i = 0; i < a->n; i++)
		json_array_append_new(findings, finding_json(v, a->findings[i], i + 1));
	json_object_set_new(o, "findings", findings);
	for (i = 0; i < fr_n_rules; i++) {
		if (a->missing[i])
			json_array_append_new(na, json_pack("{s:s,s:o}", "rule", fr_rules[i].name,
							    "why", fr_json_text(a->missing[i])));
		else if (a->results[i] == RULE_OK)
			json_array_append_new(ok, json_string(fr_rules[i].name));
	}
	json_object_set_new(o, "ok", ok);
	json_object_set_new(o, "na", na);
	json_object_set_new(o, "seen", seen_json(a));
	json_object_set_new(o, "waits", waits_json(v));
	fr_json_print(o, v->c->out);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void finding_stack_text(const struct view *v, unsigned int indent,
			       const struct finding_stack *s)
{
	if (s->frames)
		fr_view_frames(v, indent, s->label, s->frames, s->n_frames);
	else
		fr_view_stack(v, indent, s->label, s->stack);
}

static void findings_text(struct view *v, const struct analysis *a)
{
	static const enum tint tints[] = {TINT_BLUE, TINT_YELLOW, TINT_RED};
	size_t i, k;

	for (i = 0; i < a->n; i++) {
		const struct finding *f = a->findings[i];
		char head[48];

		snprintf(head, sizeof(head), " F%zu %s %u  ", i + 1,
			 f->severity == SEVERITY_CRIT   ? "CRIT"
			 : f->severity == SEVERITY_WARN ? "WARN"
							: "INFO",
			 f->score);
		fr_view_tint(v, tints[f->severity], head);
		fr_view_line(v, (unsigned int)strlen(head), TINT_BOLD, f->title, f->site);
		for (k = 0; k < f->n_lines; k++) {
			fr_view_printf(v, "%*s", (int)strlen(head), "");
			fr_view_line(v, (unsigned int)strlen(head), TINT_NONE, f->lines[k].text,
				     f->lines[k].site);
		}
		fr_view_printf(v, "%*s", (int)strlen(head), "");
		fr_view_line(v, (unsigned int)strlen(head) + 5, TINT_NONE,
			     fr_name_fmt(v->names, "why: %s", f->why), NULL);
		fr_view_printf(v, "%*s", (int)strlen(head), "");
		fr_view_line(v, (unsigned int)strlen(head) + 6, TINT_NONE,
			     fr_name_fmt(v->names, "next: %s", f->next), NULL);
		for (k = 0; (f->show_stacks || v->c->opt->all) && k < f->n_stacks; k++)
			finding_stack_text(v, (unsigned int)strlen(head), &f->stacks[k]);
		fr_view_printf(v, "\n");
	}
}

/* Rules that could not judge for the same reason stand in one line. */
static void not_judged_text(struct view *v, const struct analysis *a)
{
	bool *told = fr_mem_alloc(fr_n_rules);
	size_t i, k;

	for (i = 0; i < fr_n_rules; i++) {
		const char *rules = "", *sep = "";

		if (!a->missing[i] || told[i])
			continue;
		for (k = i; k < fr_n_rules; k++) {
			if (!a->missing[k] || strcmp(a->missing[k], a->missing[i]))
				continue;
			rules = fr_name_fmt(v->names, "%s%s%s", rules, sep, fr_rules[k].name);
			sep = ", ";
			told[k] = true;
		}
		fr_view_printf(v, " ");
		fr_view_line(v, 2, TINT_NONE,
			     fr_name_fmt(v->names, "not judged: %s: %s", rules, a->missing[i]),
			     NULL);
	}
	free(told);
}

static void rules_text(struct view *v, const struct analysis *a)
{
	const char *all = NULL;
	size_t i;

	for (i = 0; i < fr_n_rules; i++) {
		if (a->results[i] == RULE_OK && !a->missing[i] && fr_rules[i].ok[0])
			all = all ? fr_name_fmt(v->names, "%s \302\267 %s", all, fr_rules[i].ok)
				  : fr_rules[i].ok;
	}
	if (all) {
		fr_view_printf(v, " ");
		fr_view_line(v, 5, TINT_GREEN, fr_name_fmt(v->names, "ok: %s", all), NULL);
	}
	not_judged_text(v, a);
	if (a->seen) {
		fr_view_printf(v, " ");
		fr_view_line(v, 2, TINT_NONE, fr_name_fmt(v->names, "seen: %s", a->seen), NULL);
	}
}

static void waits_text(struct view *v)
{
	struct table *t = fr_table_new(v->c->opt->color);
	size_t i, shown = 0, idle = 0;
	struct wait_row *rows;
	size_t n = fr_waits_top(v, fr_report_from(v->m), &rows);

	fr_table_column(t, "TOP WAITS", TABLE_LEFT);
	fr_table_column(t, "for", TABLE_LEFT);
	fr_table_column(t, "total", TABLE_RIGHT);
	fr_table_column(t, "count", TABLE_RIGHT);
	fr_table_column(t, "p50", TABLE_RIGHT);
	fr_table_column(t, "p99", TABLE_RIGHT);
	fr_table_column(t, "max", TABLE_RIGHT);
	fr_table_column(t, "worst", TABLE_LEFT);
	for (i = 0; i < n; i++) {
		const struct wait_row *r = &rows[i];

		if (!v->c->opt->all && (r->idle ? idle++ >= IDLE_SHOWN : shown++ >= WAITS_SHOWN))
			continue;
		fr_table_cell_fmt(t, "%s%s", r->kind, r->idle ? " (idle)" : "");
		fr_table_cell(t, r->what);
		fr_table_cell_ns(t, r->total_ns);
		fr_table_cell_u64(t, r->count);
		fr_table_cell_ns(t, r->p50_ns);
		if (r->p99_ns)
			fr_table_cell_ns(t, r->p99_ns);
		else
			fr_table_cell(t, "");
		fr_table_cell_ns(t, r->max_ns);
		fr_table_cell_fmt(t, r->worst ? "E%llu" : "now", (unsigned long long)r->worst);
	}
	if (n) {
		fr_view_printf(v, "\n");
		fr_table_print(t, v->c->out);
	} else {
		fr_view_printf(v, "\n no thread waited for anything that was recorded\n");
	}
	fr_table_free(t);
	free(rows);
}

/* Which stacks the report will ask for, so that each module is read once. */
static void prefetch(struct view *v)
{
	const struct model *m = v->m;
	uint32_t ids[64];
	size_t i, n = 0;

	for (i = 0; i < m->n_locks && n < 60 && m->locks[i].waits; i++) {
		const struct lock *l = &m->locks[i];

		ids[n++] = m->spans[m->lock_waits[l->first_wait]].stack;
		if (l->n_holds)
			ids[n++] = m->holds[l->first_hold].rel_stack;
	}
	ids[n++] = m->rec->crash.stack;
	fr_symbols_prefetch(v->sy, ids, n);
}

int fr_cmd_report(struct call *c)
{
	struct view v;
	struct analysis *a;

	fr_view_open(&v, c);
	prefetch(&v);
	a = fr_analysis_run(v.m, v.names);
	if (c->opt->json) {
		report_json(&v, a);
	} else {
		fr_report_header(&v);
		findings_text(&v, a);
		rules_text(&v, a);
		waits_text(&v);
		fr_view_printf(&v, "\n next: fr threads %s · fr locks %s · fr events %s\n", c->spec,
			       c->spec, c->spec);
	}
	fr_analysis_free(a);
	fr_view_close(&v);
	return FR_EXIT_OK;
}
