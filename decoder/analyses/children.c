/* SPDX-License-Identifier: MIT */
/*
 * children.c - a thread that waits for a child: which one, and how that is.
 *
 * To wait for a child is no fault; a child that hangs is. It has a region of its own, which is read
 * like any: what is wrong with it is why its parent waits. One more thing only both together show:
 * a child that writes to a pipe which is full, and whose reader waits for the child's end.
 * Only while both live on this system: a PID says nothing later.
 */
#include "analyses/children.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/stands.h"
#include "preload/wire/events.h"
#include "read/events.h"
#include "read/regions.h"

#define OLD_WAIT_NS 1000000000ull
#define CHILDREN 16u /* looked at */

struct child_view {
	struct diag diag;
	struct recording *rec;
	struct model *m;
	struct symbols *sy;
	struct names *names;
	struct analysis *a;
};

static void child_close(struct child_view *c)
{
	if (!c)
		return;
	if (c->a)
		c->a->free_child(c->a);
	fr_names_close(c->names);
	fr_symbols_close(c->sy);
	fr_model_free(c->m);
	fr_recording_close(c->rec);
	diag_free(&c->diag);
	free(c);
}

/* The region of process PID, if that is a child of A's, born after it; NULL = it is not. */
static struct child_view *open_child(const struct analysis *a, uint32_t pid)
{
	const struct recording *parent = a->m->rec;
	struct child_view *c = fr_mem_alloc(sizeof(*c));
	char spec[16];

	snprintf(spec, sizeof(spec), "%u", pid);
	c->rec = fr_recording_open(spec, &c->diag);
	if (!c->rec || c->rec->source != RECORDING_LIVE || c->rec->hdr.pid != pid ||
	    c->rec->hdr.ppid != parent->hdr.pid ||
	    strcmp(c->rec->hdr.boot_id, parent->hdr.boot_id) ||
	    c->rec->hdr.start_mono_ns < parent->hdr.start_mono_ns) {
		child_close(c);
		return NULL;
	}
	c->m = fr_model_build(c->rec, &c->diag);
	c->sy = fr_symbols_open(c->rec, &c->diag);
	c->names = fr_names_open(c->m, c->sy);
	c->a = a->run_child(c->m, c->names);
	return c;
}

/* ---- which children -------------------------------------------------------------------------- */

struct pids {
	uint32_t pid[CHILDREN];
	size_t n;
};

static void drop_pid(struct pids *p, uint32_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->pid[i] == pid)
			p->pid[i] = p->pid[--p->n];
}

/* Children that were made and not waited for; of many the last ones. */
static void living(const struct recording *rec, struct pids *p)
{
	struct stream *s = fr_stream_open(rec);
	struct event e;

	while (fr_stream_fill(s, &e, 1)) {
		int64_t pid = 0;

		if (e.kind == FR_EV_PROCESS_FORK)
			pid = (int64_t)e.arg[FR_A(PROCESS_FORK, pid)];
		else if (e.kind == FR_EV_PROCESS_SPAWN)
			pid = (int64_t)e.arg[FR_A(PROCESS_SPAWN, pid)];
		else if (e.kind == FR_EV_PROCESS_WAIT)
			drop_pid(p, (uint32_t)e.arg[FR_A(PROCESS_WAIT, pid)]);
		if (pid <= 0)
			continue;
		if (p->n == CHILDREN)
			drop_pid(p, p->pid[0]);
		p->pid[p->n++] = (uint32_t)pid;
	}
	fr_stream_close(s);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static const struct finding *worst_of(const struct analysis *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->findings[i]->severity > SEVERITY_INFO &&
		    strcmp(a->findings[i]->rule->name, "recorder") != 0)
			return a->findings[i];
	return NULL;
}

/* A wait in a write, for so long; NULL = none. */
static const struct span *long_write(const struct model *m)
{
	for (uint32_t i = 0; i < m->n_threads; i++) {
		const struct span *s = fr_open_span(m, &m->threads[i]);

		if (s && !m->threads[i].end_ns && fr_span_ns(s) >= OLD_WAIT_NS &&
		    (s->kind == SPAN_SEND || s->kind == SPAN_FILE) &&
		    strstr(fr_span_call(m, s), "write"))
			return s;
	}
	return NULL;
}

