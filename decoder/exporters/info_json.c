/* SPDX-License-Identifier: MIT */
/*
 * info_json.c - what fr info prints, with exact numbers, for programs.
 */
#include "exporters/info_json.h"

#include <jansson.h>
#include <string.h>

#include "exporters/json.h"
#include "exporters/levels.h"
#include "exporters/parts.h"
#include "exporters/settings.h"
#include "exporters/words.h"
#include "read/control.h"
#include "read/drops.h"

static void set_u64(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, fr_json_u64(v));
}

static void set_text(json_t *o, const char *key, const char *s)
{
	json_object_set_new(o, key, fr_json_text(s));
}

static json_t *arguments(const struct fr_header *h)
{
	json_t *a = json_array();
	size_t at = 0, end = sizeof(h->cmdline);

	while (end && !h->cmdline[end - 1])
		end--;
	while (at < end) {
		size_t n = strnlen(h->cmdline + at, end - at);

		json_array_append_new(a, fr_json_bytes(h->cmdline + at, n));
		at += n + 1;
	}
	return a;
}

static json_t *header(const struct recording *rec)
{
	const struct fr_header *h = &rec->hdr;
	const struct fr_control *control = fr_recording_control(rec);
	json_t *o = json_object();

	set_u64(o, "version", h->version);
	set_u64(o, "pid", h->pid);
	set_u64(o, "ppid", h->ppid);
	set_u64(o, "uid", h->uid);
	set_text(o, "comm", h->comm);
	set_text(o, "exe", h->exe);
	json_object_set_new(o, "cmdline", arguments(h));
	set_text(o, "host", h->host);
	set_text(o, "boot_id", h->boot_id);
	set_text(o, "arch", fr_word_arch(h->arch));
	set_u64(o, "page_size", fr_recording_page_size(rec));
	set_text(o, "state", fr_word_state(h->x_state));
	set_text(o, "region", fr_word_region(h->region_kind));
	set_text(o, "clock", fr_word_clock(h->clock_kind));
	set_u64(o, "tick_shift", h->tick_shift);
	set_text(o, "unwind", fr_word_unwind(h->unwind_kind));
	set_u64(o, "signal", h->signal);
	set_u64(o, "start_real_ns", h->start_real_ns);
	set_u64(o, "start_mono_ns", h->start_mono_ns);
	set_u64(o, "snapshots", h->x_snapshots);
	set_u64(o, "triggers_merged", h->x_triggers_merged);
	set_u64(o, "masked", h->x_masked);
	set_u64(o, "slow_ns", h->slow_ns);
	set_u64(o, "min_age_ns", h->min_age_ns);
	set_u64(o, "max_bytes", h->max_bytes);
	json_object_set_new(o, "levels", fr_levels_json(h->levels, FR_CLASSES));
	if (control) {
		set_u64(o, "budget", control->in_force.budget);
		json_object_set_new(o, "asked",
				    fr_levels_json(fr_levels_asked(control), FR_CLASS_RECORDER));
	}
	set_u64(o, "stack_depth", h->stack_depth);
	json_object_set_new(o, "recorder_version",
			    json_sprintf("%u.%u.%u", h->recorder_version >> 16,
					 h->recorder_version >> 8 & 255,
					 h->recorder_version & 255));
	set_u64(o, "depot_turns", h->x_depot_turns);
	set_u64(o, "stack_tests", h->stack_tests);
	set_u64(o, "stack_differ", h->stack_differ);
	set_u64(o, "sample_mean", h->sample_mean);
	set_text(o, "out_dir", h->out_dir);
	json_object_set_new(o, "snapshot_failure", fr_json_failure(&h->x_failure));
	return o;
}

static json_t *trigger(const struct recording *rec)
{
	const struct fr_trigger *t = &rec->trigger;
	json_t *o = json_object();

	set_text(o, "kind", fr_word_trigger(rec));
	set_u64(o, "signal", t->signo);
	set_u64(o, "tid", t->tid);
	set_u64(o, "number", t->number);
	set_u64(o, "real_ns", t->real_ns);
	set_u64(o, "merged", t->merged);
	set_u64(o, "sender_pid", t->sender_pid);
	set_text(o, "reason", t->reason);
	return o;
}

