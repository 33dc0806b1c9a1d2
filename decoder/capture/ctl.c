/* SPDX-License-Identifier: MIT */
/*
 * ctl.c - fr ctl: shows the settings of a live process, and changes them.
 *
 * What is wanted is checked here against what the region says there is, and again by the recorder,
 * which applies it when it next records something that is not hot. No signal is sent.
 */
#include "capture/ctl.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arguments.h"
#include "base/parse.h"
#include "base/sbuf.h"
#include "commands.h"
#include "exporters/json.h"
#include "exporters/levels.h"
#include "exporters/settings.h"
#include "exporters/words.h"
#include "read/control.h"

#define PATIENCE_MS 2000

/* ---- values ---------------------------------------------------------------------------------- */

static int level_named(const char *s, size_t n)
{
	for (int i = FR_LEVEL_OFF; i <= FR_LEVEL_FULL; i++) {
		const char *name = fr_word_level((uint32_t)i);

		if (strlen(name) == n && !strncmp(name, s, n))
			return i;
	}
	return -1;
}

static int class_named(const char *s, size_t n)
{
	for (int i = 0; i < FR_CLASS_RECORDER; i++) {
		const char *name = fr_word_class((uint32_t)i);

		if (strlen(name) == n && !strncmp(name, s, n))
			return i;
	}
	return -1;
}

/* One item of events=: "full" or "lock=full". */
static bool set_level(struct fr_settings *want, const char *s, size_t n)
{
	const char *eq = memchr(s, '=', n);
	size_t head = eq ? (size_t)(eq - s) + 1 : 0;
	int level = level_named(s + head, n - head);
	int klass = eq ? class_named(s, head - 1) : FR_CLASS_RECORDER;

	if (level < 0 || klass < 0)
		return false;
	for (int k = 0; k < FR_CLASS_RECORDER; k++)
		if (klass == FR_CLASS_RECORDER || klass == k) {
			want->levels[k] = (uint8_t)level;
			want->named |= 1u << k;
		}
	return true;
}

/* One item of trigger=: "recv>1s" or "exit". */
static bool set_rule(const struct fr_control *c, struct fr_settings *want, const char *s, size_t n)
{
	char item[64], *value;
	uint64_t limit = 1;

	if (n >= sizeof(item))
		return false;
	memcpy(item, s, n);
	item[n] = 0;
	value = strchr(item, '>');
	if (value)
		*value++ = 0;
	for (uint32_t i = 0; i < c->n_rules; i++) {
		const struct fr_rule_rec *r = &c->rules[i];

		if (!*item || strcmp(r->name, item) != 0)
			continue;
		if ((r->unit == FR_RULE_FLAG) != !value)
			return false;
		if (r->unit == FR_RULE_NS && !fr_parse_duration(value, &limit))
			return false;
		if (r->unit == FR_RULE_BYTES && !fr_parse_bytes(value, &limit))
			return false;
		want->limit[i] = limit;
		return limit != 0;
	}
	return false;
}

/* ---- settings -------------------------------------------------------------------------------- */

struct change {
	struct control *ctl;
	const struct fr_control *c; /* what there is */
	struct fr_settings want;
};

struct row {
	enum fr_setting_unit unit;
	uint64_t least, most;
};

#define SETTING(name, variable, type, dflt, least, most, ...) {FR_UNIT_OF_##type, least, most},
static const struct row settings[FR_SETTINGS] = {
#include "preload/wire/config.def"
};
#undef SETTING

static bool items(struct change *ch, const char *list, bool rules)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (n &&
		    !(rules ? set_rule(ch->c, &ch->want, list, n) : set_level(&ch->want, list, n)))
			return false;
		list += n + (list[n] == ',');
	}
	return true;
}

static bool set_events(struct change *ch, const char *v)
{
	return *v && items(ch, v, false);
}

static bool set_trigger(struct change *ch, const char *v)
{
	memset(ch->want.limit, 0, sizeof(ch->want.limit));
	return items(ch, v, true);
}

/* As `fr run` and the environment take it: 5% or 5, none or 0; 1 or 0. */
static bool parse(enum fr_setting_unit unit, const char *v, uint64_t *n)
{
	*n = 0;
	switch (unit) {
	case FR_UNIT_NS:
		return fr_parse_duration(v, n);
	case FR_UNIT_BYTES:
		return fr_parse_bytes(v, n);
	case FR_UNIT_PERCENT:
		return !strcmp(v, "none") || fr_parse_percent(v, n);
	default:
		return fr_parse_number(v, n);
	}
}

