/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - rule recorder: what is missing from the recording itself, and what to do about it.
 *
 * Losing is allowed, hiding is not. Overwritten history is no loss: the report's header states the
 * window. Runs last: missing symbols matter where a finding's stacks need them.
 */
#include <stdlib.h>
#include <string.h>

#include "analyses/analysis.h"
#include "base/mem.h"
#include "base/sbuf.h"
#include "base/units.h"
#include "read/drops.h"
#include "read/levels.h"

/* Drops of whole events matter by their share; less than this is told, but nothing to act on. */
#define SHARE 100

static enum severity drop_severity(const struct recording *rec, size_t drop)
{
	return rec->drops[drop] * SHARE > rec->n_events ? SEVERITY_WARN : SEVERITY_INFO;
}

struct recorder_finding {
	struct analysis *a;
	struct finding *f; /* NULL until there is something to say */
};

static void say(struct recorder_finding *t, enum severity severity, const char *text)
{
	if (!t->f) {
		t->f = fr_finding_new(t->a);
		t->f->severity = SEVERITY_INFO;
	}
	if (severity > t->f->severity)
		t->f->severity = severity;
	fr_finding_line(t->f, text, NULL);
}

static void tell_drops(struct recorder_finding *t)
{
	const struct recording *rec = t->a->m->rec;
	char buf[FR_UNITS_LEN], name[FR_DROP_NAME_LEN];
	size_t i;

	for (i = 0; i < rec->n_drops && i < 64; i++) {
		const char *meaning = fr_drop_meaning(i);

		if (!rec->drops[i])
			continue;
		fr_units_count(buf, rec->drops[i]);
		if (meaning)
			say(t, drop_severity(rec, i),
			    fr_name_fmt(t->a->names, "%s %s: %s", buf, fr_drop_name(i, name),
					meaning));
		else
			say(t, SEVERITY_WARN,
			    fr_name_fmt(t->a->names,
					"%s drops of kind %zu, which this fr does not know", buf,
					i));
	}
}

static void tell_header(struct recorder_finding *t)
{
	const struct recording *rec = t->a->m->rec;
	struct names *n = t->a->names;

	if (rec->n_torn)
		say(t, SEVERITY_WARN,
		    fr_name_fmt(n, "%llu chunks or events could not be read",
				(unsigned long long)rec->n_torn));
	if (rec->hdr.unwind_kind == FR_UNWIND_FP || rec->hdr.unwind_kind == FR_UNWIND_CALLER)
		say(t, SEVERITY_WARN,
		    rec->hdr.unwind_kind == FR_UNWIND_FP
			    ? "stacks were followed by frame pointers only: code built without "
			      "them is missing"
			    : "stacks have one frame only");
	if (rec->hdr.stack_differ)
		say(t, SEVERITY_WARN,
		    fr_name_fmt(n,
				"%llu of %llu stacks differed when unwound a second time: please "
				"report this",
				(unsigned long long)rec->hdr.stack_differ,
				(unsigned long long)rec->hdr.stack_tests));
	if (rec->hdr.region_kind == FR_REGION_MEMFD)
		say(t, SEVERITY_INFO,
		    "no usable directory for the region: it was in anonymous memory and would "
		    "not have survived a kill; set FR_DIR");
}

/* What FR_BUDGET has taken out of the recording: when, why, and what can be done. */
static void tell_lowered(struct recorder_finding *t, uint32_t klass, const struct lowered *l)
{
	struct names *n = t->a->names;
	const char *again = "", *times = "";

	if (l->again)
		again = fr_name_fmt(n, " until E%llu", (unsigned long long)l->again);
	if (l->times > 1)
		times = fr_name_fmt(n, ", the last of %u times", l->times);
	say(t, SEVERITY_INFO,
	    fr_name_fmt(n, "%s was lowered from %s to %s %s before the end (E%llu)%s%s",
			fr_word_class(klass), fr_word_level(l->from), fr_word_level(l->to),
			fr_name_ns(n, t->a->m->end_ns - l->ns), (unsigned long long)l->event, again,
			times));
	fr_finding_event(t->f, l->event);
}

