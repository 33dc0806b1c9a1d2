/* SPDX-License-Identifier: MIT */
/*
 * model.h - what happened, as objects: threads, locks, sockets, waits and holds.
 *
 * Made by one pass over the event stream and the tables of the recording, immutable afterwards.
 * Objects point at each other by index; MODEL_NONE is "none or unknown". Times are nanoseconds of
 * CLOCK_MONOTONIC. Nothing here knows symbols or text: analyses and exporters name things.
 *
 *   span   a thread waited, from start to end, for an object, with one stack
 *   hold   a thread had a lock, and somebody waited for it meanwhile (others are only counted)
 *
 * What a recording at level lock=slow can tell: uncontended lock calls are not in it. A release
 * while somebody waits always is. So between two releases, as long as somebody waits without a
 * gap, one thread held the lock: that is how a hold's start is known, see model/holds.c.
 */
#ifndef FR_MODEL_H
#define FR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "read/recording.h"

#define MODEL_NONE UINT32_MAX

enum span_kind {
	SPAN_NONE = 0,
#define WAIT_KIND(number, NAME, ...) SPAN_##NAME = FR_WAIT_##NAME,
#include "preload/wire/waits.def"
#undef WAIT_KIND
	SPAN_KINDS = FR_WAIT_KINDS
};
_Static_assert(SPAN_KINDS <= 32, "kinds of spans are bits of an unsigned int");

enum span_flags {
	SPAN_OPEN = 1, /* not over at the end of the recording: the thread's state */
	SPAN_FAILED = 2, /* ended with an error: a timeout, a reset */
	SPAN_DATA = 4, /* a read that got something */
	SPAN_WHOLE = 8, /* and that may have waited for more than the first of it */
	SPAN_TIMED = 16, /* a futex: the call gives up by itself */
};

/* Something that ended somebody's wait. */
struct wake {
	uint64_t ns; /* from then on; 0 = nothing yet */
	uint64_t event;
	uint32_t thread; /* MODEL_NONE = nobody known */
};

struct span {
	uint64_t start_ns;
	uint64_t end_ns; /* model.end_ns while open */
	uint64_t event; /* event id, 0 = open */
	uint64_t waker_event; /* what the waker did; 0 = not known, or no longer there */
	uint32_t thread;
	uint32_t object; /* lock (also conditions), socket or thread index, by kind */
	uint32_t object2; /* condition waits: the mutex */
	uint32_t owner; /* thread that held the lock when the wait began */
	uint32_t waker; /* thread that ended the wait */
	uint32_t stack;
	uint16_t via; /* hook id of the call, 0 = the plain one */
	uint8_t kind; /* enum span_kind */
	uint8_t flags;
	uint8_t asked; /* while the model is built: how often who woke it was asked again */
};

enum hold_start {
	HOLD_UNKNOWN, /* the lock was held at end_ns; start_ns == end_ns */
	HOLD_ABOUT, /* taken after start_ns by the thread that had just released it */
	HOLD_AT_LEAST, /* held from start_ns on, perhaps earlier */
	HOLD_EXACT,
};

struct hold {
	uint64_t start_ns;
	uint64_t end_ns; /* the release; model.end_ns while open */
	uint64_t inflicted_ns; /* thread time others waited for it, by overlap */
	uint64_t event; /* id of the release, 0 = open or by a condition wait */
	uint32_t thread;
	uint32_t lock;
	uint32_t acq_stack; /* where it was taken, 0 = unknown */
	uint32_t rel_stack; /* where it was given back, 0 = unknown */
	uint8_t quality; /* enum hold_start */
	bool open;
	bool witnessed; /* known from a waiter only: perhaps held longer on both sides */
	bool counted; /* while the model is built: in lock.holds already */
};

/*
 * A lock, or a condition variable, semaphore, barrier, once. Locks that nobody waited for are here
 * too, with waits == 0.
 */
