/* SPDX-License-Identifier: MIT */
/*
 * needs.c - what is missing in a recording for a rule to say that all is fine.
 *
 * A wrong all-clear costs more than none: whatever may hide what a rule looks for is a reason to
 * say so. Must not: know any rule.
 */
#include "analyses/needs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/sbuf.h"
#include "model/stands.h"
#include "preload/wire/events.h"
#include "read/death.h"
#include "read/levels.h"

#define NAMED 3u /* threads that are named, the others are counted */
#define SHARE 100u /* fewer lost events than one in so many hide nothing */

#define NEED(NAME, must, function) {must, function},
static const struct {
	bool must;
	const char *(*missing)(struct analysis *a, unsigned int needs);
} rows[] = {
#include "analyses/needs.def"
};
#undef NEED

const char *fr_need_missing(struct analysis *a, unsigned int needs, bool must)
{
	const char *text;

	for (unsigned int i = 0; i < NEEDS; i++) {
		if (!(needs >> i & 1) || (must && !rows[i].must))
			continue;
		text = rows[i].missing(a, needs);
		if (text)
			return text;
	}
	return NULL;
}

/* ---- the recording as a whole ---------------------------------------------------------------- */

const char *fr_need_whole(struct analysis *a, unsigned int needs)
{
	const struct recording *rec = a->m->rec;

	(void)needs;
	if (rec->losses)
		return "the recording is damaged or cut";
	if (rec->drops[FR_DROP_REGION_LOST])
		return "its file was shortened, or its disk was full, while it was written";
	if (rec->n_events)
		return NULL;
	for (size_t i = 0; i < a->m->n_threads; i++)
		if (a->m->threads[i].open != MODEL_NONE)
			return NULL;
	return "the recording has no events";
}

const char *fr_need_end(struct analysis *a, unsigned int needs)
{
	const struct recording *rec = a->m->rec;

	(void)needs;
	if (rec->losses && !rec->crash.signo)
		return "the recording is damaged or cut";
	if (fr_recording_death(rec) == FR_DEATH_UNSEEN)
		return "the process ended without a word: killed, or died in a way that is not "
		       "seen";
	return NULL;
}

const char *fr_need_states(struct analysis *a, unsigned int needs)
{
	(void)needs;
	return a->m->rec->sec[FR_SEC_THREADS].data ? NULL : "the recording has no thread states";
}

const char *fr_need_history(struct analysis *a, unsigned int needs)
{
	const struct model *m = a->m;
	uint64_t lost = m->rec->drops[FR_DROP_NO_CHUNK];

	(void)needs;
	if (m->common_ns >= m->end_ns && m->end_ns > m->start_ns)
		return "there is no time of which nothing was overwritten for any thread: raise "
		       "FR_MAX_BYTES";
	if (lost * SHARE > m->rec->n_events)
		return "events were lost for lack of room: raise FR_MAX_BYTES";
	return NULL;
}

const char *fr_need_threads(struct analysis *a, unsigned int needs)
{
	uint64_t lost = a->m->rec->drops[FR_DROP_NO_THREAD];

	(void)needs;
	return lost ? "there was no room for some threads" : NULL;
}

/* ---- classes --------------------------------------------------------------------------------- */

static const char *is_off(struct analysis *a, enum fr_class klass)
{
	if (fr_recorded(a, klass))
		return NULL;
	return fr_name_fmt(a->names, "%s was not recorded (FR_EVENTS %s=off)", fr_word_class(klass),
			   fr_word_class(klass));
}

const char *fr_need_locks(struct analysis *a, unsigned int needs)
{
	(void)needs;
	return is_off(a, FR_CLASS_LOCK);
}

const char *fr_need_net(struct analysis *a, unsigned int needs)
{
	(void)needs;
	return is_off(a, FR_CLASS_NET);
}

const char *fr_need_io(struct analysis *a, unsigned int needs)
{
	(void)needs;
	return is_off(a, FR_CLASS_IO);
}

