/* SPDX-License-Identifier: MIT */
/*
 * failing.c - rules double-close, use-after-close and errors: calls on numbers that somebody has
 * closed, and calls that fail without end.
 *
 * The recorder says with each EBADF who closed the number last. A program that closes all numbers
 * there may be, one after the other, as daemons do, meets many that are not open: no fault.
 */
#include <errno.h>
#include <string.h>

#include "analyses/analysis.h"
#include "base/sbuf.h"
#include "base/units.h"
#include "read/events.h"

#define SCORE_CLOSE 65u /* what it breaks is another thread's, and often data */
#define STORM 1000u /* failures of one kind at one place */
#define STORM_NS 50000000ull /* ... in no less: a few tries in a row are none */
#define STORM_PER_SECOND 100u
#define HALF_STORM 10000u
#define IN_TURN 3u /* numbers in a row: a sweep */

static const char *call_of(const struct analysis *a, const struct failure *f)
{
	return f->via ? fr_recording_call(a->m->rec, f->via) : NULL;
}

static bool closes(const char *call)
{
	static const char *const names[] = {"close", "__close", "fclose", "closedir"};

	for (size_t i = 0; call && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(call, names[i]))
			return true;
	}
	return false;
}

static bool is_sweep(const struct failure *f)
{
	return f->unknown || f->in_turn >= IN_TURN;
}

/* "close()", "accept()" of the event net.accept, which is that call where it names no other. */
static const char *shown(const struct analysis *a, const struct failure *f)
{
	const struct fr_event_rec *row = fr_event_schema(a->m->rec, f->kind);
	const char *call = f->via ? fr_recording_call(a->m->rec, f->via) : NULL;
	const char *dot = row ? strrchr(row->name, '.') : NULL;
	struct sbuf b = {0};

	if (!call)
		call = dot ? dot + 1 : "a call";
	fr_sbuf_text(&b, call, strlen(call));
	call = fr_name_fmt(a->names, "%s()", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
	return call;
}

/* CLOSER: NULL = WHO. */
static const char *twice_title(struct names *n, const struct failure *f, const char *who,
			       const char *closer, const char *ago)
{
	long long fd = f->closed_fd;

	if (!closer)
		return fr_name_fmt(n, "%s closed fd %lld twice, %s apart", who, fd, ago);
	return fr_name_fmt(n, "%s closed fd %lld, which %s had closed %s before", who, fd, closer,
			   ago);
}

static void tell_closed(struct analysis *a, const struct failure *f, bool twice)
{
	struct names *n = a->names;
	const char *who = fr_name_thread(n, f->thread), *call = shown(a, f);
	const char *closer =
		f->closer == MODEL_NONE ? "a thread unknown" : fr_name_thread(n, f->closer);
	const char *ago = fr_name_ns(n, f->ago_ns);
	struct finding *x = fr_finding_new(a);
	bool self = f->closer == f->thread;

	x->score = SCORE_CLOSE;
	x->severity = SEVERITY_WARN;
	fr_finding_thread(x, f->thread);
	fr_finding_thread(x, f->closer);
	x->title =
		twice ? twice_title(n, f, who, self ? NULL : closer, ago)
		      : fr_name_fmt(n, "%s called %s on fd %lld, which %s had closed %s before",
				    who, call, (long long)f->closed_fd, self ? "it" : closer, ago);
	x->site = fr_name_site(n, twice ? f->closed_by : f->stack);
	fr_finding_line(x,
			fr_name_fmt(n, "%s failed here with EBADF, at least %llu time%s", call,
				    (unsigned long long)f->count, f->count == 1 ? "" : "s"),
			fr_name_site(n, f->stack));
	fr_finding_line(x, fr_name_fmt(n, "the close before it, by %s", closer),
			fr_name_site(n, f->closed_by));
	fr_finding_stack(x, fr_name_fmt(n, "%s failed here", who), f->stack);
	fr_finding_stack(x, fr_name_fmt(n, "%s had closed it here", closer), f->closed_by);
	fr_finding_event(x, f->event);
	x->show_stacks = true;
	x->why = "between the two another thread may be given the number: then its descriptor is "
		 "closed, read or written in place of this one";
	x->next = "let one place own the descriptor and close it; set the variable to -1 there";
}

static enum rule_result closed(struct analysis *a, bool twice)
{
	bool found = false;

	for (size_t i = 0; i < a->m->n_failures; i++) {
		const struct failure *f = &a->m->failures[i];

		if (f->kind != FR_EV_FD_BAD || !f->event || is_sweep(f) ||
		    closes(call_of(a, f)) != twice)
			continue;
		tell_closed(a, f, twice);
		found = true;
	}
	return found ? RULE_FOUND : RULE_OK;
}

enum rule_result fr_rule_double_close(struct analysis *a)
{
	return closed(a, true);
}

enum rule_result fr_rule_use_after_close(struct analysis *a)
{
	return closed(a, false);
}

/* Answers, of which a healthy program may get any number. */
static bool is_answer(uint64_t err)
{
	static const uint8_t answers[] = {EAGAIN,  EBUSY,    ETIMEDOUT, EINTR,    EINPROGRESS,
					  ENOENT,  EEXIST,   ESRCH,     EALREADY, ECHILD,
					  EDEADLK, ENOTCONN, ENOTSOCK,  ESPIPE,   ENOTTY};

	return memchr(answers, (int)err, sizeof(answers)) != NULL;
}

static bool is_storm(const struct failure *f)
{
	uint64_t ns = f->last_ns > f->first_ns ? f->last_ns - f->first_ns : 0;

	return f->count >= STORM && ns >= STORM_NS &&
	       f->count * 1000 / (ns / 1000000 + 1) >= STORM_PER_SECOND;
}

static const char *what_helps(uint64_t err)
{
	switch (err) {
	case EMFILE:
	case ENFILE:
		return "close what is not needed, raise the limit (ulimit -n), and stop asking for "
		       "a while: the event that woke the thread stays ready";
	case ENOMEM:
	case ENOBUFS:
		return "look at the memory of the process and its limits";
	case ENOSPC:
	case EDQUOT:
		return "make room on the file system";
	default:
		return "look at what the program does with the error: it tries again at once";
	}
}

static void tell_storm(struct analysis *a, const struct failure *f)
{
	struct finding *x = fr_finding_new(a);
	struct names *n = a->names;
	char count[FR_UNITS_LEN], err[FR_UNITS_LEN];

	fr_units_count(count, f->count);
	x->score = fr_score(f->count, HALF_STORM);
	x->severity = SEVERITY_WARN;
	x->title =
		fr_name_fmt(n, "%s: %s failed with %s %s times in %s", fr_name_thread(n, f->thread),
			    shown(a, f), fr_units_errno(err, f->err), count,
			    fr_name_ns(n, f->last_ns - f->first_ns));
	x->site = fr_name_site(n, f->stack);
	fr_finding_thread(x, f->thread);
	fr_finding_stack(x, fr_name_fmt(n, "%s failed here", fr_name_thread(n, f->thread)),
			 f->stack);
	fr_finding_event(x, f->event);
	x->why = "the call fails, and the thread tries again without an end";
	x->next = what_helps(f->err);
}

enum rule_result fr_rule_errors(struct analysis *a)
{
	bool found = false;

	for (size_t i = 0; i < a->m->n_failures; i++) {
		const struct failure *f = &a->m->failures[i];

		if (is_answer(f->err) || !is_storm(f) || (f->kind == FR_EV_FD_BAD && f->event))
			continue;
		tell_storm(a, f);
		found = true;
	}
	return found ? RULE_FOUND : RULE_OK;
}