struct lock {
	uint64_t addr;
	uint64_t wait_ns; /* sum, max and p99 over the kept waits, open ones up to the end */
	uint64_t max_wait_ns;
	uint64_t p99_wait_ns;
	uint64_t common_wait_ns; /* the part inside the common window */
	uint64_t handoff_ns; /* waiting that no known hold covers: wake-up, unknown holders */
	uint64_t max_hold_ns; /* of holds whose start is known */
	uint64_t holds;
	uint64_t life_waits; /* since the process started, from the recorder's own table */
	uint64_t life_wait_ns;
	uint64_t life_max_wait_ns;
	uint64_t life_late; /* contended, wait time unknown */
	uint32_t waits;
	uint32_t handle; /* L<handle>, from 1 by total wait */
	uint32_t first_wait; /* into model.lock_waits: indices of its spans, by end */
	uint32_t first_hold; /* into model.holds, by end */
	uint32_t n_holds;
	/*
	 * The thread that certainly holds it at the end: its own list of held locks says so, or
	 * an open wait saw it as the owner and no release has been recorded since.
	 */
	uint32_t owner;
	uint32_t owner_stack; /* where it took it, 0 = unknown */
	uint32_t first_stack; /* of the first contended acquisition ever */
	uint8_t kind; /* enum fr_held_kind */
	/*
	 * A mutex that is given back by threads that do not have it, as a signal to its owner:
	 * nobody holds it, and who waits for it waits for news.
	 */
	bool is_passed;
	bool is_cond; /* no lock: a condition, or what sync says */
	uint8_t sync; /* enum span_kind of the waits for it if is_cond, 0 = unknown */
	uint8_t futex; /* enum futex_kind, as the caller knew it */
	uint8_t known; /* the caller's own number for it */
};

/*
 * What a futex is, only names of functions tell, which the model does not have: whoever knows gives
 * lists of the addresses that are locks, and of the stacks that wait for something else there.
 */
enum futex_kind {
	FUTEX_UNKNOWN, /* or no lock */
	FUTEX_SHARED, /* a lock; nothing follows for who has it */
	/*
	 * A lock of one holder. Whoever has waited for it takes it in such a way that giving it
	 * back wakes, whether or not somebody waits.
	 */
	FUTEX_EXCLUSIVE,
};

struct futex_known {
	uint64_t addr;
	uint8_t kind; /* enum futex_kind */
	uint8_t known; /* kept in struct lock */
};

struct futexes {
	struct futex_known *locks;
	size_t n_locks;
	uint32_t *work; /* stacks */
	size_t n_work;
};

enum sock_role {
	SOCK_UNKNOWN,
	SOCK_CONNECTED, /* this process connected it */
	SOCK_ACCEPTED,
	SOCK_LISTENER,
};

/* Which way data went over a connection last, as far as the window tells. */
enum sock_moved {
	SOCK_MOVED_NONE,
	SOCK_MOVED_OUT,
	SOCK_MOVED_IN,
};

/* One life of a descriptor number: from socket, accept, pipe, open ... to close. Files too. */
struct sock {
	uint64_t start_ns; /* 0 = before the window */
	uint64_t end_ns; /* 0 = open at the end */
	const uint8_t *peer; /* struct sockaddr bytes, NULL = unknown */
	uint64_t received;
	uint64_t sent;
	const uint8_t *path; /* of a file, NULL = unknown; its end alone if path_cut */
	uint32_t path_len;
	uint32_t peer_len;
	uint32_t calls;
	int32_t fd;
	uint32_t listener; /* accepted ones: the socket it came from */
	uint8_t role; /* enum sock_role */
	uint8_t kind; /* enum fr_fd_kind where it is no socket, else 0 */
	bool path_cut;
	uint32_t same; /* the first of this and its copies; what follows stands there alone */
	uint32_t other_end; /* where this process has both, else MODEL_NONE */
	uint32_t copies; /* of it that are open, itself included */
	uint32_t flow; /* while the model is built: index + 1 of what was written to its readers */
	uint32_t waits; /* the same: the latest that waited here for data */
	uint32_t watch; /* the same: what an epoll calls it */
	uint32_t polled; /* a listener, the same: the last wait that ended because of it */
	uint64_t empty_ns; /* a listener: that its queue was empty then is known; 0 = not at all */
	bool listened; /* listen() was seen */
	uint8_t moved; /* enum sock_moved; stands with `same` */
};

