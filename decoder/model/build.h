/* SPDX-License-Identifier: MIT */
/*
 * build.h - what the stages of making a model share. Private to decoder/model.
 *
 *   objects.c  spans, holds, locks and threads as the stages below find them
 *   pass.c     the one pass: spans, raw holds, sockets, last events
 *   wakers.c   who ended a wait
 *   futex.c    futexes: waits and wakes, and locks among them
 *   holding.c  locks that a thread has, while the pass runs
 *   flow.c     the same for data: what was written where somebody reads
 *   ready.c    waits for several descriptors
 *   connections.c  both ends of a connection in this process
 *   lives.c    lives of descriptors
 *   sockets.c, descriptors.c  what events say of them
 *   states.c   tables of the recording: states and held locks at the end, lifetime totals
 *   witness.c  holds that only a waiter saw
 *   holds.c    totals of waits; from raw holds to holds with a start, a quality and what they
 *              inflicted
 *   owners.c   who holds a lock at the end
 *   totals.c   indices, order and handles of locks
 *   blame.c    questions asked afterwards
 */
#ifndef FR_MODEL_BUILD_H
#define FR_MODEL_BUILD_H

#include "base/map.h"
#include "model/model.h"
#include "model/same.h"
#include "read/events.h"

/* Clocks of two CPUs may differ by this much: an acquire may seem to precede its release. */
#define CLOCK_SLACK_NS 1000u

#define HOLDING_MAX 32u
#define FLOWS_RETIRED 64u

/* A lock a thread has, as the pass sees it. */
struct holding {
	uint64_t since_ns;
	uint32_t lock;
	uint32_t stack;
	uint32_t depth; /* recursive mutexes */
};

/* What the pass knows of a thread while it runs. */
struct thread_pass {
	uint64_t to_come; /* events of it */
	uint32_t futex_wait; /* index + 1 of its last wait for a futex that is a lock */
	uint32_t n; /* locks that it has */
	struct holding h[HOLDING_MAX];
};

/* What the pass knows of a lock while it runs. */
struct lock_pass {
	struct wake by; /* conditions and the like: the last signal, post, ... */
	uint32_t last_taker; /* the thread that acquired it last, MODEL_NONE = unknown */
	uint32_t moved_to; /* a futex whose waiters wait at another one now, MODEL_NONE = no */
};

/* A pthread_create whose thread has not been seen yet. */
struct created {
	uint64_t handle; /* 0 = none */
	uint64_t event;
};

struct build {
	struct model *m;
	const struct recording *rec;
	const struct futexes *known;
	struct map futex_by_addr; /* index into its locks */
	struct map work_by_stack;
	struct map lock_by_addr;
	struct map thread_by_tid; /* MODEL_NONE = several threads had this tid */
	struct map thread_by_handle; /* the latest thread with this pthread_t */
	struct lock_pass *lp; /* beside m->locks */
	struct thread_pass *tp; /* beside m->threads */
	struct created *creates; /* by creator */
	uint32_t *fd_now; /* socket by descriptor, MODEL_NONE = none */
	size_t n_fds;
	size_t cap_fds;
	size_t cap_locks;
	size_t cap_lp;
	size_t cap_socks;
	size_t cap_spans;
	size_t cap_holds;
	struct flow *flows;
	size_t n_flows;
	size_t cap_flows;
	uint32_t free_flow; /* index + 1 */
	uint32_t retired[FLOWS_RETIRED]; /* closed descriptors whose flows are still there */
	size_t n_retired;
	uint32_t *ready; /* descriptors that ended waits for several: see struct polled */
	size_t n_ready;
	size_t cap_ready;
	struct polled *polled; /* by span */
	size_t n_polled;
	size_t cap_polled;
	struct wait_at *waits; /* for data, by descriptor */
	size_t n_waits;
	size_t cap_waits;
	size_t n_doubted; /* spans that a level was too low for */
	size_t n_left; /* lives of descriptors that were ended because nothing was recorded */
	struct map watch_by_key;
	struct watch *watches;
	size_t n_watches;
	size_t cap_watches;
	struct map link_by_id; /* TCP connections with one end seen */
	struct link *links;
	size_t n_links;
	size_t cap_links;
	struct map queue_by_id; /* UNIX listeners */
	struct queue *queues;
	size_t n_queues;
	size_t cap_queues;
	size_t cap_failures;
	uint64_t forked_ns; /* the last fork, 0 = none seen */
	bool net_full; /* every send is recorded */
	bool full; /* every lock call is recorded: holds are exact */
	uint64_t full_ns; /* since then; 0 = from the start */
	uint32_t lock_before; /* level of locks before the first change; 0 = none was seen */
};

/* failures.c: the events FD_BAD and REPEATED */
void fr_build_failure(struct build *b, const struct event *e);

