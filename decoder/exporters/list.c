/* SPDX-License-Identifier: MIT */
/*
 * list.c - fr list: the recordings there are. Regions of FR_DIR or /dev/shm/fr-<uid>, live
 * processes whose region is no file, snapshots of the current directory; with operands, both kinds
 * of files in these directories instead.
 */
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/units.h"
#include "exporters/exporters.h"
#include "exporters/json.h"
#include "exporters/words.h"
#include "model/stands.h"
#include "read/regions.h"

struct found {
	struct region_info *all;
	size_t n;
	size_t cap;
	uint64_t older_ns;
	bool refused; /* a directory */
};

static void keep(struct found *f, struct region_info *some, size_t n)
{
	if (n)
		f->all = fr_mem_grow(f->all, &f->cap, f->n + n, sizeof(*f->all));
	for (size_t i = 0; i < n; i++) {
		if (fr_region_is_older(&some[i], f->older_ns))
			f->all[f->n++] = some[i];
		else
			free(some[i].path);
	}
	free(some); /* the paths now belong to f */
}

static void add(struct found *f, const char *dir, const char *suffix)
{
	struct region_info *some;
	size_t n = fr_regions_scan(dir, suffix, &some);

	keep(f, some, n);
}

static void add_dir(struct call *c, struct found *f, const char *dir)
{
	if (!fr_regions_trust(dir, DIAG_ERROR, c->diag)) {
		f->refused = true;
		return;
	}
	add(f, dir, ".frr");
	add(f, dir, ".frd");
}

static void add_anonymous(struct found *f)
{
	struct region_info *some;
	size_t n = fr_regions_anonymous(&some);

	keep(f, some, n);
}

/* What may be stuck by the tables alone, is so if report and threads say it: from the model. */
static void confirm_stuck(struct region_info *r)
{
	struct diag d = {0};
	struct recording *rec = fr_recording_open(r->path, &d);
	struct region_stuck stuck = {0};
	struct model *m = rec ? fr_model_build(rec, &d) : NULL;

	for (uint32_t i = 0; m && i < m->n_threads; i++) {
		const struct span *s;

		if (!fr_thread_is_stuck(m, i))
			continue;
		s = &m->spans[m->threads[i].open];
		stuck.threads++;
		if (fr_span_ns(s) <= stuck.longest_ns)
			continue;
		stuck.longest_ns = fr_span_ns(s);
		snprintf(stuck.call, sizeof(stuck.call), "%s", fr_span_call(m, s));
	}
	if (m)
		r->stuck = stuck;
	fr_model_free(m);
	fr_recording_close(rec);
	diag_free(&d);
}

/*
 * In the current directory the snapshots of others are shown too: they are not taken for regions.
 */
static void search(struct call *c, struct found *f)
{
	char dir[PATH_MAX];

	for (int i = 1; i < c->argc; i++)
		add_dir(c, f, c->argv[i]);
	if (c->argc > 1)
		return;
	fr_regions_dir(dir, sizeof(dir));
	add_dir(c, f, dir);
	if (strcmp(dir, "."))
		add(f, ".", ".frd");
	add_anonymous(f);
}

#define WHY_LEN 128

static const char *why(const struct region_info *r, char buf[WHY_LEN])
{
	char sig[FR_UNITS_LEN];
	uint32_t signo = r->trigger.kind ? r->trigger.signo : r->crash.signo;

	if (r->problem)
		return r->problem;
	if (r->stuck.threads) {
		snprintf(buf, WHY_LEN, "%u thread%s stuck, %s in %.40s", r->stuck.threads,
			 r->stuck.threads > 1 ? "s" : "", fr_units_ns(sig, r->stuck.longest_ns),
			 r->stuck.call);
		return buf;
	}
	if (r->trigger.kind == FR_TRIGGER_NONE && !r->crash.signo && r->failure.why) {
		snprintf(buf, WHY_LEN, "no snapshot in %.60s: %s", r->failure.dir,
			 fr_word_failure(&r->failure));
		return buf;
	}
	if (r->trigger.kind == FR_TRIGGER_NONE && !r->crash.signo)
		return "";
	snprintf(buf, WHY_LEN, "%s%s%s",
		 r->trigger.kind                ? fr_word_trigger_kind(r->trigger.kind)
		 : r->state == FR_STATE_CRASHED ? "crash"
						: "ended by",
		 signo ? " " : "", signo ? fr_units_signal(sig, signo) : "");
	return buf;
}

