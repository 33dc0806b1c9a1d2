/* SPDX-License-Identifier: MIT */
/*
 * fold.c - see fold.h.
 *
 * Two failures are the same if event, error, stack and function are, and the object, where the
 * error is about that: EMFILE is not about the path of the open that it befell. A call that was
 * slow is told each time.
 *
 * Context: any thread, under the guard, also in signal handlers. Must not: wait, touch errno.
 */
#include "record/fold.h"

#include <errno.h>

#include "record/ring.h"

FR_HOT uint64_t fr_slow_ticks;

#define WHOLE 8u /* written as they come */
#define PER_SECOND 10u /* and so many of the others */

#define ARG(type, name) FR_ARG_##type,
#define EVENT(id, NAME, text, klass, tier, n_short, args) [id] = {args},
static const uint8_t types[FR_EV_MAX][FR_ARGS_MAX] = {
#include "wire/events.def"
};
#undef EVENT
#undef ARG

/* Whatever the call was about, it would have failed. */
static bool spares_nothing(uint64_t err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOSPC || err == EBADF ||
	       err == ENOBUFS || err == EDQUOT;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const struct fr_blob *b)
{
	const uint8_t *p = b->data;

	for (uint32_t i = 0; i < b->size; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

struct failure {
	uint64_t err, key, object;
	bool slow;
};

static struct failure failure_of(enum fr_event ev, uint32_t stack, const uint64_t *args)
{
	const uint8_t *type = types[ev];
	struct failure f = {.object = type[0] == FR_ARG_FD ? args[0] : 0};

	for (unsigned int i = 0; i < FR_ARGS_MAX; i++) {
		if (type[i] == FR_ARG_ERR)
			f.err = args[i];
		if (type[i] == FR_ARG_NS && ev != FR_EV_FD_BAD)
			f.slow |= args[i] >= fr_slow_ticks;
	}
	if (!f.err || f.slow)
		return f;
	f.key = mix(mix(ev, stack), f.err);
	for (unsigned int i = 0; i < FR_ARGS_MAX; i++) {
		if (type[i] == FR_ARG_VIA)
			f.key = mix(f.key, args[i]);
		else if (spares_nothing(f.err))
			continue;
		else if (type[i] && fr_event_rows[ev].op[i] == FR_WIRE_BYTES)
			f.key = mix_bytes(f.key, (const struct fr_blob *)args[i]);
		else if (i == 0 && type[i] != FR_ARG_NS)
			f.key = mix(f.key, args[i]);
	}
	f.key |= 1;
	return f;
}

bool fr_fold(struct fr_thread *t, enum fr_event ev, uint64_t ticks, uint32_t stack,
	     const uint64_t *args, struct fr_fold *before)
{
	struct failure x = {0};
	struct fr_fold *f;

	before->count = 0;
	if (ev != FR_EV_REPEATED)
		x = failure_of(ev, stack, args);
	if (!x.key)
		return false;
	f = &t->folds[(x.key >> 32) % FR_FOLDS];
	if (f->key != x.key || ticks - f->written > 2 * fr_clock.per_second) {
		*before = *f;
		*f = (struct fr_fold){.key = x.key,
				      .written = ticks,
				      .seen = 1,
				      .object = x.object,
				      .via = fr_event_via(&fr_event_rows[ev], args),
				      .stack = stack,
				      .event = (uint16_t)ev,
				      .err = (uint16_t)x.err};
		return false;
	}
	if (f->seen < WHOLE || ticks - f->written >= fr_clock.per_second / PER_SECOND) {
		f->seen++;
		*before = *f;
		f->count = 0;
		f->written = ticks;
		return false;
	}
	f->last = ticks;
	if (!f->count++)
		f->first = ticks;
	if (!t->fold_due)
		t->fold_due = ticks + fr_clock.per_second / PER_SECOND;
	return true;
}

bool fr_fold_take(struct fr_thread *t, struct fr_fold *f)
{
	for (unsigned int i = 0; i < FR_FOLDS; i++) {
		if (!t->folds[i].count)
			continue;
		*f = t->folds[i];
		t->folds[i].count = 0;
		return true;
	}
	return false;
}