/* The event that says so has been overwritten since. */
static void tell_still_lowered(struct recorder_finding *t, uint32_t klass,
			       const struct fr_control *c)
{
	say(t, SEVERITY_INFO,
	    fr_name_fmt(t->a->names, "%s was lowered from %s to %s before the window, and still is",
			fr_word_class(klass), fr_word_level(fr_levels_asked(c)[klass]),
			fr_word_level(c->in_force.levels[klass])));
}

static void why_lowered(struct recorder_finding *t, uint32_t klass, uint32_t level,
			uint32_t percent)
{
	say(t, SEVERITY_INFO,
	    fr_name_fmt(
		    t->a->names,
		    "... recording cost more than FR_BUDGET, %u %% of the CPU time: raise it, or "
		    "choose yourself: FR_EVENTS=%s=%s",
		    percent, fr_word_class(klass), fr_word_level(level)));
}

static void tell_budget(struct recorder_finding *t)
{
	const struct model *m = t->a->m;
	const struct fr_control *c = fr_recording_control(m->rec);
	uint32_t percent = c ? c->in_force.budget : 0;

	for (uint32_t k = 0; k < FR_CLASS_RECORDER; k++) {
		if (m->lowered[k].event) {
			tell_lowered(t, k, &m->lowered[k]);
			why_lowered(t, k, m->lowered[k].to, percent);
		} else if (percent && fr_levels_asked(c)[k] > c->in_force.levels[k]) {
			tell_still_lowered(t, k, c);
			why_lowered(t, k, c->in_force.levels[k], percent);
		}
	}
}

/* Functions whose calls never come by: an allocator linked into the program, say. */
static void tell_shadowed(struct recorder_finding *t)
{
	const struct section_view *v = &t->a->m->rec->sec[FR_SEC_HOOKS];
	const struct fr_hook_rec *r;
	struct sbuf names = {0};
	uint64_t at;

	for (at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		r = (const struct fr_hook_rec *)(v->data + at);
		if (!(r->flags & FR_HOOK_SHADOWED) || !r->name[0])
			continue;
		fr_sbuf_str(&names, names.n ? ", " : "");
		fr_sbuf_text(&names, r->name, strnlen(r->name, sizeof(r->name)));
	}
	if (names.n)
		say(t, SEVERITY_INFO,
		    fr_name_fmt(t->a->names,
				"calls of %s are not seen: the program or a library has its own",
				fr_sbuf_cstr(&names)));
	fr_sbuf_free(&names);
}

/* Plugins that find libc's functions before ours. */
static void tell_deepbound(struct recorder_finding *t)
{
	const struct recording *rec = t->a->m->rec;
	struct sbuf names = {0};
	size_t i;

	for (i = 0; i < rec->n_modules; i++) {
		const struct rec_module *m = &rec->modules[i];

		if (!m->r.deepbind)
			continue;
		fr_sbuf_str(&names, names.n ? ", " : "");
		fr_sbuf_text(&names, m->path, strlen(m->path));
	}
	if (names.n)
		say(t, SEVERITY_INFO,
		    fr_name_fmt(t->a->names,
				"loaded with RTLD_DEEPBIND: calls of %s, and of what it brought "
				"along, are not seen",
				fr_sbuf_cstr(&names)));
	fr_sbuf_free(&names);
}

/* Lines "FR_NAME=value" state settings in force; the others are refusals and limits. */
static void tell_notes(struct recorder_finding *t)
{
	const struct section_view *v = &t->a->m->rec->sec[FR_SEC_NOTES];
	const char *at = (const char *)v->data, *end = at ? at + v->size : NULL;

	while (at && at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);
		struct sbuf b = {0};

		if (n && at[0] && (n < 3 || memcmp(at, "FR_", 3))) {
			fr_sbuf_text(&b, at, n);
			say(t, memmem(at, n, "refused", 7) ? SEVERITY_WARN : SEVERITY_INFO,
			    fr_name_fmt(t->a->names, "%s", fr_sbuf_cstr(&b)));
			fr_sbuf_free(&b);
		}
		at += n + 1;
	}
}