/* objects.c */
struct span *fr_build_span(struct build *b); /* a new one, all indices MODEL_NONE */
struct hold *fr_build_hold(struct build *b);
uint32_t fr_build_lock_add(struct build *b, uint64_t addr); /* one that has not been met before */
void fr_build_sync(struct build *b, uint32_t lock, enum span_kind kind); /* it is no lock */
uint32_t fr_build_tid(struct build *b, uint32_t tid, uint64_t ns);
/* By pthread_t, which is used again: the thread that has it at this point of the stream. */
uint32_t fr_build_handle(const struct build *b, uint64_t handle);
void fr_build_handle_set(struct build *b, uint64_t handle, uint32_t thread);
enum span_kind fr_build_call_kind(const struct build *b, uint64_t call); /* of a hook id */

/* MODEL_NONE: too many, or address 0. Inline: every lock event asks. */
static inline uint32_t fr_build_lock(struct build *b, uint64_t addr)
{
	const struct map_slot *s;

	if (!addr)
		return MODEL_NONE;
	if (b->lock_by_addr.slots) {
		s = fr_map_find(&b->lock_by_addr, addr);
		if (s->key)
			return s->value;
	}
	return fr_build_lock_add(b, addr);
}

/* pass.c */
void fr_build_pass(struct build *b);

/* holding.c: locks that a thread has, as the pass sees it */
struct holding *fr_build_holding(struct thread_pass *tp, uint32_t lock);
void fr_build_holding_drop(struct thread_pass *tp, struct holding *h);
void fr_build_holding_add(struct thread_pass *tp, struct holding h);

/* futex.c */
void fr_build_futex_waited(struct build *b, struct span *s, bool timed); /* S has its object */
void fr_build_futex_woke(struct build *b, const struct event *e);
/* Who must have L at the end, because it has waited for it and not given it back. */
uint32_t fr_futex_owner(const struct model *m, const struct lock *l, uint32_t *stack);

/* wakers.c */
void fr_build_woken(struct build *b, struct span *s); /* S has just been made */
void fr_flow_woken(struct build *b, struct span *s); /* it waited for data */
/* Somebody has signalled, posted or opened what is at ADDR, a KIND of object. */
void fr_build_signalled(struct build *b, const struct event *e, enum span_kind kind, uint64_t addr);
void fr_build_opened(struct build *b, const struct event *e, enum span_kind kind, uint64_t addr);
void fr_build_created(struct build *b, const struct event *e);
void fr_build_started(struct build *b, const struct event *e);
/*
 * BY ended waits for OBJECT that stand before its own event, and ended at FROM_NS or later. KINDS:
 * a bit for each kind of span.
 */
void fr_build_woke_earlier(struct build *b, unsigned int kinds, uint32_t object, uint64_t from_ns,
			   const struct wake *by);

/* lives.c */
uint32_t fr_build_sock(struct build *b, int64_t fd); /* the present life of FD */
uint32_t fr_build_sock_new(struct build *b, int64_t fd, uint64_t ns); /* ends the life before */
void fr_build_sock_over(struct build *b, int64_t fd, uint64_t ns);
void fr_build_sock_all_over(struct build *b, uint64_t ns); /* those that are there now */
void fr_build_sock_peer(struct build *b, struct sock *s, const uint8_t *bytes, uint64_t n);
bool fr_build_fd_is_socket(const struct build *b, uint64_t fd); /* by the table, at the end */
void fr_build_sock_end(struct build *b);

/* descriptors.c: fd.* and io.* */
void fr_build_fd(struct build *b, const struct event *e);
void fr_build_wrote(struct build *b, const struct event *e, uint32_t sock);

/* sockets.c: net.* */
void fr_build_net(struct build *b, const struct event *e);

void fr_connections_free(struct build *b); /* connections.c */

/* states.c */
void fr_build_threads(struct build *b); /* before the pass */
void fr_build_states(struct build *b); /* after it */

/* totals.c */
void fr_build_index(struct build *b); /* sorts holds; lock_waits, thread_spans */

/* owners.c: until then lock.owner is who lists it */
void fr_build_owners(struct build *b);

/* holds.c: after these; totals and percentiles of waits as well */
void fr_build_holds(struct build *b);

void fr_build_index_holds(struct build *b);

/* witness.c */
struct witnessed {
	struct hold *holds;
	size_t n;
	size_t cap;
};
/* The call in which THREAD was blocked at NS and can neither have taken nor given back LOCK. */
const struct span *fr_build_blocked(const struct model *m, uint32_t thread, uint32_t lock,
				    uint64_t ns);
void fr_build_witness(const struct model *m, const struct lock *l, struct witnessed *seen);

/* totals.c again, last */
void fr_build_order(struct build *b); /* handles; renumbers everything that points at locks */
#ifdef FR_DEBUG
void fr_model_check(const struct model *m);
#else
#define fr_model_check(m) ((void)0)
#endif

#endif
