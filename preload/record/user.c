/* SPDX-License-Identifier: MIT */
/*
 * user.c - the recorder's side of fr.h: the one symbol that is exported beside the hooks.
 *
 * Labels and the current task are kept whatever the level is: a level raised later must not find
 * old ones. What is recorded at level slow: tasks, labels, logs and slow zones.
 *
 * Context: the program's own threads and signal handlers, under the guard. Must not: keep a pointer
 * that the program gave; take a lock; trust struct fr_labels, which is the program's memory.
 */
#include "record/user.h"

#include <string.h>

#include "core/real.h"
#include "core/sys.h"
#include "fr.h"
#include "record/ring.h"
#include "record/upcalls.h"
#include "record/wait.h"

#define LOG_VALUE 320u
#define LABEL_VALUE 160u
#define PAIR_MAX (FR_USER_NAME + LOG_VALUE)

_Static_assert(PAIR_MAX <= FR_EVENT_MAX - FR_EVENT_FIXED_MAX, "a pair fits an event");
_Static_assert(sizeof(((struct fr_labels *)0)->text) == FR_USER_LABEL_BYTES, "one layout");

/* ---- texts ----------------------------------------------------------------------------------- */

/* Copies S with its end; SIZE counts the end. Returns the length without it. */
static uint32_t copy_text(char *to, const char *s, uint32_t size)
{
	size_t n = s ? strnlen(s, size) : 0;

	if (n == size) {
		n--;
		fr_drop(FR_DROP_TEXT_CUT);
	}
	if (n)
		memcpy(to, s, n);
	to[n] = '\0';
	return (uint32_t)n;
}

static struct fr_blob name_blob(char buf[FR_USER_NAME], const char *name)
{
	uint32_t n = copy_text(buf, name, FR_USER_NAME);

	return (struct fr_blob){buf, n};
}

/* "key", NUL, "value": the form of FR_ARG_PAIR. */
static struct fr_blob pair_blob(char buf[PAIR_MAX], const char *key, const char *value,
				uint32_t value_size)
{
	uint32_t n = copy_text(buf, key, FR_USER_NAME) + 1;

	return (struct fr_blob){buf, n + copy_text(buf + n, value, value_size)};
}

static bool listening(void)
{
	return fr_level(FR_CLASS_USER) != FR_LEVEL_OFF;
}

static int user_enabled(void)
{
	return listening() && fr_region.hdr;
}