/* Has the process a pipe open that none of its threads reads now? */
static bool has_unread_pipe(const struct model *m)
{
	bool pipe = false;

	for (size_t i = 0; i < m->n_socks; i++)
		pipe |= m->socks[i].kind == FR_FD_PIPE && !m->socks[i].end_ns;
	for (uint32_t i = 0; pipe && i < m->n_threads; i++) {
		const struct span *s = fr_open_span(m, &m->threads[i]);

		pipe = !s || !fr_span_is(s, 1u << SPAN_RECV | 1u << SPAN_FILE | 1u << SPAN_POLL);
	}
	return pipe;
}

static void tell_frames(struct analysis *a, struct finding *f, const struct child_view *c,
			const char *label, uint32_t stack)
{
	const struct frame *frames;
	size_t n = stack ? fr_symbols_stack(c->sy, stack, &frames) : 0;

	if (n)
		fr_finding_frames(f, fr_name_fmt(a->names, "child %u: %s", c->rec->hdr.pid, label),
				  frames, n);
}

/* The child's own words about itself, or the write that nobody reads. */
static void tell_child(struct analysis *a, struct finding *f, const struct child_view *c)
{
	const struct finding *worst = worst_of(c->a);
	const struct span *s = long_write(c->m);
	struct names *n = a->names;

	if (worst) {
		fr_finding_line(f, fr_name_fmt(n, "child %u: %s", c->rec->hdr.pid, worst->title),
				worst->site);
		for (size_t i = 0; i < worst->n_stacks; i++)
			tell_frames(a, f, c, worst->stacks[i].label, worst->stacks[i].stack);
		f->why = "the child hangs, and does not end until that is over";
		f->next = fr_name_fmt(n, "look at the child: fr report %u", c->rec->hdr.pid);
		return;
	}
	fr_finding_line(f,
			fr_name_fmt(n,
				    "child %u: %s has been waiting for %s in %s: what it writes to "
				    "is full",
				    c->rec->hdr.pid, fr_name_thread(c->names, s->thread),
				    fr_name_ns(n, fr_span_ns(s)), fr_name_wait(c->names, s)),
			fr_name_site(c->names, s->stack));
	tell_frames(a, f, c, "writes here", s->stack);
	f->why = "the child writes until the pipe is full; its parent reads only after the child's "
		 "end";
	f->next = "read the pipe to its end first, then wait for the child";
}

/* S waits for a child. */
static bool tell(struct analysis *a, const struct span *s, uint32_t pid)
{
	struct child_view *c = open_child(a, pid);
	struct names *n = a->names;
	struct finding *f;

	if (!c)
		return false;
	if (!worst_of(c->a) && (!long_write(c->m) || !has_unread_pipe(a->m))) {
		child_close(c);
		return false;
	}
	f = fr_finding_new(a);
	f->impact_ns = f->rank = fr_span_ns(s);
	f->score = 70;
	f->severity = SEVERITY_WARN;
	f->title = fr_name_fmt(n, "%s has been waiting for %s in %s() for child %u, which hangs",
			       fr_name_thread(n, s->thread), fr_name_ns(n, fr_span_ns(s)),
			       fr_span_call(a->m, s), pid);
	f->site = fr_name_site(n, s->stack);
	fr_finding_thread(f, s->thread);
	fr_finding_stack(f, fr_name_fmt(n, "%s waits here", fr_name_thread(n, s->thread)),
			 s->stack);
	a->child = c;
	a->child_close = child_close;
	tell_child(a, f, c);
	return true;
}

bool fr_child_stuck(struct analysis *a)
{
	struct pids p = {0};
	bool asked = false;

	for (uint32_t i = 0; !a->is_child && !a->m->dead && i < a->m->n_threads; i++) {
		const struct thread *t = &a->m->threads[i];
		const struct span *s = fr_open_span(a->m, t);
		int64_t pid = (int64_t)t->rec->r.st_object;

		if (!s || t->end_ns || s->kind != SPAN_PROCESS || fr_span_ns(s) < OLD_WAIT_NS)
			continue;
		if (pid > 0 && pid <= INT32_MAX) {
			if (tell(a, s, (uint32_t)pid))
				return true;
			continue;
		}
		if (!asked)
			living(a->m->rec, &p);
		asked = true;
		for (size_t k = 0; k < p.n; k++)
			if (tell(a, s, p.pid[k]))
				return true;
	}
	return false;
}
