/* SPDX-License-Identifier: MIT */
/*
 * report_text.c - the first lines of the report: whose recording this is, why it was made, how far
 * it reaches, what is missing.
 */
#include "exporters/report_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/sbuf.h"
#include "base/units.h"
#include "exporters/words.h"
#include "preload/wire/events.h"
#include "read/death.h"
#include "read/drops.h"

#define MODULES_SHOWN 6

const char *fr_report_trigger(const struct recording *rec)
{
	uint32_t kind = rec->trigger.kind;

	if (rec->source == RECORDING_LEFT)
		return "left";
	if (kind == FR_TRIGGER_NONE || kind > FR_TRIGGER_LIVE)
		return "unknown";
	return fr_word_trigger_kind(rec->source == RECORDING_LIVE ? FR_TRIGGER_LIVE : kind);
}

uint64_t fr_report_from(const struct model *m)
{
	uint64_t whole = m->end_ns - m->start_ns, common = m->end_ns - m->common_ns;

	return m->common_ns <= m->end_ns && common * 5 >= whole ? m->common_ns : m->start_ns;
}

static void left_by(const struct recording *rec, struct sbuf *b)
{
	char buf[FR_UNITS_LEN];

	switch (fr_recording_death(rec)) {
	case FR_DEATH_NONE:
		fr_sbuf_str(b, "left by the process at its exit");
		return;
	case FR_DEATH_CRASH:
		fr_sbuf_str(b, "left by the process when it crashed");
		return;
	case FR_DEATH_TOLD:
		fr_sbuf_fmt(b, "left by a process that %s ended",
			    fr_units_signal(buf, rec->crash.signo));
		return;
	case FR_DEATH_UNSEEN:
		fr_sbuf_str(b, "left by a process that ended without a word: killed, or died "
			       "in a way that is not seen");
		return;
	}
}

static void cause(const struct recording *rec, struct sbuf *b)
{
	const char *kind = fr_report_trigger(rec);
	char buf[FR_UNITS_LEN];

	if (!strcmp(kind, "left")) {
		left_by(rec, b);
		return;
	}
	if (!strcmp(kind, "unknown")) {
		fr_sbuf_str(b, "snapshot; why it was made is not in it");
		return;
	}
	if (!strcmp(kind, "live")) {
		fr_sbuf_str(b, "live");
	} else if (rec->trigger.signo) {
		fr_sbuf_fmt(b, "snapshot by %s%s", !strcmp(kind, "crash") ? "crash, " : "",
			    fr_units_signal(buf, rec->trigger.signo));
	} else {
		fr_sbuf_fmt(b, "snapshot by %s", kind);
	}
	if (rec->trigger.reason[0]) {
		fr_sbuf_str(b, " (");
		fr_sbuf_text(b, rec->trigger.reason,
			     strnlen(rec->trigger.reason, sizeof(rec->trigger.reason)));
		fr_sbuf_char(b, ')');
	}
}

