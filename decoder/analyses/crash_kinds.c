/* SPDX-License-Identifier: MIT */
/*
 * crash_kinds.c - what the stack of a crash says about its kind: crash_kinds.def, signal frames,
 * and what was freed twice.
 */
#include "analyses/crash_kinds.h"

#include <signal.h>
#include <string.h>

#include "base/units.h"
#include "read/events.h"

enum { ANY, ABORT, FAULT };
enum { INSIDE, ANYWHERE };

struct row {
	uint8_t signals;
	uint8_t where;
	const char *function;
	struct crash_kind kind;
};

#define CRASH_KIND(signals, function, where, text, why, next)                                      \
	{signals, where, function, {text, why, next, signals == ANY}},
static const struct row rows[] = {
#include "analyses/crash_kinds.def"
};
#undef CRASH_KIND

static bool is_of(const struct row *r, uint32_t signo)
{
	return r->signals == ANY || (r->signals == ABORT) == (signo == SIGABRT);
}

/* A whole name, or a beginning that ends at a word's: "free" is not "free_list". */
static bool is_function(const char *fn, const char *function)
{
	size_t n = strlen(function);

	if (!fn || strncmp(fn, function, n))
		return false;
	return !fn[n] || function[n - 1] == ':' || fn[n] == '(' || fn[n] == '[' || fn[n] == '@' ||
	       (function[0] == '_' && function[1] == '_') || fn[n] == '.';
}

const struct crash_kind *fr_crash_kind(struct analysis *a, const struct fr_crash *c, size_t skip)
{
	const struct frame *f;
	size_t n = fr_symbols_stack(fr_names_symbols(a->names), c->stack, &f), own = skip;

	while (own < n && (!fr_frame_is_own(a->names, &f[own]) || !f[own].fn))
		own++;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		size_t end = rows[r].where == INSIDE ? own : n;

		for (size_t i = skip; is_of(&rows[r], c->signo) && i < end; i++)
			if (is_function(f[i].fn, rows[r].function))
				return &rows[r].kind;
	}
	return NULL;
}

size_t fr_crash_in_handler(struct analysis *a, uint32_t stack)
{
	const struct frame *f;
	size_t n = stack ? fr_symbols_stack(fr_names_symbols(a->names), stack, &f) : 0;

	for (size_t i = 0; i < n; i++)
		if (fr_frame_is_handler_call(&f[i]))
			return i + 1;
	return 0;
}

/* ---- freed twice ----------------------------------------------------------------------------- */

struct freed {
	uint64_t ptr;
	uint64_t event;
	uint32_t thread;
	uint32_t stack;
};

/* The last block that THREAD gave to free(); ptr 0 = not known. */
static struct freed last_free(const struct recording *rec, uint32_t thread)
{
	struct stream *s = fr_stream_open(rec);
	struct freed last = {0};
	struct event e;

	while (fr_stream_fill(s, &e, 1))
		if (e.kind == FR_EV_MEM_FREE && e.thread == thread)
			last = (struct freed){e.arg[FR_A(MEM_FREE, ptr)], e.id, thread, e.stack};
	fr_stream_close(s);
	return last;
}

/* The free of the same block before, unless somebody was given it again in between. */
static struct freed free_before(const struct recording *rec, const struct freed *last)
{
	struct stream *s = fr_stream_open(rec);
	struct freed before = {0};
	struct event e;

	while (fr_stream_fill(s, &e, 1) && e.id != last->event) {
		if (e.kind == FR_EV_MEM_FREE && e.arg[FR_A(MEM_FREE, ptr)] == last->ptr)
			before = (struct freed){last->ptr, e.id, e.thread, e.stack};
		else if ((e.kind == FR_EV_MEM_ALLOC && e.arg[FR_A(MEM_ALLOC, ptr)] == last->ptr) ||
			 (e.kind == FR_EV_MEM_REALLOC &&
			  e.arg[FR_A(MEM_REALLOC, ptr)] == last->ptr))
			before = (struct freed){0};
	}
	fr_stream_close(s);
	return before;
}

void fr_crash_double_free(struct analysis *a, struct finding *f, const char *who, uint32_t thread)
{
	char sig[FR_UNITS_LEN];
	const struct recording *rec = a->m->rec;
	struct names *n = a->names;
	struct freed last, before;

	if (a->m->least[FR_CLASS_MEM] != FR_LEVEL_FULL)
		return;
	last = last_free(rec, thread);
	if (!last.ptr)
		return;
	before = free_before(rec, &last);
	if (!before.ptr)
		return;
	f->title = fr_name_fmt(n, "%s died of %s: it freed a block twice", who,
			       fr_units_signal(sig, rec->crash.signo));
	f->why = "a block that has been freed may be somebody else's by then: what is freed a "
		 "second "
		 "time is theirs, or damages the heap";
	f->next = "see who owns the block: one of both places must not free it";
	fr_finding_event(f, before.event);
	fr_finding_event(f, last.event);
	fr_finding_line(f,
			fr_name_fmt(n, "freed twice: block 0x%llx had been freed by %s (E%llu)",
				    (unsigned long long)last.ptr, fr_name_thread(n, before.thread),
				    (unsigned long long)before.event),
			fr_name_site(n, before.stack));
	fr_finding_stack(f, "the block was freed here first", before.stack);
	fr_finding_stack(f, "and here again", last.stack);
}
