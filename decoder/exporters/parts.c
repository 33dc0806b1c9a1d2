/* SPDX-License-Identifier: MIT */
/*
 * parts.c - header, threads, modules and drops of a recording as text.
 */
#include "exporters/parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/table.h"
#include "base/units.h"
#include "exporters/levels.h"
#include "exporters/words.h"
#include "preload/wire/events.h"
#include "read/drops.h"

#define SHORT_LIST 40u

static void line(struct call *c, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void line(struct call *c, const char *name, const char *fmt, ...)
{
	struct sbuf text = {0}, safe = {0};
	va_list ap;

	va_start(ap, fmt);
	fr_sbuf_vfmt(&text, fmt, ap);
	va_end(ap);
	fr_sbuf_text(&safe, fr_sbuf_cstr(&text), text.n);
	fprintf(c->out, "%-11s %s\n", name, fr_sbuf_cstr(&safe));
	fr_sbuf_free(&text);
	fr_sbuf_free(&safe);
}

/* The arguments, blanks between them: they are separated by NUL in the header. */
static void command_line(struct call *c)
{
	const struct fr_header *h = &c->rec->hdr;
	char text[sizeof(h->cmdline)];
	size_t n = sizeof(text) - 1;

	memcpy(text, h->cmdline, sizeof(text));
	while (n && !text[n])
		n--;
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	line(c, "command", "%s", text);
}

static void trigger(struct call *c)
{
	const struct fr_trigger *t = &c->rec->trigger;
	char date[FR_UNITS_LEN], sig[FR_UNITS_LEN], by[40] = "", of[40] = "";
	char at[FR_UNITS_LEN + 8] = "";

	if (t->signo)
		snprintf(by, sizeof(by), " %s", fr_units_signal(sig, t->signo));
	if (t->sender_pid)
		snprintf(of, sizeof(of), " from PID %u", t->sender_pid);
	if (t->real_ns)
		snprintf(at, sizeof(at), " at %s", fr_units_date(date, t->real_ns));
	line(c, "trigger", "%s%s%s%s%s%s", fr_word_trigger(c->rec), by, of, at,
	     t->reason[0] ? ": " : "", t->reason);
	if (t->merged)
		line(c, "", "%" PRIu64 " more triggers fell into this snapshot", t->merged);
}

static void crash(struct call *c)
{
	const struct fr_crash *k = &c->rec->crash;
	char date[FR_UNITS_LEN], sig[FR_UNITS_LEN];
	long i;

	if (!k->signo)
		return;
	i = fr_recording_thread_by_tid(c->rec, k->tid, c->rec->end_ns);
	line(c, "crash", "%s (code %d) in %s%u %s at %s, address 0x%" PRIx64 ", pc 0x%" PRIx64,
	     fr_units_signal(sig, k->signo), k->code, i < 0 ? "tid " : "T",
	     i < 0 ? k->tid : c->rec->threads[i].r.serial, i < 0 ? "" : c->rec->threads[i].name,
	     fr_units_date(date, k->real_ns), k->fault_addr, k->pc);
}

static void window(struct call *c)
{
	const struct recording *rec = c->rec;
	char all[FR_UNITS_LEN], common[FR_UNITS_LEN], n[FR_UNITS_LEN];

	if (!rec->n_events) {
		line(c, "window", "no events");
		return;
	}
	line(c, "window", "%s, common to all living threads %s",
	     fr_units_ns(all, rec->end_ns - rec->start_ns),
	     fr_units_ns(common, rec->end_ns > rec->common_start_ns
					 ? rec->end_ns - rec->common_start_ns
					 : 0));
	line(c, "events", "%s, %.2f bytes each", fr_units_count(n, rec->n_events),
	     (double)rec->event_bytes / (double)rec->n_events);
}

static void settings(struct call *c)
{
	const struct fr_header *h = &c->rec->hdr;
	char slow[FR_UNITS_LEN], age[FR_UNITS_LEN], max[FR_UNITS_LEN], sig[FR_UNITS_LEN];
	const struct fr_control *control = fr_recording_control(c->rec);
	struct sbuf b = {0};

	for (uint32_t i = 0; i < FR_CLASSES; i++)
		fr_sbuf_fmt(&b, "%s%s=%s", i ? " " : "", fr_word_class(i),
			    fr_word_level(h->levels[i]));
	line(c, "levels", "%s", fr_sbuf_cstr(&b));
	if (control && control->in_force.budget) {
		fr_sbuf_reset(&b);
		fr_budget_text(&b, control);
		line(c, "budget", "%s", fr_sbuf_cstr(&b));
	}
	fr_sbuf_free(&b);
	line(c, "settings", "slow %s, window at least %s, at most %s, stacks of %u frames",
	     fr_units_ns(slow, h->slow_ns), fr_units_ns(age, h->min_age_ns),
	     fr_units_bytes(max, h->max_bytes), h->stack_depth);
	if (h->x_masked)
		line(c, "masked", "%" PRIu64 " texts had a password, token or the like: not stored",
		     h->x_masked);
	line(c, "snapshots", "by signal %s into %s; %" PRIu64 " so far",
	     h->signal ? fr_units_signal(sig, h->signal) : "none", h->out_dir, h->x_snapshots);
	if (h->x_failure.why)
		line(c, "", "not into %.*s: %s", (int)sizeof(h->x_failure.dir), h->x_failure.dir,
		     fr_word_failure(&h->x_failure));
}

void fr_part_header(struct call *c)
{
	const struct fr_header *h = &c->rec->hdr;
	char date[FR_UNITS_LEN];

	line(c, "recording", "%s (%s)", c->rec->path, fr_word_source(c->rec->source));
	line(c, "process", "%s, PID %u, %s, on %s", h->comm, h->pid, h->exe, h->host);
	command_line(c);
	line(c, "started", "%s", fr_units_date(date, h->start_real_ns));
	trigger(c);
	crash(c);
	window(c);
	line(c, "recorder", "%u.%u.%u, %s, clock %s, stacks by %s, region in a %s",
	     h->recorder_version >> 16, h->recorder_version >> 8 & 255, h->recorder_version & 255,
	     fr_word_arch(h->arch), fr_word_clock(h->clock_kind), fr_word_unwind(h->unwind_kind),
	     fr_word_region(h->region_kind));
	if (h->stack_tests)
		line(c, "verified",
		     "%" PRIu64 " stacks unwound a second time, %" PRIu64 " different",
		     h->stack_tests, h->stack_differ);
	if (h->x_depot_turns >= FR_DEPOT_SEGMENTS)
		line(c, "stacks",
		     "more than fit: the oldest gave way to new ones (FR_MAX_BYTES keeps more)");
	settings(c);
}

static void cell_rel(struct table *t, const struct recording *rec, uint64_t ns)
{
	char buf[FR_UNITS_LEN];

	fr_table_cell(t, ns ? fr_units_rel(buf, (int64_t)(ns - rec->end_ns)) : "-");
}

/* "all": nothing is missing, back to the thread's beginning. */
static void cell_since(struct table *t, const struct recording *rec, const struct rec_window *w)
{
	if (!w->since_ns)
		fr_table_cell(t, "all");
	else if (w->since_ns >= rec->end_ns)
		fr_table_cell(t, "none");
	else
		cell_rel(t, rec, w->since_ns);
}

/* What each tier keeps, of all threads together. */
void fr_part_tiers(struct call *c)
{
	static const char *const what[FR_TIERS] = {
		[FR_TIER_RARE] = "threads, connections, what was slow or failed, annotations",
		[FR_TIER_DENSE] = "locks, memory, transfers"};
	static const uint32_t section[FR_TIERS] = {
		[FR_TIER_RARE] = FR_SEC_CHUNKS_RARE, [FR_TIER_DENSE] = FR_SEC_CHUNKS_DENSE};
	const struct recording *rec = c->rec;
	struct table *t = fr_table_new(c->opt->color);

	fr_table_column(t, "TIER", TABLE_LEFT);
	fr_table_column(t, "EVENTS", TABLE_RIGHT);
	fr_table_column(t, "OVERWRITTEN", TABLE_RIGHT);
	fr_table_column(t, "MEMORY", TABLE_RIGHT);
	fr_table_column(t, "ALL SINCE", TABLE_RIGHT);
	fr_table_column(t, "WHAT", TABLE_LEFT);
	for (uint32_t i = 0; i < FR_TIERS; i++) {
		fr_table_cell(t, fr_word_tier(i));
		fr_table_cell_u64(t, rec->tier[i].kept);
		fr_table_cell_u64(t, rec->tier[i].overwritten);
		fr_table_cell_bytes(t, rec->sec[section[i]].size);
		cell_since(t, rec, &rec->tier[i]);
		fr_table_cell(t, what[i]);
	}
	fputs("\nwindows: ALL SINCE then is there, for each thread and tier\n", c->out);
	fr_table_print(t, c->out);
	fr_table_free(t);
}

void fr_part_threads(struct call *c, bool all)
{
	const struct recording *rec = c->rec;
	size_t n = all || rec->n_threads <= SHORT_LIST ? rec->n_threads : SHORT_LIST;
	struct table *t = fr_table_new(c->opt->color);

	fr_table_column(t, "THREAD", TABLE_LEFT);
	fr_table_column(t, "TID", TABLE_RIGHT);
	fr_table_column(t, "NAME", TABLE_LEFT);
	fr_table_column(t, "LIFE", TABLE_LEFT);
	fr_table_column(t, "EVENTS", TABLE_RIGHT);
	fr_table_column(t, "OVERWRITTEN", TABLE_RIGHT);
	fr_table_column(t, "FIRST", TABLE_RIGHT);
	fr_table_column(t, "LAST", TABLE_RIGHT);
	fr_table_column(t, "RARE SINCE", TABLE_RIGHT);
	fr_table_column(t, "DENSE SINCE", TABLE_RIGHT);
	for (size_t i = 0; i < n; i++) {
		const struct rec_thread *th = &rec->threads[i];

		fr_table_cell_fmt(t, "T%u", th->r.serial);
		fr_table_cell_fmt(t, "%u", th->r.tid);
		fr_table_cell(t, th->name);
		fr_table_cell(t, th->r.x_life == FR_THREAD_LIVE   ? "alive"
				 : th->r.x_life == FR_THREAD_DEAD ? "ended"
								  : "unknown");
		fr_table_cell_u64(t, th->kept);
		fr_table_cell_u64(t, th->overwritten);
		cell_rel(t, rec, th->first_ns);
		cell_rel(t, rec, th->last_ns);
		cell_since(t, rec, &th->tier[FR_TIER_RARE]);
		cell_since(t, rec, &th->tier[FR_TIER_DENSE]);
	}
	fprintf(c->out, "\n%zu thread%s\n", rec->n_threads, rec->n_threads == 1 ? "" : "s");
	fr_table_print(t, c->out);
	fr_table_free(t);
	if (n < rec->n_threads)
		fprintf(c->out, "... %zu more: -a shows all\n", rec->n_threads - n);
}

const char *fr_build_id(const struct rec_module *m, char buf[65])
{
	for (uint32_t i = 0; i < m->r.build_id_len; i++)
		snprintf(buf + 2 * i, 3, "%02x", m->r.build_id[i]);
	if (!m->r.build_id_len)
		strcpy(buf, "-");
	return buf;
}

const char *fr_symbols_word(const struct module_symbols *ms, char *buf, size_t size)
{
	static const char *const words[] = {
		[FRAME_NONE] = "none",
		[FRAME_DWARF] = "functions, files and lines",
		[FRAME_SYMTAB] = "functions (.symtab)",
		[FRAME_DEBUGDATA] = "functions (.gnu_debugdata)",
		[FRAME_DYNSYM] = "exported functions (.dynsym)",
	};

	snprintf(buf, size, "%s%s%s", words[ms->best], ms->problem ? ": " : "",
		 ms->problem ? ms->problem : "");
	return buf;
}

void fr_part_modules(struct call *c, struct symbols *sy, bool all)
{
	const struct recording *rec = c->rec;
	struct table *t = fr_table_new(c->opt->color);
	char id[65], word[300];

	fr_table_column(t, "MODULE", TABLE_LEFT);
	fr_table_column(t, "BASE", TABLE_RIGHT);
	fr_table_column(t, "BUILD-ID", TABLE_LEFT);
	fr_table_column(t, "SYMBOLS", TABLE_LEFT);
	for (size_t i = 0; i < rec->n_modules; i++) {
		const struct rec_module *m = &rec->modules[i];
		struct module_symbols ms = {0};

		fr_symbols_module(sy, m, &ms);
		fr_build_id(m, id);
		fr_table_cell_fmt(t, "%s%s", *m->path ? m->path : "?",
				  m->unloaded_ns ? " (unloaded)" : "");
		fr_table_cell_fmt(t, "0x%" PRIx64, m->r.base);
		fr_table_cell_fmt(t, all ? "%s" : "%.12s", id);
		fr_table_cell(t, fr_symbols_word(&ms, word, sizeof(word)));
	}
	fprintf(c->out, "\n%zu module%s\n", rec->n_modules, rec->n_modules == 1 ? "" : "s");
	fr_table_print(t, c->out);
	fr_table_free(t);
}

void fr_part_drops(struct call *c)
{
	const struct recording *rec = c->rec;
	struct table *t = fr_table_new(c->opt->color);
	uint64_t sum = 0;
	char buf[FR_DROP_NAME_LEN];

	fr_table_column(t, "DROP", TABLE_LEFT);
	fr_table_column(t, "COUNT", TABLE_RIGHT);
	fr_table_column(t, "MEANING", TABLE_LEFT);
	for (uint32_t i = 0; i < rec->n_drops; i++) {
		const char *meaning = fr_drop_meaning(i);

		if (!rec->drops[i])
			continue;
		sum++;
		fr_table_cell(t, fr_drop_name(i, buf));
		fr_table_cell_u64(t, rec->drops[i]);
		fr_table_cell(t, meaning ? meaning : "");
	}
	fputs(sum ? "\ndrops\n" : "\nno drops\n", c->out);
	if (sum)
		fr_table_print(t, c->out);
	fr_table_free(t);
	if (rec->n_torn)
		fprintf(c->out, "%" PRIu64 " chunks torn or damaged\n", rec->n_torn);
}