static void head_line(struct view *v)
{
	const struct recording *rec = v->c->rec;
	uint64_t at = rec->trigger.real_ns ? rec->trigger.real_ns
					   : fr_recording_real_ns(rec, v->m->end_ns);
	char date[FR_UNITS_LEN];
	struct sbuf b = {0};

	fr_sbuf_text(&b, rec->hdr.comm, strnlen(rec->hdr.comm, sizeof(rec->hdr.comm)));
	fr_view_tint(v, TINT_BOLD, fr_sbuf_cstr(&b));
	fr_sbuf_reset(&b);
	fr_sbuf_fmt(&b, " (pid %u) ", rec->hdr.pid);
	cause(rec, &b);
	fr_sbuf_fmt(&b, " at %s", fr_units_date(date, at));
	if (rec->hdr.host[0]) {
		fr_sbuf_str(&b, " on ");
		fr_sbuf_text(&b, rec->hdr.host, strnlen(rec->hdr.host, sizeof(rec->hdr.host)));
	}
	fr_view_printf(v, "%s\n", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
}

static void window_line(struct view *v)
{
	const struct model *m = v->m;
	uint64_t overwritten = 0;
	size_t i, whom = 0;
	char count[FR_UNITS_LEN], share[FR_UNITS_LEN];

	for (i = 0; i < m->n_threads; i++) {
		overwritten += m->threads[i].rec->overwritten;
		whom += m->threads[i].rec->overwritten != 0;
	}
	fr_view_printf(v, "window %s (common to all threads: %s) · %zu thread%s · %s event%s",
		       fr_name_ns(v->names, m->end_ns - m->start_ns),
		       fr_name_ns(v->names, fr_model_common(m, 0, m->end_ns)), m->n_threads,
		       m->n_threads == 1 ? "" : "s", fr_units_count(count, m->rec->n_events),
		       m->rec->n_events == 1 ? "" : "s");
	if (overwritten)
		fr_view_printf(
			v, " · older ones overwritten: %s of %zu threads (%s)",
			fr_units_count(count, overwritten), whom,
			fr_units_percent(share, overwritten, overwritten + m->rec->n_events));
	if (m->dead)
		fr_view_printf(v,
			       " · the end is the last thing recorded: waits are at least so long");
	fr_view_printf(v, "\n");
}

static void loss_line(struct view *v)
{
	const struct recording *rec = v->c->rec;
	char count[FR_UNITS_LEN], name[FR_DROP_NAME_LEN];
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < rec->n_drops; i++)
		sum += rec->drops[i];
	if (!sum && !rec->n_torn && !rec->losses) {
		fr_view_printf(v, "nothing dropped");
		return;
	}
	if (rec->losses || rec->n_torn)
		fr_view_tint(
			v, TINT_YELLOW,
			fr_name_fmt(
				v->names,
				"DAMAGED: %llu pieces could not be read; what follows is partial",
				(unsigned long long)rec->n_torn));
	if (sum && (rec->losses || rec->n_torn))
		fr_view_printf(v, " · ");
	if (sum)
		fr_view_tint(v, TINT_YELLOW,
			     fr_name_fmt(v->names, "%s dropped:", fr_units_count(count, sum)));
	for (i = 0; i < rec->n_drops; i++) {
		if (rec->drops[i])
			fr_view_printf(v, " %s %s", fr_drop_name(i, name),
				       fr_units_count(count, rec->drops[i]));
	}
}

/* The program and the modules on the stacks of waits: where names come from. */
static void symbols_part(struct view *v)
{
	const struct model *m = v->m;
	const struct recording *rec = m->rec;
	bool *seen = fr_mem_alloc(rec->n_modules + 1);
	size_t i, k, n, shown = 0;
	const uint64_t *pcs;

	for (i = 0; i < m->n_spans && i < 4096; i++) {
		n = fr_recording_stack(rec, m->spans[m->n_spans - 1 - i].stack, &pcs, NULL);
		for (k = 0; k < n; k++) {
			const struct rec_module *mod = fr_recording_module(rec, pcs[k], 0);

			if (mod)
				seen[mod - rec->modules] = true;
		}
	}
	for (i = 0; i < rec->n_modules && shown < MODULES_SHOWN; i++) {
		const struct rec_module *mod = &rec->modules[i];
		struct module_symbols ms;
		struct sbuf b = {0};
		const char *name;

		if (!mod->path[0] || mod->path[0] == '[' ||
		    (!seen[i] && strcmp(mod->path, rec->hdr.exe)))
			continue;
		fr_symbols_module(v->sy, mod, &ms);
		name = fr_path_base(mod->path);
		fr_sbuf_text(&b, name, strlen(name));
		fr_view_printf(v, "%s%s ", shown++ ? "  " : " · symbols: ", fr_sbuf_cstr(&b));
		fr_sbuf_free(&b);
		fr_view_tint(v, ms.best == FRAME_NONE ? TINT_YELLOW : TINT_GREEN,
			     ms.best == FRAME_DWARF  ? "lines"
			     : ms.best == FRAME_NONE ? (ms.problem ? ms.problem : "none")
						     : "names only");
	}
	free(seen);
}

void fr_report_header(struct view *v)
{
	head_line(v);
	window_line(v);
	loss_line(v);
	symbols_part(v);
	fr_view_printf(v, "\n\n");
}