/* False also where the recorder has no such setting. */
static bool set_number(struct change *ch, const char *name, const struct row *row, const char *v)
{
	const struct fr_setting_field *field = &fr_setting_fields[row - settings];
	struct fr_setting_rec *own = fr_control_setting(ch->ctl, name);
	uint64_t n;

	if (!parse(row->unit, v, &n) || n < row->least || n > row->most)
		return false;
	if (field->size)
		memcpy((char *)&ch->want + field->at, &n, field->size); /* the low bytes first */
	else if (own)
		own->x_wanted = n;
	return field->size || own;
}

#define ALL_CLASSES ((1u << FR_CLASS_RECORDER) - 1)

static bool set_all(struct change *ch, bool on)
{
	if (on)
		memcpy(ch->want.levels, ch->c->configured, FR_CLASS_RECORDER);
	else
		memset(ch->want.levels, FR_LEVEL_OFF, FR_CLASS_RECORDER);
	ch->want.named = ALL_CLASSES;
	return true;
}

enum {
	OFF = FR_SETTINGS,
	ON,
};

/* A row per setting; of group 0, which is nobody's, if it is read at start only. */
#define SETTING(name, variable, type, dflt, least, most, change, letter, option, help)             \
	{#name, FR_VALUE_OF_##type, help, FR_LIVE_##change, 0},
static const struct argument rows[] = {
#include "preload/wire/config.def"
	[OFF] = {"off", NULL, "record nothing", 1, 0},
	[ON] = {"on", NULL, "the levels the process was started with", 1, 0},
};
#undef SETTING

static bool set(void *into, size_t row, const char *value)
{
	struct change *ch = into;

	if (row >= FR_SETTINGS)
		return set_all(ch, row == ON);
	if (settings[row].unit == FR_UNIT_LEVELS)
		return set_events(ch, value);
	if (settings[row].unit == FR_UNIT_RULES)
		return set_trigger(ch, value);
	return set_number(ch, rows[row].name, &settings[row], value);
}

static const struct arguments arguments = {
	.command = "ctl",
	.rows = rows,
	.n = sizeof(rows) / sizeof(rows[0]),
	.groups = 1,
	.words = true,
	.set = set,
};

const struct arguments *fr_ctl_arguments(void)
{
	return &arguments;
}

void fr_ctl_help(FILE *out)
{
	fprintf(out, "usage: fr ctl PID [SETTING...]\n\nsettings:\n");
	fr_arguments_help(&arguments, out);
	fprintf(out,
		"\nWithout a setting it shows those in force. They end with the process. A list "
		"takes the\nplace of the one in force; trigger= for none.\n");
}

/* ---- what is in force ------------------------------------------------------------------------ */

/* The value in force of the setting in this row; false = the recorder has none. */
static bool print_value(struct sbuf *b, struct control *ctl, size_t row)
{
	const struct fr_setting_field *field = &fr_setting_fields[row];
	enum fr_setting_unit unit = settings[row].unit;
	struct fr_setting_rec *own = fr_control_setting(ctl, rows[row].name);
	struct fr_setting_rec r = {.unit = unit};

	if (own)
		r = *own;
	else if (unit != FR_UNIT_LEVELS && unit != FR_UNIT_RULES && !field->size)
		return false;
	if (field->size)
		memcpy(&r.x_value, (const char *)&ctl->c.in_force + field->at, field->size);
	fr_setting_text(b, &r, &ctl->c);
	return true;
}

static void print_text(struct call *c, struct control *ctl)
{
	struct sbuf b = {0};

	fr_sbuf_text(&b, ctl->hdr.comm, strlen(ctl->hdr.comm));
	fprintf(c->out, "%s (pid %u)\n", fr_sbuf_cstr(&b), ctl->hdr.pid);
	for (size_t i = 0; i < FR_SETTINGS; i++) {
		fr_sbuf_reset(&b);
		if (rows[i].group && print_value(&b, ctl, i))
			fprintf(c->out, "%-12s %s\n", rows[i].name, fr_sbuf_cstr(&b));
	}
	fprintf(c->out, "held back    %" PRIu64 " snapshots so far\n", ctl->c.x_suppressed);
	fr_sbuf_free(&b);
}

static json_t *rules_json(const struct fr_control *k)
{
	static const char *const units[] = {"flag", "ns", "bytes"};
	json_t *o = json_object();

	for (uint32_t i = 0; i < k->n_rules; i++) {
		const struct fr_rule_rec *r = &k->rules[i];
		struct sbuf name = {0};
		json_t *rule;

		if (!r->name[0])
			continue;
		rule = json_object();
		json_object_set_new(rule, "unit", fr_json_text(units[r->unit < 3 ? r->unit : 0]));
		json_object_set_new(rule, "limit", fr_json_u64(k->in_force.limit[i]));
		json_object_set_new(rule, "fired", fr_json_u64(r->x_fired));
		fr_sbuf_utf8(&name, r->name, strlen(r->name));
		json_object_set_new(o, fr_sbuf_cstr(&name), rule);
		fr_sbuf_free(&name);
	}
	return o;
}

static void print_json(struct call *c, const struct control *ctl, bool pending)
{
	const struct fr_control *k = &ctl->c;
	json_t *o = json_object();

	json_object_set_new(o, "fr", json_integer(1));
	json_object_set_new(o, "pid", fr_json_u64(ctl->hdr.pid));
	json_object_set_new(o, "comm", fr_json_text(ctl->hdr.comm));
	json_object_set_new(o, "levels", fr_levels_json(k->in_force.levels, FR_CLASS_RECORDER));
	json_object_set_new(o, "asked", fr_levels_json(fr_levels_asked(k), FR_CLASS_RECORDER));
	json_object_set_new(o, "configured", fr_levels_json(k->configured, FR_CLASS_RECORDER));
	json_object_set_new(o, "budget", fr_json_u64(k->in_force.budget));
	json_object_set_new(o, "slow_ns", fr_json_u64(k->in_force.slow));
	json_object_set_new(o, "cooldown_ns", fr_json_u64(k->in_force.cooldown));
	json_object_set_new(o, "trigger_max", fr_json_u64(k->in_force.trigger_max));
	json_object_set_new(o, "suppressed", fr_json_u64(k->x_suppressed));
	json_object_set_new(o, "rules", rules_json(k));
	json_object_set_new(o, "settings", fr_settings_json(ctl->set, ctl->n_set));
	json_object_set_new(o, "pending", json_boolean(pending));
	fr_json_print(o, c->out);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Has the process looked at the request? Tries for a while. */
static bool answered(struct control *ctl, uint64_t request)
{
	const struct timespec nap = {0, 5000000};

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		if (!fr_control_read(ctl))
			return false;
		if (ctl->c.x_answer >= request)
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

static bool all_off(const uint8_t *levels)
{
	for (int k = 0; k < FR_CLASS_RECORDER; k++)
		if (levels[k] != FR_LEVEL_OFF)
			return false;
	return true;
}

/* What an earlier request has left there is not asked for again: it may have been refused. */
static void want_as_is(struct control *ctl)
{
	for (size_t i = 0; i < ctl->n_set; i++)
		ctl->set[i].x_wanted = ctl->set[i].x_value;
}

/* False: nothing was changed; *PENDING: the process has not looked yet. */
static bool change(struct call *c, struct control *ctl, bool *pending)
{
	struct change ch = {ctl, &ctl->c, ctl->c.in_force};
	struct arguments a = arguments;
	int n = c->argc - 1; /* argv[1], the process, stands where a command's name does */
	uint64_t request;

	if (all_off(ctl->c.configured) && !ctl->c.x_answer) {
		diag_add(c->diag, DIAG_ERROR,
			 "%s: was started with every class off and does not listen", c->argv[1]);
		return false;
	}

	/* a request under way counts: two changes soon after each other are both wanted */
	if (ctl->c.x_request != ctl->c.x_answer && ctl->c.hash == fr_settings_hash(&ctl->c.wanted))
		ch.want = ctl->c.wanted;
	else
		want_as_is(ctl);
	a.into = &ch;
	if (!fr_arguments_parse(&a, &n, c->argv + 1, c->diag))
		return false;
	request = fr_control_write(ctl, &ch.want);
	if (!request) {
		diag_add(c->diag, DIAG_ERROR, "%s: its region could not be written", c->argv[1]);
		return false;
	}
	*pending = !answered(ctl, request);
	if (!*pending && ctl->c.x_refused) {
		diag_add(c->diag, DIAG_ERROR, "%s: the recorder has refused the settings",
			 c->argv[1]);
		return false;
	}
	if (*pending)
		diag_add(c->diag, DIAG_NOTE,
			 "the process has recorded nothing since; it will see the new settings "
			 "when it does");
	return true;
}

int fr_cmd_ctl(struct call *c)
{
	struct control ctl;
	bool pending = false, ok = true;

	if (c->argc < 2) {
		diag_add(c->diag, DIAG_ERROR, "fr ctl: whose settings? fr ctl PID [SETTING...]");
		return FR_EXIT_USAGE;
	}
	if (!fr_control_open(&ctl, c->argv[1], c->argc > 2, c->diag))
		return FR_EXIT_ERROR;
	if (c->argc > 2)
		ok = change(c, &ctl, &pending);
	if (ok && c->opt->json)
		print_json(c, &ctl, pending);
	else if (ok)
		print_text(c, &ctl);
	fr_control_close(&ctl);
	return ok ? FR_EXIT_OK : FR_EXIT_ERROR;
}