static json_t *crash(const struct recording *rec)
{
	const struct fr_crash *k = &rec->crash;
	json_t *o, *regs;

	if (!k->signo)
		return json_null();
	o = json_object();
	set_u64(o, "signal", k->signo);
	json_object_set_new(o, "code", json_integer(k->code));
	set_u64(o, "tid", k->tid);
	set_u64(o, "real_ns", k->real_ns);
	set_u64(o, "sender_pid", k->sender_pid);
	json_object_set_new(o, "fault_addr", fr_json_addr(k->fault_addr));
	json_object_set_new(o, "pc", fr_json_addr(k->pc));
	json_object_set_new(o, "sp", fr_json_addr(k->sp));
	regs = json_array();
	for (uint32_t i = 0; i < k->n_regs; i++)
		json_array_append_new(regs, fr_json_addr(k->regs[i]));
	json_object_set_new(o, "regs", regs);
	return o;
}

static json_t *window(const struct recording *rec)
{
	json_t *o = json_object();

	set_u64(o, "start_ns", rec->start_ns);
	set_u64(o, "end_ns", rec->end_ns);
	set_u64(o, "duration_ns", rec->end_ns - rec->start_ns);
	set_u64(o, "common_ns",
		rec->end_ns > rec->common_start_ns ? rec->end_ns - rec->common_start_ns : 0);
	return o;
}

static json_t *drops(const struct recording *rec)
{
	json_t *o = json_object();
	char buf[FR_DROP_NAME_LEN];

	for (uint32_t i = 0; i < rec->n_drops; i++)
		set_u64(o, fr_drop_name(i, buf), rec->drops[i]);
	return o;
}

