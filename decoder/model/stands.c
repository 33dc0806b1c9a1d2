/* SPDX-License-Identifier: MIT */
/*
 * stands.c - how each thread stood at the end.
 *
 * What is normal is no fault: a thread that waits for work, for news or for time is idle, and so is
 * whoever waits for a lock that an idle thread keeps meanwhile (one thread of a pool accepts under
 * a lock, the others queue up behind it).
 */
#include "model/stands.h"

#include "read/regions.h"

/* A thread that has done nothing for so long may be anywhere. */
#define LATELY_NS 1000000000ull
/* Nothing healthy keeps a lock for so long; a peer may need longer. */
#define LOCK_NS 1000000000ull
#define PEER_NS 5000000000ull
#define CHAIN_MAX 64u

/* Does the recording say when it ends, or is its end the last thing that somebody did? */
static bool is_end_known(const struct model *m)
{
	return !m->dead || m->rec->crash.signo || m->rec->end == RECORDING_ENDED_EXIT;
}

uint64_t fr_thread_unexplained_ns(const struct model *m, uint32_t thread)
{
	const struct thread *t = &m->threads[thread];
	uint64_t last = t->rec->last_ns ? t->rec->last_ns : t->start_ns;

	return last && m->end_ns > last ? m->end_ns - last : 0;
}

static bool is_unexplained(const struct model *m, uint32_t thread)
{
	const struct thread *t = &m->threads[thread];

	if (!t->rec->in_table)
		return false;
	if (!is_end_known(m))
		return true;
	return fr_thread_unexplained_ns(m, thread) >= LATELY_NS;
}

/* What came and went over the connection last: nothing is owed to who has not asked. */
static bool has_asked(const struct model *m, uint32_t sock)
{
	const struct sock *s = &m->socks[m->socks[sock].same];

	return s->role == SOCK_CONNECTED && s->moved != SOCK_MOVED_IN;
}

static bool is_owed(const struct model *m, const struct span *s)
{
	switch (s->kind) {
	case SPAN_SEND:
	case SPAN_CONNECT:
	case SPAN_TLS:
		return s->object != MODEL_NONE && m->socks[s->object].role == SOCK_CONNECTED;
	case SPAN_RECV:
		return s->object != MODEL_NONE && has_asked(m, s->object);
	}
	return false;
}

uint32_t fr_wait_idle_holder(const struct model *m, const struct span *s)
{
	uint32_t owner, steps;

	for (steps = 0; steps < CHAIN_MAX && fr_span_is_lock(s) && s->object != MODEL_NONE;
	     steps++) {
		owner = m->locks[s->object].owner;
		s = owner == MODEL_NONE ? NULL : fr_open_span(m, &m->threads[owner]);
		if (!s)
			return MODEL_NONE;
		if (s->kind == SPAN_ACCEPT || s->kind == SPAN_POLL ||
		    (s->kind == SPAN_RECV && s->object != MODEL_NONE && !is_owed(m, s)))
			return owner;
	}
	return MODEL_NONE;
}

/*
 * Whether S, a wait that is not over, is for something that others or the program itself have to
 * give, and not for work: a lock whose holder is not itself idle, a connection, room to send, an
 * answer to what was sent.
 */
static bool is_debt(const struct model *m, const struct span *s)
{
	if (fr_span_is_lock(s))
		return s->object != MODEL_NONE && !m->locks[s->object].is_passed &&
		       fr_wait_idle_holder(m, s) == MODEL_NONE;
	return is_owed(m, s);
}

/* FR_TRIGGER's `stuck` is what the user calls stuck; without it each kind has its own time. */
static uint64_t limit_ns(const struct model *m, const struct span *s)
{
	const struct fr_control *c = fr_recording_control(m->rec);
	uint64_t ns = c ? fr_stuck_limit(c) : 0;

	if (ns)
		return ns;
	return fr_span_is_lock(s) ? LOCK_NS : PEER_NS;
}

bool fr_thread_is_stuck(const struct model *m, uint32_t thread)
{
	const struct span *s = fr_open_span(m, &m->threads[thread]);

	return s && !m->threads[thread].end_ns && is_debt(m, s) && fr_span_ns(s) >= limit_ns(m, s);
}

static enum stand waiting(const struct model *m, const struct span *s)
{
	if (fr_span_is_lock(s))
		return is_debt(m, s) || s->object == MODEL_NONE ? STAND_LOCK : STAND_WORK;
	switch (s->kind) {
	case SPAN_ACCEPT:
	case SPAN_POLL:
	case SPAN_COND:
	case SPAN_SEM:
	case SPAN_JOIN:
	case SPAN_SLEEP:
	case SPAN_PROCESS:
		return STAND_WORK;
	case SPAN_RECV:
		return s->object != MODEL_NONE && !is_owed(m, s) ? STAND_WORK : STAND_PEER;
	case SPAN_SEND:
	case SPAN_CONNECT:
	case SPAN_TLS:
	case SPAN_DNS:
		return STAND_PEER;
	}
	return STAND_OTHER;
}

enum stand fr_thread_stand(const struct model *m, uint32_t thread)
{
	const struct thread *t = &m->threads[thread];

	if (t->state == THREAD_CRASHED)
		return STAND_CRASHED;
	if (t->state == THREAD_EXITED)
		return STAND_ENDED;
	if (t->open != MODEL_NONE)
		return waiting(m, &m->spans[t->open]);
	return is_unexplained(m, thread) ? STAND_UNEXPLAINED : STAND_RUNNING;
}