static int user_snapshot(const char *reason)
{
	char text[sizeof(((struct fr_trigger *)0)->reason)];

	if (fr_level(FR_CLASS_RECORDER) == FR_LEVEL_OFF || !fr_region.hdr ||
	    fr_region.hdr->pid != (uint32_t)fr_sys_getpid())
		return -1;
	copy_text(text, reason, sizeof(text));
	fr_snapshot_request(FR_TRIGGER_API, 0, 0, text);
	return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Those begun last, so that the end can say what ended and after how long. */
#define TASKS 256u
static struct task {
	_Atomic uint64_t id;
	uint64_t parent;
	uint64_t since;
	char name[FR_USER_NAME];
} tasks[TASKS] FR_BIG;
static _Atomic uint64_t last_task;

static uint64_t user_task_begin(const char *name)
{
	struct fr_thread *t = listening() ? fr_enter() : NULL;
	uint64_t id, now;
	struct fr_blob blob;
	struct task *k;

	if (!t)
		return 0;
	now = fr_clock_ticks();
	id = atomic_fetch_add(&last_task, 1) + 1;
	k = &tasks[id % TASKS];
	atomic_store_explicit(&k->id, 0, memory_order_release);
	k->parent = t->user.task;
	k->since = now;
	blob = name_blob(k->name, name);
	atomic_store_explicit(&k->id, id, memory_order_release);
	fr_put_cold(t, FR_EV_TASK_BEGIN, FR_TIER_RARE, now, fr_stack_get(t, FR_SITE()),
		    FR_ARGS(TASK_BEGIN, .task = id, .parent = t->user.task, .name = &blob));
	t->user.task = id;
	fr_leave(t);
	return id;
}

static void user_task_end(uint64_t id)
{
	const struct task *k = &tasks[id % TASKS];
	bool known = id && atomic_load_explicit(&k->id, memory_order_acquire) == id;
	struct fr_thread *t = id ? fr_enter() : NULL;
	struct fr_blob blob = {"", 0};
	uint64_t now;

	if (!t)
		return;
	now = fr_clock_ticks();
	if (known)
		blob = (struct fr_blob){k->name, (uint32_t)strnlen(k->name, FR_USER_NAME)};
	if (listening())
		fr_put_cold(t, FR_EV_TASK_END, FR_TIER_RARE, now, fr_stack_get(t, FR_SITE()),
			    FR_ARGS(TASK_END, .task = id,
				    .dur = known && now > k->since ? now - k->since : 0,
				    .name = &blob));
	if (t->user.task == id)
		t->user.task = known ? k->parent : 0;
	fr_leave(t);
}

/* ---- zones ----------------------------------------------------------------------------------- */

static void user_zone_begin(const char *name)
{
	enum fr_level level = fr_level(FR_CLASS_USER);
	struct fr_thread *t = fr_enter();
	struct fr_blob blob;
	struct fr_user *u;
	char extra[FR_USER_NAME];
	uint64_t now;

	if (!t)
		return;
	u = &t->user;
	now = fr_clock_ticks();
	blob = name_blob(u->depth < FR_USER_ZONES ? u->zone[u->depth].name : extra, name);
	if (u->depth < FR_USER_ZONES)
		u->zone[u->depth].since = now;
	u->depth++;
	if (level == FR_LEVEL_FULL)
		fr_put_cold(t, FR_EV_ZONE_BEGIN, FR_TIER_DENSE, now, fr_stack_get(t, FR_SITE()),
			    FR_ARGS(ZONE_BEGIN, .task = u->task, .depth = u->depth, .name = &blob));
	fr_leave(t);
}

static void user_zone_end(void)
{
	enum fr_level level = fr_level(FR_CLASS_USER);
	struct fr_thread *t = fr_enter();
	struct fr_blob blob = {"", 0};
	uint64_t now, dur = 0;
	struct fr_user *u;

	if (!t)
		return;
	u = &t->user;
	now = fr_clock_ticks();
	if (u->depth && u->depth <= FR_USER_ZONES) {
		const char *name = u->zone[u->depth - 1].name;

		blob = (struct fr_blob){name, (uint32_t)strnlen(name, FR_USER_NAME)};
		dur = now - u->zone[u->depth - 1].since;
	}
	if (level == FR_LEVEL_FULL || (level > FR_LEVEL_OFF && dur >= fr_slow_ticks))
		fr_put_cold(t, FR_EV_ZONE_END, fr_wait_tier(dur, false), now,
			    fr_stack_get(t, FR_SITE()),
			    FR_ARGS(ZONE_END, .dur = dur, .task = u->task, .depth = u->depth,
				    .name = &blob));
	u->depth -= u->depth != 0;
	fr_leave(t);
}

/* ---- logs and counters ----------------------------------------------------------------------- */

static void user_log(const char *key, const char *value)
{
	struct fr_thread *t = listening() ? fr_enter() : NULL;
	char buf[PAIR_MAX];
	struct fr_blob blob;

	if (!t)
		return;
	blob = pair_blob(buf, key, value, LOG_VALUE);
	fr_put_cold(t, FR_EV_LOG, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, FR_SITE()),
		    FR_ARGS(LOG, .task = t->user.task, .log = &blob));
	fr_leave(t);
}

static void user_counter(const char *name, int64_t value)
{
	struct fr_thread *t = fr_level(FR_CLASS_USER) == FR_LEVEL_FULL ? fr_enter() : NULL;
	char buf[FR_USER_NAME];
	struct fr_blob blob;

	if (!t)
		return;
	blob = name_blob(buf, name);
	fr_put_cold(t, FR_EV_COUNTER, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, FR_SITE()),
		    FR_ARGS(COUNTER, .value = value, .name = &blob));
	fr_leave(t);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* The label at *AT as a pair; *AT moves on. False = there is none, or bytes that are no label. */
static bool next_label(const char *text, uint32_t bytes, uint32_t *at, struct fr_blob *pair)
{
	uint32_t left = bytes - *at;
	const char *p = text + *at;
	uint32_t key, value;

	if (*at >= bytes)
		return false;
	key = (uint32_t)strnlen(p, left);
	if (key >= FR_USER_NAME || key + 1 >= left)
		return false;
	value = (uint32_t)strnlen(p + key + 1, left - key - 1);
	if (value >= LABEL_VALUE || key + 1 + value + 1 > left)
		return false;
	*pair = (struct fr_blob){p, key + 1 + value};
	*at += key + value + 2;
	return true;
}

static void say(struct fr_thread *t, uint64_t ticks, uint32_t stack, bool again,
		const struct fr_blob *pair)
{
	fr_put_cold(t, FR_EV_LABEL, FR_TIER_RARE, ticks, stack,
		    FR_ARGS(LABEL, .again = again, .label = pair));
}

