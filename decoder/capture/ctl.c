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
#include "base/units.h"
#include "commands.h"
#include "exporters/json.h"
#include "exporters/levels.h"
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
	const struct fr_control *c; /* what there is */
	struct fr_settings want;
};

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

static bool set_slow(struct change *ch, const char *v)
{
	return fr_parse_duration(v, &ch->want.slow_ns);
}

static bool set_trigger(struct change *ch, const char *v)
{
	memset(ch->want.limit, 0, sizeof(ch->want.limit));
	return items(ch, v, true);
}

static bool set_trigger_max(struct change *ch, const char *v)
{
	return fr_parse_number(v, &ch->want.trigger_max) && ch->want.trigger_max <= 1000000;
}

static bool set_cooldown(struct change *ch, const char *v)
{
	return fr_parse_duration(v, &ch->want.cooldown_ns);
}

/* "5%" or "5"; "none" or "0": no limit. */
static bool set_budget(struct change *ch, const char *v)
{
	uint64_t n = 0;

	if (strcmp(v, "none") != 0 && (!fr_parse_percent(v, &n) || n > 100))
		return false;
	ch->want.budget = (uint32_t)n;
	return true;
}

#define ALL_CLASSES ((1u << FR_CLASS_RECORDER) - 1)

static bool set_off(struct change *ch, const char *v)
{
	memset(ch->want.levels, FR_LEVEL_OFF, FR_CLASS_RECORDER);
	ch->want.named = ALL_CLASSES;
	return true;
}

static bool set_on(struct change *ch, const char *v)
{
	memcpy(ch->want.levels, ch->c->configured, FR_CLASS_RECORDER);
	ch->want.named = ALL_CLASSES;
	return true;
}

#define SETTING(name, value, help) {#name, value, help, 1, 0},
static const struct argument rows[] = {
#include "capture/settings.def"
};
#undef SETTING

static bool set(void *into, size_t row, const char *value)
{
#define SETTING(name, value, help) set_##name,
	static bool (*const setters[])(struct change * ch, const char *v) = {
#include "capture/settings.def"
	};
#undef SETTING
	return setters[row](into, value);
}

static const struct arguments arguments = {
	.command = "ctl",
	.rows = rows,
	.n = sizeof(rows) / sizeof(rows[0]),
	.groups = 1,
	.words = true,
	.set = set,
};

void fr_ctl_help(FILE *out)
{
	fprintf(out, "usage: fr ctl PID [SETTING...]\n\nsettings:\n");
	fr_arguments_help(&arguments, out);
	fprintf(out, "\nWithout a setting it shows those in force. They end with the process.\n");
}

/* ---- what is in force ------------------------------------------------------------------------ */

static const char *amount(char buf[FR_UNITS_LEN], uint32_t unit, uint64_t v)
{
	return unit == FR_RULE_BYTES ? fr_units_bytes(buf, v) : fr_units_ns(buf, v);
}

static void print_rules(struct call *c, const struct fr_control *k)
{
	struct sbuf b = {0};
	char buf[FR_UNITS_LEN];

	for (uint32_t i = 0; i < k->n_rules; i++) {
		const struct fr_rule_rec *r = &k->rules[i];
		uint64_t limit = k->in_force.limit[i];

		if (!limit || !r->name[0])
			continue;
		fr_sbuf_str(&b, b.n ? ", " : "");
		fr_sbuf_text(&b, r->name, strlen(r->name));
		if (r->unit != FR_RULE_FLAG)
			fr_sbuf_fmt(&b, " > %s", amount(buf, r->unit, limit));
		if (r->x_fired)
			fr_sbuf_fmt(&b, " (%u times)", r->x_fired);
	}
	fprintf(c->out, "trigger      %s\n", b.n ? fr_sbuf_cstr(&b) : "none");
	fr_sbuf_free(&b);
}

static void print_text(struct call *c, const struct control *ctl)
{
	const struct fr_control *k = &ctl->c;
	struct sbuf b = {0};
	char slow[FR_UNITS_LEN], cooldown[FR_UNITS_LEN];

	fr_sbuf_text(&b, ctl->hdr.comm, strlen(ctl->hdr.comm));
	fprintf(c->out, "%s (pid %u)\nevents      ", fr_sbuf_cstr(&b), ctl->hdr.pid);
	for (uint32_t i = 0; i < FR_CLASS_RECORDER; i++)
		fprintf(c->out, " %s=%s", fr_word_class(i), fr_word_level(k->in_force.levels[i]));
	fr_sbuf_reset(&b);
	fr_budget_text(&b, k);
	fprintf(c->out, "\nbudget       %s\n", fr_sbuf_cstr(&b));
	fprintf(c->out, "slow         %s\n", fr_units_ns(slow, k->in_force.slow_ns));
	print_rules(c, k);
	fprintf(c->out, "trigger_max  %" PRIu64 ", %s apart; %" PRIu64 " held back so far\n",
		k->in_force.trigger_max, fr_units_ns(cooldown, k->in_force.cooldown_ns),
		k->x_suppressed);
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
	json_object_set_new(o, "slow_ns", fr_json_u64(k->in_force.slow_ns));
	json_object_set_new(o, "cooldown_ns", fr_json_u64(k->in_force.cooldown_ns));
	json_object_set_new(o, "trigger_max", fr_json_u64(k->in_force.trigger_max));
	json_object_set_new(o, "suppressed", fr_json_u64(k->x_suppressed));
	json_object_set_new(o, "rules", rules_json(k));
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

/* False: nothing was changed; *PENDING: the process has not looked yet. */
static bool change(struct call *c, struct control *ctl, bool *pending)
{
	struct change ch = {&ctl->c, ctl->c.in_force};
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