/* FR_MIN_AGE was not to be had in the memory there is. */
static void tell_short(struct recorder_finding *t, enum fr_tier tier, const char *what)
{
	const struct recording *rec = t->a->m->rec;
	const struct rec_window *w = &rec->tier[tier];
	uint64_t window = fr_tier_window_ns(rec, w);
	struct names *n = t->a->names;

	if (w->since_ns && window < rec->hdr.min_age_ns)
		say(t, SEVERITY_INFO,
		    fr_name_fmt(n,
				"the window of %s is %s, shorter than FR_MIN_AGE (%s): raise "
				"FR_MAX_BYTES",
				what, fr_name_ns(n, window), fr_name_ns(n, rec->hdr.min_age_ns)));
}

static void tell_window(struct recorder_finding *t)
{
	const struct model *m = t->a->m;
	struct names *n = t->a->names;
	uint64_t late = 0;
	size_t i;

	for (i = 0; i < m->n_locks; i++)
		late += m->locks[i].life_late;
	tell_short(t, FR_TIER_DENSE, "locks, memory and transfers");
	tell_short(t, FR_TIER_RARE, "threads, connections and slow calls");
	if (late)
		say(t, SEVERITY_INFO,
		    fr_name_fmt(n,
				"%llu contended lock calls were seen only after the wait: their "
				"time is unknown",
				(unsigned long long)late));
}

/* Modules on the stacks of findings whose names could not be found, once each. */
static void tell_symbols(struct recorder_finding *t)
{
	const struct recording *rec = t->a->m->rec;
	bool *seen = fr_mem_alloc(rec->n_modules + 1);
	const struct rec_module *mod;
	struct module_symbols ms;
	struct sbuf b = {0};
	const uint64_t *pcs;
	size_t i, k, p, n;

	for (i = 0; i < t->a->n; i++) {
		const struct finding *f = t->a->findings[i];

		for (k = 0; k < f->n_stacks; k++) {
			n = fr_recording_stack(rec, f->stacks[k].stack, &pcs, NULL);
			for (p = 0; p < n; p++) {
				mod = fr_recording_module(rec, pcs[p], 0);
				if (mod)
					seen[mod - rec->modules] = true;
			}
		}
	}
	for (i = 0; i < rec->n_modules; i++) {
		mod = &rec->modules[i];
		if (!seen[i] || !mod->path[0] || mod->path[0] == '[')
			continue;
		fr_symbols_module(fr_names_symbols(t->a->names), mod, &ms);
		if (ms.best != FRAME_NONE || !ms.problem)
			continue;
		fr_sbuf_reset(&b);
		fr_sbuf_text(&b, mod->path, strlen(mod->path));
		say(t, SEVERITY_INFO,
		    fr_name_fmt(t->a->names, "no symbols for %s: %s", fr_sbuf_cstr(&b),
				ms.problem));
	}
	fr_sbuf_free(&b);
	free(seen);
}

enum rule_result fr_rule_recorder(struct analysis *a)
{
	struct recorder_finding t = {.a = a};

	tell_header(&t);
	tell_drops(&t);
	tell_notes(&t);
	tell_budget(&t);
	tell_shadowed(&t);
	tell_deepbound(&t);
	tell_window(&t);
	tell_symbols(&t);
	if (!t.f)
		return RULE_OK;
	t.f->title = t.f->severity == SEVERITY_WARN ? "the recording is not complete"
						    : "notes on the recording";
	t.f->score = t.f->severity == SEVERITY_WARN ? 25 : 5;
	t.f->why =
		"what is not recorded cannot be found: read the other findings with this in mind";
	t.f->next = "fr info shows settings, drops and the window of each thread";
	return RULE_FOUND;
}
