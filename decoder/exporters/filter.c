/* SPDX-License-Identifier: MIT */
/*
 * filter.c - what the user asked to see, resolved once.
 *
 * Threads become a bitmap, event names a bitmap of kinds, a lock one address. L<n> needs the model,
 * which is built only then.
 */
#include "exporters/filter.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "analyses/known.h"
#include "base/mem.h"
#include "base/parse.h"
#include "model/model.h"

struct filter {
	const struct options *opt;
	bool *threads; /* NULL = all */
	bool *kinds; /* NULL = all */
	int8_t dur_arg[128]; /* position of the duration, -1 = none */
	int8_t lock_args[128][2];
	uint64_t lock;
};

static bool thread_matches(const struct rec_thread *t, const char *pattern)
{
	uint64_t n;

	if (toupper((unsigned char)pattern[0]) == 'T' && fr_parse_number(pattern + 1, &n))
		return t->r.serial == n;
	if (fr_parse_number(pattern, &n))
		return t->r.tid == n;
	return !fnmatch(pattern, t->name, 0);
}

static bool resolve_threads(struct filter *f, const struct recording *rec, const char *pattern,
			    struct diag *d)
{
	bool any = false;
	size_t i;

	f->threads = fr_mem_alloc(rec->n_threads + 1);
	for (i = 0; i < rec->n_threads; i++) {
		f->threads[i] = thread_matches(&rec->threads[i], pattern);
		any |= f->threads[i];
	}
	if (!any)
		diag_add(d, DIAG_ERROR, "--thread: no thread of the recording is '%s'", pattern);
	return any;
}

static bool name_matches(const char *name, const char *patterns)
{
	char *copy = fr_mem_strndup(patterns, strlen(patterns)), *save, *p;
	bool found = false;

	for (p = strtok_r(copy, ", ", &save); p && !found; p = strtok_r(NULL, ", ", &save))
		found = !fnmatch(p, name, 0);
	free(copy);
	return found;
}

static bool resolve_kinds(struct filter *f, const struct recording *rec, const char *patterns,
			  struct diag *d)
{
	bool any = false;
	unsigned int i;

	f->kinds = fr_mem_alloc(128);
	for (i = 0; i < 128; i++) {
		const struct fr_event_rec *row = fr_event_schema(rec, i);
		char name[sizeof(row->name) + 1];

		if (!row)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)sizeof(row->name), row->name);
		f->kinds[i] = name_matches(name, patterns);
		any |= f->kinds[i];
	}
	if (!any)
		diag_add(d, DIAG_ERROR,
			 "--event: no kind of event is called '%s'; fr info --all lists them",
			 patterns);
	return any;
}

static bool resolve_lock(struct filter *f, const struct recording *rec, const char *text,
			 struct diag *d)
{
	struct symbols *sy;
	struct model *m;
	uint64_t n;

	if (toupper((unsigned char)text[0]) != 'L') {
		if (fr_parse_address(text, &f->lock) && f->lock)
			return true;
		diag_add(d, DIAG_ERROR,
			 "--lock: '%s' is neither a handle such as L2 nor an address", text);
		return false;
	}
	sy = fr_symbols_open(rec, d);
	m = fr_known_model(rec, sy, d);
	if (fr_parse_number(text + 1, &n) && n && n <= m->n_locks)
		f->lock = m->locks[n - 1].addr;
	else
		diag_add(d, DIAG_ERROR, "--lock: there is no lock %s; fr locks lists them", text);
	fr_model_free(m);
	fr_symbols_close(sy);
	return f->lock != 0;
}

/* Not every time span of an event is how long it took: a nap has one that was asked for. */
static bool is_duration(const struct fr_event_rec *row, unsigned int i)
{
	return row->type[i] == FR_ARG_NS && !strncmp(row->arg[i], "dur", sizeof(row->arg[i]));
}

/* Where durations and locks stand in each kind of event, by the recording's own schema. */
static void find_arguments(struct filter *f, const struct recording *rec)
{
	unsigned int i, k;

	memset(f->dur_arg, -1, sizeof(f->dur_arg));
	memset(f->lock_args, -1, sizeof(f->lock_args));
	for (i = 0; i < 128; i++) {
		const struct fr_event_rec *row = fr_event_schema(rec, i);

		for (k = 0; row && k < row->n_args && k < FR_ARGS_MAX; k++) {
			if (is_duration(row, k))
				f->dur_arg[i] = (int8_t)k;
			if (row->type[k] == FR_ARG_OBJ)
				f->lock_args[i][f->lock_args[i][0] >= 0] = (int8_t)k;
		}
	}
}

struct filter *fr_filter_open(const struct recording *rec, const struct options *opt,
			      struct diag *d)
{
	struct filter *f = fr_mem_alloc(sizeof(*f));

	f->opt = opt;
	find_arguments(f, rec);
	if ((opt->thread && !resolve_threads(f, rec, opt->thread, d)) ||
	    (opt->event && !resolve_kinds(f, rec, opt->event, d)) ||
	    (opt->lock && !resolve_lock(f, rec, opt->lock, d))) {
		fr_filter_close(f);
		return NULL;
	}
	return f;
}

bool fr_filter_thread(const struct filter *f, size_t thread_index)
{
	return !f->threads || f->threads[thread_index];
}

bool fr_filter_kind(const struct filter *f, unsigned int kind)
{
	return !f->kinds || (kind < 128 && f->kinds[kind]);
}

bool fr_filter_event(const struct filter *f, const struct event *e)
{
	const struct options *o = f->opt;
	unsigned int kind = e->kind & 127;
	int8_t a = f->lock_args[kind][0], b = f->lock_args[kind][1];

	if (e->t_ns < o->since_ns || e->t_ns > o->until_ns)
		return false;
	if ((f->threads && !f->threads[e->thread]) || (f->kinds && !f->kinds[kind]))
		return false;
	if (o->min_dur_ns && (f->dur_arg[kind] < 0 || e->arg[f->dur_arg[kind]] < o->min_dur_ns))
		return false;
	if (!f->lock)
		return true;
	return (a >= 0 && e->arg[a] == f->lock) || (b >= 0 && e->arg[b] == f->lock);
}

void fr_filter_close(struct filter *f)
{
	if (!f)
		return;
	free(f->threads);
	free(f->kinds);
	free(f);
}