static void say_all(struct fr_thread *t, uint64_t ticks, uint32_t stack, bool again)
{
	const struct fr_user *u = &t->user;
	struct fr_blob pair;
	uint32_t at = 0;

	while (next_label(u->label, u->label_bytes, &at, &pair))
		say(t, ticks, stack, again, &pair);
}

void fr_user_again(struct fr_thread *t, uint64_t ticks)
{
	if (!t->user.unsaid && fr_level_now(FR_CLASS_USER) > FR_LEVEL_OFF)
		say_all(t, ticks, 0, true);
}

/* All of them, after a label without key, which clears those that the recording knows. */
static void say_anew(struct fr_thread *t, uint64_t ticks, uint32_t stack)
{
	const struct fr_blob none = {"", 1};

	say(t, ticks, stack, false, &none);
	say_all(t, ticks, stack, false);
	t->user.unsaid = false;
}

static void remove_label(struct fr_user *u, const char *key)
{
	uint32_t at = 0, from = 0;
	struct fr_blob pair;

	for (; next_label(u->label, u->label_bytes, &at, &pair); from = at) {
		if (strcmp(u->label + from, key) != 0)
			continue;
		memmove(u->label + from, u->label + at, u->label_bytes - at);
		u->label_bytes -= at - from;
		u->n_labels--;
		return;
	}
}

/* False: no room for it, counted; it is then not set at all. */
static bool store_label(struct fr_user *u, const struct fr_blob *pair)
{
	const char *key = pair->data;

	remove_label(u, key);
	if (strlen(key) + 1 == pair->size)
		return true; /* taken away */
	if (u->n_labels == FR_USER_LABELS || u->label_bytes + pair->size + 1 > sizeof(u->label)) {
		fr_drop(FR_DROP_TEXT_CUT);
		return false;
	}
	memcpy(u->label + u->label_bytes, key, pair->size);
	u->label_bytes += pair->size;
	u->label[u->label_bytes++] = '\0';
	u->n_labels++;
	return true;
}

static void user_label_set(const char *key, const char *value)
{
	bool heard = listening();
	struct fr_thread *t = key && *key ? fr_enter() : NULL;
	char buf[PAIR_MAX];
	struct fr_blob pair, gone;
	uint64_t now;

	if (!t)
		return;
	now = fr_clock_ticks();
	pair = pair_blob(buf, key, value, LABEL_VALUE);
	gone = (struct fr_blob){buf, (uint32_t)strlen(buf) + 1};
	if (!store_label(&t->user, &pair))
		pair = gone;
	if (!heard)
		t->user.unsaid = true;
	else if (t->user.unsaid)
		say_anew(t, now, fr_stack_get(t, FR_SITE()));
	else
		say(t, now, fr_stack_get(t, FR_SITE()), false, &pair);
	fr_leave(t);
}

static void user_label_get(struct fr_labels *out)
{
	struct fr_thread *t = fr_level(FR_CLASS_RECORDER) > FR_LEVEL_OFF ? fr_enter() : NULL;

	if (!t)
		return;
	out->task = t->user.task;
	out->n = t->user.n_labels;
	out->bytes = t->user.label_bytes;
	memcpy(out->text, t->user.label, out->bytes);
	fr_leave(t);
}

static void user_label_adopt(const struct fr_labels *in)
{
	bool heard = listening();
	struct fr_thread *t = in ? fr_enter() : NULL;
	uint32_t at = 0, bytes;
	struct fr_blob pair;

	if (!t)
		return;
	bytes = in->bytes <= sizeof(in->text) ? in->bytes : 0;
	t->user.task = in->task;
	t->user.n_labels = t->user.label_bytes = 0;
	while (next_label(in->text, bytes, &at, &pair))
		store_label(&t->user, &pair);
	t->user.unsaid = true;
	if (heard)
		say_anew(t, fr_clock_ticks(), fr_stack_get(t, FR_SITE()));
	fr_leave(t);
}

/* ---- the symbol ------------------------------------------------------------------------------ */

FR_HOOK const struct fr_api fr_api_v1 = {
	.version = 1,
	.size = sizeof(struct fr_api),
	.enabled = user_enabled,
	.snapshot = user_snapshot,
	.task_begin = user_task_begin,
	.task_end = user_task_end,
	.zone_begin = user_zone_begin,
	.zone_end = user_zone_end,
	.log = user_log,
	.label_set = user_label_set,
	.label_get = user_label_get,
	.label_adopt = user_label_adopt,
	.counter = user_counter,
};
