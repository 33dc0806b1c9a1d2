/* SPDX-License-Identifier: MIT */
/*
 * crash.c - rule crash: the process died of a signal. What, where, what the thread had done just
 * before, what it held, and who waited for that.
 */
#include <signal.h>
#include <string.h>

#include "analyses/crash.h"
#include "analyses/crash_kinds.h"
#include "base/sbuf.h"
#include "base/units.h"
#include "read/death.h"
#include "read/events.h"

#define NULL_AREA 65536u
#define LAST_SHOWN 5u

/* What the address of a SIGSEGV or SIGBUS looks like; NULL = nothing special. */
static const char *address_kind(struct analysis *a, const struct fr_crash *c)
{
	const struct recording *rec = a->m->rec;
	long t = fr_recording_thread_by_tid(rec, c->tid, a->m->end_ns);
	const struct fr_thread_rec *r = t < 0 ? NULL : &rec->threads[t].r;

	if (c->fault_addr == c->pc)
		return "the instruction itself: a call through a bad pointer";
	if (c->fault_addr < NULL_AREA)
		return "near null: a member of a NULL pointer";
	if (r && r->stack_lo && c->fault_addr < r->stack_lo + fr_recording_page_size(rec) &&
	    c->fault_addr + (1u << 20) >= r->stack_lo)
		return "just below the thread's stack: stack overflow";
	if (fr_recording_module(rec, c->fault_addr, 0))
		return "inside a loaded module, perhaps read-only";
	return NULL;
}

/* What the signal says by itself; NULL = look at the address. */
static const char *code_text(const struct fr_crash *c)
{
	switch (c->signo) {
	case SIGABRT:
		return "abort() was called, or an assertion failed";
	case SIGFPE:
		return c->code == FPE_INTDIV ? "integer division by zero" : "arithmetic error";
	case SIGILL:
		return "an instruction that the CPU does not know";
	case SIGTRAP:
		return "a breakpoint or trap instruction";
	case SIGSYS:
		return "a system call that a filter forbids";
	case SIGPIPE:
		return "it wrote to a socket or pipe whose other end is closed";
	case SIGALRM:
	case SIGVTALRM:
	case SIGPROF:
		return "a timer that it had set ran out, and nothing handled the signal";
	case SIGXCPU:
		return "its limit of CPU time was reached (ulimit -t)";
	case SIGXFSZ:
		return "a file reached the limit of its size (ulimit -f)";
	case SIGIO:
		return "a descriptor became ready (O_ASYNC), and nothing handled the signal";
	case SIGSEGV:
	case SIGBUS:
		return c->code == SI_KERNEL ? "an address that is none: a damaged pointer" : NULL;
	}
	return NULL;
}

/*
 * Did the process do it itself: by a fault, a timer, abort()? The kernel's SIGPIPE and SIGXFSZ look
 * as if the process had sent them to itself with kill().
 */
static bool of_its_own(const struct analysis *a, const struct fr_crash *c)
{
	bool itself = !c->sender_pid || c->sender_pid == a->m->rec->hdr.pid;

	if (c->code > 0 || c->code == SI_TIMER)
		return true;
	if (c->signo == SIGABRT)
		return itself && c->code == SI_TKILL;
	return itself && c->sender_pid && (c->signo == SIGPIPE || c->signo == SIGXFSZ);
}

const char *fr_crash_sender(struct analysis *a, const struct fr_crash *c)
{
	const struct section_view *v = &a->m->rec->sec[FR_SEC_CRASH];

	if (c->code > 0)
		return "sent by the kernel or the terminal";
	if (!c->sender_pid)
		return "sent by a process that has no number here";
	if (c->sender_pid == a->m->rec->hdr.pid)
		return c->code == SI_TKILL ? "sent by the process itself, with raise()"
					   : "sent by the process itself, with kill()";
	if (v->size < sizeof(*c))
		return fr_name_fmt(a->names, "sent by process %u", c->sender_pid);
	return fr_name_fmt(a->names, "sent by process %u (uid %u)", c->sender_pid, c->sender_uid);
}

/*
 * A fault's signal that the process has sent to itself, but not by a call that is on the stack: its
 * handler raised it while it was blocked, and it came when the handler was left.
 */
static bool is_raised_later(struct analysis *a, const struct fr_crash *c)
{
	const struct frame *f;
	size_t n = fr_symbols_stack(fr_names_symbols(a->names), c->stack, &f);

	return n &&
	       (c->signo == SIGSEGV || c->signo == SIGBUS || c->signo == SIGFPE ||
		c->signo == SIGILL) &&
	       c->sender_pid == a->m->rec->hdr.pid && fr_frame_is_own(a->names, &f[0]);
}