static void print_text(struct call *c, const struct found *f)
{
	struct table *t = fr_table_new(c->opt->color);
	char buf[WHY_LEN];

	fr_table_column(t, "RECORDING", TABLE_LEFT);
	fr_table_column(t, "KIND", TABLE_LEFT);
	fr_table_column(t, "PID", TABLE_RIGHT);
	fr_table_column(t, "PROCESS", TABLE_LEFT);
	fr_table_column(t, "ASK BY", TABLE_LEFT);
	fr_table_column(t, "WHY", TABLE_LEFT);
	fr_table_column(t, "TIME", TABLE_LEFT);
	fr_table_column(t, "SIZE", TABLE_RIGHT);
	for (size_t i = 0; i < f->n; i++) {
		const struct region_info *r = &f->all[i];

		fr_table_cell(t, r->path);
		fr_table_cell(t, r->problem ? "-" : fr_word_source(r->source));
		fr_table_cell_fmt(t, "%u", r->pid);
		fr_table_cell(t, r->comm);
		fr_table_cell(t, r->signal ? fr_units_signal(buf, r->signal) : "");
		fr_table_cell(t, why(r, buf));
		fr_table_cell(t, fr_units_date(buf, r->end_real_ns));
		fr_table_cell_bytes(t, r->bytes);
	}
	if (f->n)
		fr_table_print(t, c->out);
	fr_table_free(t);
}

static json_t *stuck(const struct region_stuck *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "threads", fr_json_u64(s->threads));
	json_object_set_new(o, "longest_ns", fr_json_u64(s->longest_ns));
	json_object_set_new(o, "call", fr_json_text(s->threads ? s->call : NULL));
	return o;
}

static void print_json(struct call *c, const struct found *f)
{
	json_t *a = json_array();

	for (size_t i = 0; i < f->n; i++) {
		const struct region_info *r = &f->all[i];
		json_t *o = json_object();

		json_object_set_new(o, "path", fr_json_text(r->path));
		json_object_set_new(o, "kind", fr_json_text(fr_word_source(r->source)));
		json_object_set_new(o, "pid", fr_json_u64(r->pid));
		json_object_set_new(o, "comm", fr_json_text(r->comm));
		json_object_set_new(o, "trigger",
				    fr_json_text(fr_word_trigger_kind(r->trigger.kind)));
		json_object_set_new(o, "signal", fr_json_u64(r->trigger.signo));
		json_object_set_new(o, "crash_signal", fr_json_u64(r->crash.signo));
		json_object_set_new(o, "ask_by", fr_json_u64(r->signal));
		json_object_set_new(o, "stuck", stuck(&r->stuck));
		json_object_set_new(o, "start_real_ns", fr_json_u64(r->start_real_ns));
		json_object_set_new(o, "end_real_ns", fr_json_u64(r->end_real_ns));
		json_object_set_new(o, "bytes", fr_json_u64(r->bytes));
		json_object_set_new(o, "snapshot_failure", fr_json_failure(&r->failure));
		json_object_set_new(o, "problem", fr_json_text(r->problem));
		json_array_append_new(a, o);
	}
	fr_json_print(a, c->out);
}

/* Not by which signal: what a process does with that may change at any time. */
static void advise(struct call *c, const struct found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->all[i].source != RECORDING_LIVE || f->all[i].problem)
			continue;
		diag_add(c->diag, DIAG_NOTE,
			 "fr snapshot %u keeps what process %u has recorded; no signal is sent",
			 f->all[i].pid, f->all[i].pid);
		return;
	}
}

int fr_cmd_list(struct call *c)
{
	struct found f = {.older_ns = c->opt->older_ns};
	char dir[PATH_MAX];

	search(c, &f);
	for (size_t i = 0; i < f.n; i++) {
		if (f.all[i].stuck.threads && f.all[i].path)
			confirm_stuck(&f.all[i]);
	}
	if (c->opt->json)
		print_json(c, &f);
	else
		print_text(c, &f);
	fr_regions_dir(dir, sizeof(dir));
	if (!f.n && !c->opt->json && !f.refused)
		diag_add(c->diag, DIAG_NOTE, "no recordings in %s", c->argc > 1 ? c->argv[1] : dir);
	if (!c->opt->json)
		advise(c, &f);
	fr_regions_free(f.all, f.n);
	return f.refused ? FR_EXIT_ERROR : FR_EXIT_OK;
}