struct held {
	uint64_t since_ns; /* 0 = unknown */
	uint32_t lock;
	uint32_t stack;
	uint16_t kind; /* enum fr_held_kind */
	bool at_least; /* since_ns is when the recorder looked first */
};

/* One of the last events of a thread. */
struct last_event {
	uint64_t id;
	uint64_t t_ns;
	uint32_t stack;
	uint16_t kind;
};
#define MODEL_LAST 16u

enum thread_state {
	THREAD_RUNNING, /* or runnable: the hooks cannot tell */
	THREAD_BLOCKED,
	THREAD_EXITED,
	THREAD_CRASHED,
};

struct thread {
	const struct rec_thread *rec;
	uint64_t start_ns; /* 0 = before the recorder or unknown */
	uint64_t end_ns; /* 0 = alive */
	uint64_t events; /* kept */
	uint64_t wait_ns[SPAN_KINDS];
	uint32_t serial; /* T<serial> */
	uint32_t tid;
	uint32_t creator;
	uint32_t create_stack;
	uint64_t create_event; /* 0 = not kept */
	uint64_t exit_event;
	uint32_t open; /* its open span */
	uint32_t first_span; /* into model.thread_spans, in time order */
	uint32_t n_spans;
	uint32_t n_held; /* listed in held */
	uint32_t held_total; /* the recorder may have counted more than it lists */
	uint32_t last_stack; /* stack of its last event, 0 = none */
	struct held *held;
	struct last_event
		last[MODEL_LAST]; /* ring: the newest stands at (n_last - 1) % MODEL_LAST */
	uint64_t n_last;
	int64_t moved_fd; /* the socket it sent or received on last, at moved_ns */
	uint64_t moved_ns;
	uint8_t state; /* enum thread_state */
};

/*
 * Failures of one kind: a call on a number that is no descriptor (kind FR_EV_FD_BAD), or one that
 * repeats (kind: of the event that says it failed).
 */
struct failure {
	uint32_t thread, stack;
	uint32_t kind, err, via;
	uint32_t closer, closed_by; /* who closed the number: thread, stack; MODEL_NONE = unknown */
	uint32_t unknown; /* of FD_BAD: those without a closer */
	uint32_t in_turn; /* ... and those whose number follows the one before */
	int64_t fd; /* the last */
	int64_t closed_fd; /* the last with a closer: `event` */
	uint64_t event; /* of FD_BAD: 0 = no closer is known */
	uint64_t ago_ns; /* before it, it was closed */
	uint64_t count; /* at least */
	uint64_t first_ns, last_ns;
};

/* What FR_BUDGET has done to a class, in the events that are kept. */
struct lowered {
	uint64_t event; /* the last time that it was lowered; 0 = it was not */
	uint64_t ns;
	uint64_t again; /* the event that tried it again after that; 0 = none has */
	uint32_t times;
	uint8_t from, to; /* enum fr_level */
};

struct model {
	const struct recording *rec;
	struct thread *threads; /* the same indices as rec->threads */
	size_t n_threads;
	struct lock *locks; /* by handle: locks[0] is L1 */
	size_t n_locks;
	struct sock *socks;
	size_t n_socks;
	struct span *spans; /* by end; open ones last */
	size_t n_spans;
	struct hold *holds; /* by lock, then by end */
	size_t n_holds;
	uint32_t *lock_waits;
	uint32_t *thread_spans;
	uint64_t kinds[128]; /* events kept by kind */
	struct lowered lowered[FR_CLASSES];
	uint8_t least[FR_CLASSES]; /* the lowest level in the kept events */
	struct failure *failures;
	size_t n_failures;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t common_ns; /* start of the common window */
	uint64_t sure_ns; /* from here on no event of any thread is missing; 0 = none at all */
	uint64_t locks_left_out; /* lock events beyond MODEL_LOCKS_MAX different addresses */
	bool dead; /* the process is gone and the region did not change while it was read */
	struct arena arena;
};
#define MODEL_LOCKS_MAX (1u << 21)