static const char *sentence(struct analysis *a, const struct fr_crash *c, const char *who,
			    const struct crash_kind *kind, size_t skip)
{
	struct names *n = a->names;
	const char *text;
	char sig[FR_UNITS_LEN];
	const char *of =
		c->how == FR_CRASH_HANDLER_ENDED ? "was ended by its own handler of" : "died of";

	fr_units_signal(sig, c->signo);
	if (kind && (of_its_own(a, c) || c->sender_pid == a->m->rec->hdr.pid))
		return fr_name_fmt(n, "%s %s %s: %s", who, of, sig, kind->text);
	if (c->code <= 0 && (skip || is_raised_later(a, c)))
		return fr_name_fmt(n, "%s died of %s, which its own handler raised again", who,
				   sig);
	if (!of_its_own(a, c))
		return fr_name_fmt(n, "%s %s %s %s", who, of, sig, fr_crash_sender(a, c));
	text = code_text(c);
	if (text)
		return fr_name_fmt(n, "%s %s %s: %s", who, of, sig, text);
	if (c->signo != SIGSEGV && c->signo != SIGBUS)
		return fr_name_fmt(n, "%s %s %s", who, of, sig);
	text = address_kind(a, c);
	return fr_name_fmt(n, "%s %s %s at address 0x%llx%s%s%s", who, of, sig,
			   (unsigned long long)c->fault_addr, text ? " (" : "", text ? text : "",
			   text ? ")" : "");
}

/* Where the signal met the program's own handler, "died of" is not the whole truth. */
static const char *why(const struct fr_crash *c)
{
	switch (c->how) {
	case FR_CRASH_HANDLER_ENDED:
		return "the program's own handler of the signal ended the process by exit() or "
		       "_exit(): so there is an exit status, and no core";
	case FR_CRASH_HANDLER_ABORTED:
		return "the program's own handler of the signal was called and came back, and "
		       "abort() then ended the process";
	default:
		return "the signal had no handler that went on: the process ended here, with the "
		       "status and the core it would have had without the recorder";
	}
}

/* The text of assert() and the like in one line, fit for a terminal. */
static const char *said(struct analysis *a, const struct fr_crash *c)
{
	size_t n = strnlen(c->said, sizeof(c->said));
	struct sbuf b = {0};
	const char *text;

	while (n && c->said[n - 1] == '\n')
		n--;
	fr_sbuf_text(&b, c->said, n);
	text = fr_name_fmt(a->names, "%s", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
	return text;
}

static void tell_held(struct analysis *a, struct finding *f, uint32_t thread)
{
	const struct thread *t = &a->m->threads[thread];
	struct names *n = a->names;
	uint32_t i, k;

	for (i = 0; i < t->n_held; i++) {
		unsigned int waiters = 0;

		for (k = 0; k < a->m->n_threads; k++) {
			const struct span *s = fr_open_lock_wait(a, k);

			waiters += s && s->object == t->held[i].lock;
		}
		fr_finding_line(
			f,
			fr_name_fmt(n, "it held %s %s%s", fr_name_lock_kind(a->m, t->held[i].lock),
				    fr_name_lock(n, t->held[i].lock),
				    waiters ? fr_name_fmt(n, "; %s waited for it",
							  fr_name_count(n, waiters, "thread"))
					    : ""),
			fr_name_site(n, t->held[i].stack));
	}
}

static void tell_last(struct analysis *a, struct finding *f, uint32_t thread)
{
	const struct thread *t = &a->m->threads[thread];
	const struct model *m = a->m;
	uint64_t shown = t->n_last < LAST_SHOWN ? t->n_last : LAST_SHOWN, i;

	for (i = 0; i < shown; i++) {
		const struct last_event *e = &t->last[(t->n_last - 1 - i) % MODEL_LAST];
		const struct fr_event_rec *row = fr_event_schema(m->rec, e->kind);

		if (e->kind == FR_EV_SIGNAL)
			continue; /* this death itself */
		fr_finding_event(f, e->id);
		fr_finding_line(
			f,
			fr_name_fmt(
				a->names, "%s before: E%llu %.24s",
				fr_name_ns(a->names, m->end_ns > e->t_ns ? m->end_ns - e->t_ns : 0),
				(unsigned long long)e->id, row ? row->name : "?"),
			fr_name_site(a->names, e->stack));
	}
}

enum rule_result fr_rule_crash(struct analysis *a)
{
	const struct fr_crash *c = &a->m->rec->crash;
	struct finding *f;
	const struct crash_kind *kind;
	const char *who;
	size_t skip;
	long t;

	if (fr_recording_death(a->m->rec) != FR_DEATH_CRASH)
		return RULE_OK;
	t = fr_recording_thread_by_tid(a->m->rec, c->tid, a->m->end_ns);
	who = t < 0 ? fr_name_fmt(a->names, "thread %u", c->tid)
		    : fr_name_thread(a->names, (uint32_t)t);
	f = fr_finding_new(a);
	f->score = 100;
	f->rank = UINT64_MAX;
	f->show_stacks = true;
	skip = fr_crash_in_handler(a, c->stack);
	kind = fr_crash_kind(a, c, skip);
	f->title = sentence(a, c, who, kind, skip);
	f->site = fr_name_site_from(a->names, c->stack, skip);
	f->why = why(c);
	f->next = "fr threads shows where all other threads stood; fr decode -t the thread, what "
		  "it did before";
	if (kind && c->how == FR_CRASH_DIED) {
		f->why = kind->why;
		f->next = kind->next;
	}
	if (c->said[0])
		fr_finding_line(f, fr_name_fmt(a->names, "libc said: %s", said(a, c)), NULL);
	fr_finding_stack(f, fr_name_fmt(a->names, "%s was here", who), c->stack);
	if (kind && kind->is_heap && t >= 0)
		fr_crash_double_free(a, f, who, (uint32_t)t);
	if (t >= 0) {
		fr_finding_thread(f, (uint32_t)t);
		tell_held(a, f, (uint32_t)t);
		tell_last(a, f, (uint32_t)t);
	}
	return RULE_FOUND;
}