/* A function whose calls go past us: the program or a library has its own. */
static const char *is_shadowed(struct analysis *a, enum fr_class klass)
{
	const struct section_view *v = &a->m->rec->sec[FR_SEC_HOOKS];
	struct fr_hook_rec r;
	struct sbuf b = {0};
	const char *text = NULL;

	for (uint64_t at = 0; v->data && !text && v->record_size <= v->size - at;
	     at += v->record_size) {
		memcpy(&r, v->data + at, sizeof(r));
		if (!(r.flags & FR_HOOK_SHADOWED) || r.klass != klass || !r.name[0])
			continue;
		fr_sbuf_text(&b, r.name, strnlen(r.name, sizeof(r.name)));
		text = fr_name_fmt(a->names,
				   "calls of %s are not seen: the program or a library has its own",
				   fr_sbuf_cstr(&b));
	}
	fr_sbuf_free(&b);
	return text;
}

static const char *is_deepbound(struct analysis *a)
{
	const struct recording *rec = a->m->rec;
	const char *text = NULL;
	struct sbuf b = {0};

	for (size_t i = 0; i < rec->n_modules && !text; i++) {
		const char *name = fr_path_base(rec->modules[i].path);

		if (!rec->modules[i].r.deepbind)
			continue;
		fr_sbuf_text(&b, name, strlen(name));
		text = fr_name_fmt(a->names, "calls of %s are not seen (RTLD_DEEPBIND)",
				   fr_sbuf_cstr(&b));
	}
	fr_sbuf_free(&b);
	return text;
}

const char *fr_need_cover(struct analysis *a, unsigned int needs)
{
	static const struct {
		unsigned int need;
		enum fr_class klass;
	} classes[] = {
		{NEED_LOCKS, FR_CLASS_LOCK}, {NEED_NET, FR_CLASS_NET}, {NEED_IO, FR_CLASS_IO}};
	const char *text;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (!(needs & classes[i].need))
			continue;
		if (a->m->least[classes[i].klass] < FR_LEVEL_SLOW)
			return fr_name_fmt(a->names, "%s was off for a part of the window",
					   fr_word_class(classes[i].klass));
		text = is_shadowed(a, classes[i].klass);
		if (text)
			return text;
	}
	return is_deepbound(a);
}

/* ---- threads --------------------------------------------------------------------------------- */

size_t fr_need_unexplained(const struct analysis *a, uint32_t *index)
{
	size_t n = 0;

	for (uint32_t i = 0; i < a->m->n_threads; i++)
		if (fr_thread_stand(a->m, i) == STAND_UNEXPLAINED)
			index[n++] = i;
	return n;
}

/* "T1 main, T4 worker and 3 others" */
static const char *list(struct analysis *a, const uint32_t *index, size_t n)
{
	const char *text = fr_name_thread(a->names, index[0]);
	size_t i;

	for (i = 1; i < n && i < NAMED; i++)
		text = fr_name_fmt(a->names, "%s%s%s", text, i + 1 == n ? " and " : ", ",
				   fr_name_thread(a->names, index[i]));
	if (n <= NAMED)
		return text;
	return fr_name_fmt(a->names, "%s and %zu other%s", text, n - NAMED,
			   n == NAMED + 1 ? "" : "s");
}

const char *fr_need_seen(struct analysis *a)
{
	uint32_t *index = fr_mem_alloc((a->m->n_threads + 1) * sizeof(*index));
	size_t n = fr_need_unexplained(a, index), alive = 0;
	const char *text = NULL;

	for (size_t i = 0; i < a->m->n_threads; i++)
		alive += a->m->threads[i].state != THREAD_EXITED && a->m->threads[i].rec->in_table;
	if (n)
		text = fr_name_fmt(a->names,
				   "%zu of %zu thread%s compute%s or wait%s in calls that are not "
				   "recorded: %s",
				   n, alive, alive == 1 ? "" : "s", n == 1 ? "s" : "",
				   n == 1 ? "s" : "", list(a, index, n));
	free(index);
	return text;
}

const char *fr_need_explained(struct analysis *a, unsigned int needs)
{
	(void)needs;
	return a->seen;
}

const char *fr_need_holders(struct analysis *a, unsigned int needs)
{
	(void)needs;
	for (uint32_t i = 0; i < a->m->n_threads; i++) {
		const struct span *s = fr_open_lock_wait(a, i);

		if (s && a->m->locks[s->object].owner == MODEL_NONE && fr_wait_is_old(a, s))
			return fr_name_fmt(
				a->names, "%s waits for %s %s, and who has it is not known",
				fr_name_thread(a->names, i), fr_name_lock_kind(a->m, s->object),
				fr_name_lock(a->names, s->object));
	}
	return NULL;
}