static json_t *sections(const struct fr_header *h)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < h->section_count; i++) {
		json_t *o = json_object();

		set_text(o, "name", fr_section_name(h->sections[i].id));
		set_u64(o, "id", h->sections[i].id);
		set_u64(o, "offset", h->sections[i].offset);
		set_u64(o, "size", h->sections[i].size);
		set_u64(o, "used", h->sections[i].x_used);
		set_u64(o, "record_size", h->sections[i].record_size);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *module(struct symbols *sy, const struct rec_module *m)
{
	struct module_symbols ms = {0};
	json_t *o = json_object();
	char buf[300];

	fr_symbols_module(sy, m, &ms);
	set_text(o, "path", m->path);
	json_object_set_new(o, "base", fr_json_addr(m->r.base));
	json_object_set_new(o, "end", fr_json_addr(m->r.end));
	json_object_set_new(o, "bias", fr_json_addr(m->r.bias));
	set_text(o, "build_id", m->r.build_id_len ? fr_build_id(m, buf) : NULL);
	set_u64(o, "loaded_ns", m->loaded_ns);
	set_u64(o, "unloaded_ns", m->unloaded_ns);
	json_object_set_new(o, "symbols_found", json_boolean(ms.best != FRAME_NONE));
	set_text(o, "symbols", fr_symbols_word(&ms, buf, sizeof(buf)));
	set_text(o, "symbols_file", ms.file);
	set_text(o, "problem", ms.problem);
	return o;
}

static json_t *modules(const struct recording *rec, struct symbols *sy)
{
	json_t *a = json_array();

	for (size_t i = 0; i < rec->n_modules; i++)
		json_array_append_new(a, module(sy, &rec->modules[i]));
	return a;
}

/* since_ns null: nothing is missing, back to the thread's beginning; end_ns: all is. */
static json_t *tiers(const struct recording *rec, const struct rec_window *w)
{
	json_t *all = json_object();

	for (uint32_t i = 0; i < FR_TIERS; i++) {
		uint64_t since = w[i].since_ns < rec->end_ns ? w[i].since_ns : rec->end_ns;
		json_t *o = json_object();

		set_u64(o, "events", w[i].kept);
		set_u64(o, "overwritten", w[i].overwritten);
		set_u64(o, "first_ns", w[i].first_ns);
		set_u64(o, "last_ns", w[i].last_ns);
		json_object_set_new(o, "since_ns",
				    w[i].since_ns ? fr_json_u64(since) : json_null());
		set_u64(o, "window_ns", fr_tier_window_ns(rec, &w[i]));
		json_object_set_new(all, fr_word_tier(i), o);
	}
	return all;
}

static json_t *threads(const struct recording *rec)
{
	json_t *a = json_array();

	for (size_t i = 0; i < rec->n_threads; i++) {
		const struct rec_thread *th = &rec->threads[i];
		json_t *o = json_object();

		json_object_set_new(o, "thread", json_sprintf("T%u", th->r.serial));
		set_u64(o, "tid", th->r.tid);
		set_text(o, "name", th->name);
		json_object_set_new(o, "alive", json_boolean(th->r.x_life == FR_THREAD_LIVE));
		set_u64(o, "events", th->kept);
		set_u64(o, "overwritten", th->overwritten);
		set_u64(o, "stack_walks", th->r.stack_walks);
		set_u64(o, "first_ns", th->first_ns);
		set_u64(o, "last_ns", th->last_ns);
		json_object_set_new(o, "tiers", tiers(rec, th->tier));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *notes(const struct recording *rec)
{
	const struct section_view *v = &rec->sec[FR_SEC_NOTES];
	const char *at = (const char *)v->data, *end = v->data ? at + v->size : at;
	json_t *a = json_array();

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);

		if (n && at[0])
			json_array_append_new(a, fr_json_bytes(at, strnlen(at, n)));
		at = nl ? nl + 1 : end;
	}
	return a;
}

/* Which object's function the host calls instead. */
static json_t *shadow(const struct recording *rec, const struct fr_hook_rec *r)
{
	const struct rec_module *m = fr_recording_module(rec, r->provider, 0);

	return fr_json_text(m ? m->path : NULL);
}

/* Objects whose calls go past the hooks. */
static json_t *deepbound(const struct recording *rec)
{
	json_t *a = json_array();

	for (size_t i = 0; i < rec->n_modules; i++) {
		if (rec->modules[i].r.deepbind)
			json_array_append_new(a, fr_json_text(rec->modules[i].path));
	}
	return a;
}

static json_t *hooks(const struct recording *rec)
{
	const struct section_view *v = &rec->sec[FR_SEC_HOOKS];
	json_t *o = json_object(), *missing = json_array(), *shadowed = json_object();
	uint64_t taken = 0;

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		const struct fr_hook_rec *r = (const struct fr_hook_rec *)(v->data + at);

		if (!r->name[0])
			continue;
		taken += r->taken != 0;
		if (r->flags & FR_HOOK_SHADOWED)
			json_object_set_new(shadowed, r->name, shadow(rec, r));
		if (!r->taken)
			json_array_append_new(
				missing, fr_json_bytes(r->name, strnlen(r->name, sizeof(r->name))));
	}
	set_u64(o, "taken", taken);
	json_object_set_new(o, "deepbind", deepbound(rec));
	json_object_set_new(o, "not_taken", missing);
	json_object_set_new(o, "shadowed", shadowed);
	return o;
}

static json_t *settings(const struct recording *rec)
{
	struct fr_setting_rec set[SETTINGS_MAX];

	return fr_settings_json(set, fr_recording_settings(rec, set));
}

void fr_info_json(struct call *c, struct symbols *sy)
{
	const struct recording *rec = c->rec;
	json_t *o = json_object();

	set_u64(o, "fr", 1);
	set_text(o, "path", rec->path);
	set_text(o, "source", fr_word_source(rec->source));
	json_object_set_new(o, "header", header(rec));
	json_object_set_new(o, "trigger", trigger(rec));
	json_object_set_new(o, "crash", crash(rec));
	json_object_set_new(o, "window", window(rec));
	set_u64(o, "events", rec->n_events);
	json_object_set_new(
		o, "bytes_per_event",
		json_real(rec->n_events ? (double)rec->event_bytes / (double)rec->n_events : 0));
	set_u64(o, "torn", rec->n_torn);
	json_object_set_new(o, "losses", json_boolean(rec->losses));
	json_object_set_new(o, "drops", drops(rec));
	json_object_set_new(o, "sections", sections(&rec->hdr));
	json_object_set_new(o, "modules", modules(rec, sy));
	json_object_set_new(o, "tiers", tiers(rec, rec->tier));
	json_object_set_new(o, "threads", threads(rec));
	json_object_set_new(o, "settings", settings(rec));
	json_object_set_new(o, "notes", notes(rec));
	json_object_set_new(o, "hooks", hooks(rec));
	fr_json_print(o, c->out);
}
