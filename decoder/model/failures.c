/* SPDX-License-Identifier: MIT */
/*
 * failures.c - calls that fail again and again, and calls on numbers that are no descriptors: one
 * row for each thread, stack, function and error. Only what `fd.bad` and `repeated` say.
 */
#include "base/mem.h"
#include "model/build.h"

/* A program has few of them; beyond so many the newest are left out. */
#define FAILURES_MAX 512u

static bool is_same(const struct failure *a, const struct failure *b)
{
	return a->thread == b->thread && a->stack == b->stack && a->kind == b->kind &&
	       a->err == b->err && a->via == b->via;
}

/* The row of X, which may be the first of its kind; NULL = there are too many. */
static struct failure *row_of(struct build *b, const struct failure *x)
{
	struct model *m = b->m;

	for (size_t i = m->n_failures; i-- > 0;) {
		if (is_same(&m->failures[i], x))
			return &m->failures[i];
	}
	if (m->n_failures == FAILURES_MAX)
		return NULL;
	m->failures =
		fr_mem_grow(m->failures, &b->cap_failures, m->n_failures + 1, sizeof(*m->failures));
	m->failures[m->n_failures] = *x;
	return &m->failures[m->n_failures++];
}

static void bad(struct build *b, const struct event *e)
{
	int64_t fd = (int64_t)e->arg[FR_A(FD_BAD, fd)];
	struct failure x = {.thread = e->thread,
			    .stack = e->stack,
			    .closer = MODEL_NONE,
			    .kind = FR_EV_FD_BAD,
			    .err = (uint32_t)e->arg[FR_A(FD_BAD, err)],
			    .via = (uint32_t)e->arg[FR_A(FD_BAD, via)],
			    .fd = fd - 2,
			    .first_ns = e->t_ns};
	struct failure *f = row_of(b, &x);

	if (!f)
		return;
	f->count++;
	f->last_ns = e->t_ns;
	f->in_turn += fd == f->fd + 1;
	f->fd = fd;
	if (!e->arg[FR_A(FD_BAD, closer)]) {
		f->unknown++;
		return;
	}
	f->event = e->id;
	f->closed_fd = fd;
	f->closer = fr_build_tid(b, (uint32_t)e->arg[FR_A(FD_BAD, closer)],
				 e->t_ns - e->arg[FR_A(FD_BAD, ago)]);
	f->closed_by = (uint32_t)e->arg[FR_A(FD_BAD, closed_by)];
	f->ago_ns = e->arg[FR_A(FD_BAD, ago)];
}

static void repeated(struct build *b, const struct event *e)
{
	uint64_t last = e->t_ns - e->arg[FR_A(REPEATED, ago)];
	struct failure x = {.thread = e->thread,
			    .stack = e->stack,
			    .closer = MODEL_NONE,
			    .kind = (uint32_t)e->arg[FR_A(REPEATED, what)],
			    .err = (uint32_t)e->arg[FR_A(REPEATED, err)],
			    .via = (uint32_t)e->arg[FR_A(REPEATED, via)],
			    .fd = (int64_t)e->arg[FR_A(REPEATED, object)],
			    .first_ns = last - e->arg[FR_A(REPEATED, span)]};
	struct failure *f = row_of(b, &x);

	if (!f)
		return;
	f->count += e->arg[FR_A(REPEATED, count)];
	f->last_ns = last;
	if (f->kind != FR_EV_FD_BAD)
		f->event = e->id;
}

void fr_build_failure(struct build *b, const struct event *e)
{
	if (e->kind == FR_EV_FD_BAD)
		bad(b, e);
	else
		repeated(b, e);
}