struct model *fr_model_build(const struct recording *rec, struct diag *d);
/* The same with what is known of futexes: waits for those that are locks are FUTEX_LOCK. */
struct model *fr_model_build_knowing(const struct recording *rec, const struct futexes *known,
				     struct diag *d);
void fr_model_free(struct model *m);

const char *fr_span_kind_name(unsigned int kind); /* "recv": key of JSON and tables */
static inline uint64_t fr_span_ns(const struct span *s)
{
	return s->end_ns - s->start_ns;
}

/* The wait that T was in at the end, NULL = none. */
static inline const struct span *fr_open_span(const struct model *m, const struct thread *t)
{
	return t->open == MODEL_NONE ? NULL : &m->spans[t->open];
}

static inline bool fr_span_is(const struct span *s, unsigned int kinds)
{
	return kinds >> s->kind & 1;
}

/* Waits for a mutex, rwlock, spin lock or a futex that is a lock. */
static inline bool fr_span_is_lock(const struct span *s)
{
	return fr_span_is(s, 1u << SPAN_LOCK | 1u << SPAN_RDLOCK | 1u << SPAN_WRLOCK |
				     1u << SPAN_SPIN | 1u << SPAN_FUTEX_LOCK);
}

/* For a condition, semaphore, barrier, once or any other futex. */
static inline bool fr_span_is_sync(const struct span *s)
{
	return fr_span_is(s, 1u << SPAN_COND | 1u << SPAN_SEM | 1u << SPAN_BARRIER |
				     1u << SPAN_ONCE | 1u << SPAN_FUTEX);
}

/* Its object is a descriptor. */
static inline bool fr_span_is_sock(const struct span *s)
{
	return (s->kind >= SPAN_CONNECT && s->kind <= SPAN_POLL) || s->kind == SPAN_FILELOCK ||
	       s->kind == SPAN_FILE;
}

/*
 * A connect that went on while its thread did other things: no wait of the thread, and in none of
 * its lists.
 */
static inline bool fr_span_is_async(const struct span *s)
{
	return s->kind == SPAN_CONNECTING;
}

/* "recv", "pthread_mutex_timedlock": the function the program called. */
const char *fr_span_call(const struct model *m, const struct span *s);
/* Whether the call gives up by itself: a timed or polling form. */
bool fr_span_is_timed(const struct model *m, const struct span *s);

/* Whether an event of KIND can be the end of a wait, or of anything else that somebody began. */
bool fr_model_has_waker(unsigned int kind);

/* Index of the lock at ADDR or MODEL_NONE: linear, for users' questions only. */
uint32_t fr_model_lock_at(const struct model *m, uint64_t addr);

/* The release of LOCK that was the last, or NULL. */
const struct hold *fr_model_last_release(const struct model *m, uint32_t lock);

/* The entry of LOCK in the list of held locks of THREAD, or NULL. */
const struct held *fr_model_held(const struct model *m, uint32_t thread, uint32_t lock);

/* Time inside the common window. */
uint64_t fr_model_common(const struct model *m, uint64_t start_ns, uint64_t end_ns);

/* How many of the N SPANS, indices in the order of their ends, were over at NS. */
uint32_t fr_spans_over(const struct model *m, const uint32_t *spans, uint32_t n, uint64_t ns);

/* ---- blame: who made whom wait, by thread and stack, the worst first ------------------------- */

struct blame {
	uint64_t ns; /* holders: inflicted; waiters: waited */
	uint64_t max_ns; /* longest hold or wait */
	uint32_t n;
	uint32_t thread;
	uint32_t stack;
	uint32_t worst; /* index of that hold or span */
};
/* The caller frees *OUT. */
size_t fr_lock_holders(const struct model *m, uint32_t lock, struct blame **out);
size_t fr_lock_waiters(const struct model *m, uint32_t lock, struct blame **out);

#endif
