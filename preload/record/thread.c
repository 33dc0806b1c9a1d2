/* SPDX-License-Identifier: MIT */
/*
 * thread.c - birth, state and end of a recorded thread.
 *
 * Context: the thread itself, at its first hook (which may be in a signal handler, inside malloc
 * or in a library's constructor): system calls only, no errno, no lock. Must not: allocate with
 * malloc, or leave a thread half born: fr_self changes last.
 */
#include "record/thread.h"

#include <errno.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/process.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/host.h"
#include "record/onstack.h"
#include "record/ring.h"
#include "record/sample.h"
#include "record/wait.h"

static struct fr_thread_rec none_rec = {.n_held = FR_HELD_MAX};
struct fr_thread fr_thread_none = {.busy = FR_BUSY_FOR_EVER, .rec = &none_rec};
struct fr_thread fr_thread_gone = {.busy = FR_BUSY_FOR_EVER, .rec = &none_rec};
__thread struct fr_thread *fr_self __attribute__((tls_model("initial-exec"))) = &fr_thread_none;

bool fr_thread_wants_altstack;
static _Atomic uint32_t serials;
static _Atomic uint32_t n_slots;
static pthread_key_t end_key;
static bool have_key;

static struct fr_thread_rec *slot(uint32_t i)
{
	return (struct fr_thread_rec *)fr_region.threads.base + i;
}

/* ---- end ------------------------------------------------------------------------------------- */

#define END_ROUNDS 4 /* PTHREAD_DESTRUCTOR_ITERATIONS: the host's destructors still run hooks */

static void end_destructor(void *arg)
{
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t))
		return;
	if (++t->end_rounds < END_ROUNDS)
		pthread_setspecific(end_key, (void *)1);
	else
		fr_thread_end();
}

void fr_threads_init(void)
{
	atomic_store(&serials, 0);
	atomic_store(&n_slots, 0);
	if (!have_key)
		have_key = pthread_key_create(&end_key, end_destructor) == 0;
}

/*
 * Blocks of ended threads, with their alternate stacks, for the next ones: a server that starts a
 * thread per request shall not pay for mappings and page faults each time.
 */
#define SPARES 64u
static _Atomic(struct fr_thread *) spares[SPARES];

/*
 * The alternate stack lies below its block in one mapping without a guard page: such mappings merge
 * in the kernel, so that 10 000 threads do not eat up the host's 65 530. Only our own handlers run
 * on it (onstack.h), and they need a fraction of it.
 */
#define BLOCK_SIZE (FR_ALTSTACK_SIZE + sizeof(struct fr_thread))

static char *altstack_of(struct fr_thread *t)
{
	return (char *)t - FR_ALTSTACK_SIZE;
}

static void unmap_block(struct fr_thread *t)
{
	fr_sys_munmap(altstack_of(t), BLOCK_SIZE);
}

static void give_block(struct fr_thread *t)
{
	for (uint32_t i = 0; i < SPARES; i++) {
		struct fr_thread *none = NULL;

		if (!atomic_load_explicit(&spares[i], memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&spares[i], &none, t))
			return;
	}
	unmap_block(t);
}

/* A spare one still has its memo, see stack_bounds(); all else is as new. NULL: no memory. */
static struct fr_thread *take_block(void)
{
	struct fr_thread *t = NULL;
	char *p;

	for (uint32_t i = 0; i < SPARES && !t; i++) {
		if (atomic_load_explicit(&spares[i], memory_order_relaxed))
			t = atomic_exchange(&spares[i], NULL);
	}
	if (t) {
		memset(t->w, 0, sizeof(t->w));
		t->user = (struct fr_user){0};
		t->handler = 0;
		t->in_real = t->in_periodic = t->lent = false;
		t->altstack = NULL;
		t->retook = 0;
		t->walks = t->end_rounds = t->our_signals = t->host_signals = 0;
		return t;
	}
	p = fr_sys_mmap(BLOCK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!p)
		return NULL;
	fr_sys_madvise(p, BLOCK_SIZE, MADV_DONTDUMP);
	return (struct fr_thread *)(p + FR_ALTSTACK_SIZE);
}

/* The thread ends in a call that never came back: it was cancelled there. */
static void record_cancelled(struct fr_thread *t)
{
	const struct fr_thread_rec *rec = t->rec;
	uint64_t dur = rec->end > rec->st_since ? rec->end - rec->st_since : 0;

	fr_put_cold(t, FR_EV_THREAD_CANCELLED, FR_TIER_RARE, rec->end, rec->st_stack,
		    FR_ARGS(THREAD_CANCELLED, .object = rec->st_object, .dur = dur,
			    .lock = rec->st_object2, .via = rec->st_call));
}

void fr_thread_end(void)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	t->rec->end = fr_clock_ticks();
	if (t->rec->st_call)
		record_cancelled(t);
	fr_state_clear(t);
	fr_put_cold(t, FR_EV_THREAD_EXIT, FR_TIER_RARE, t->rec->end, 0,
		    FR_ARGS(THREAD_EXIT, .handle = t->rec->handle));
	fr_chunk_close_all(t);
	__atomic_store_n(&t->rec->x_life, FR_THREAD_DEAD, __ATOMIC_RELEASE);
	fr_self = &fr_thread_gone;
	fr_onstack_leave(t);
	t->busy = 0;
	give_block(t);
}

/* As new, at the same place. A system call filter may refuse the first. */
static void empty_block(struct fr_thread *t)
{
	if (fr_sys_madvise(t, sizeof(*t), MADV_DONTNEED) != 0)
		memset(t, 0, sizeof(*t));
}

void fr_thread_forget(void)
{
	struct fr_thread *t = fr_self;

	for (uint32_t i = 0; i < SPARES; i++) {
		struct fr_thread *spare = atomic_exchange(&spares[i], NULL);

		if (spare)
			unmap_block(spare); /* its memo knows the parent's stacks */
	}
	fr_user_keep(&t->user);
	fr_self = &fr_thread_none;
	/* busy: a signal handler forked in the middle of our code, which will go on with T */
	if (!fr_thread_is_known(t) || (t->busy && t->busy != FR_BUSY_FOR_EVER))
		return;
	empty_block(t);
	give_block(t);
}

/* ---- vfork ----------------------------------------------------------------------------------- */

void fr_thread_lend(struct fr_thread *t)
{
	memset(&t->lent_rec, 0, sizeof(t->lent_rec));
	t->lent_rec.n_held = FR_HELD_MAX;
	t->own_rec = t->rec;
	t->rec = &t->lent_rec;
	t->lent = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = FR_BUSY_FOR_EVER;
}

/* What the child has allocated lies in the heap that both have: it counts. */
bool fr_thread_take_back(struct fr_thread *t)
{
	if (fr_host_is_other_process())
		return false;
	if (!fr_thread_is_known(t))
		return true; /* of nobody: only the mark is of use */
	t->own_rec->allocs += t->lent_rec.allocs;
	t->own_rec->alloc_bytes += t->lent_rec.alloc_bytes;
	t->own_rec->frees += t->lent_rec.frees;
	t->rec = t->own_rec;
	t->lent = false;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = 0;
	return true;
}

struct fr_thread *fr_enter_lent(void)
{
	struct fr_thread *t = fr_self;

	if (!fr_thread_is_known(t) || !t->lent)
		return NULL;
	t->busy = (uintptr_t)__builtin_frame_address(0);
	t->rec = t->own_rec;
	return t;
}

void fr_leave_lent(struct fr_thread *t)
{
	t->rec = &t->lent_rec;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->busy = FR_BUSY_FOR_EVER;
}

/* ---- birth ----------------------------------------------------------------------------------- */

/* A slot never used, else that of the thread that ended longest ago. */
static struct fr_thread_rec *take_slot(void)
{
	uint32_t n = atomic_load(&n_slots);
	struct fr_thread_rec *oldest = NULL;
	uint32_t dead = FR_THREAD_DEAD;

	while (n < fr_region.n_threads_max &&
	       fr_span_need(&fr_region.threads, (n + 1) * sizeof(struct fr_thread_rec))) {
		if (atomic_compare_exchange_weak(&n_slots, &n, n + 1)) {
			fr_span_used(&fr_region.threads, (n + 1) * sizeof(struct fr_thread_rec));
			return slot(n);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		if (__atomic_load_n(&slot(i)->x_life, __ATOMIC_ACQUIRE) == FR_THREAD_DEAD &&
		    (!oldest || slot(i)->end < oldest->end))
			oldest = slot(i);
	}
	if (oldest && __atomic_compare_exchange_n(&oldest->x_life, &dead, FR_THREAD_FREE, false,
						  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return oldest;
	return NULL;
}

/*
 * glibc puts a thread's descriptor, which pthread_self() points at, at the top of its stack's
 * memory, whoever allocated it. The main thread's is elsewhere.
 */
static void find_bounds(struct fr_thread *t, const struct fr_thread_origin *o)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uint64_t size = o->stack_size ? o->stack_size : fr_process.default_stack;

	if (here >= fr_process.main_stack_lo && here < fr_process.main_stack_hi) {
		t->stack_lo = fr_process.main_stack_lo;
		t->stack_hi = fr_process.main_stack_hi;
	} else {
		t->stack_hi = (uintptr_t)pthread_self() & ~(uintptr_t)15;
		t->stack_lo = t->stack_hi > size ? t->stack_hi - size : FR_PAGE;
	}
	if (here >= t->stack_lo && here < t->stack_hi)
		return;
	t->stack_lo = t->stack_hi = 8; /* a signal stack, a raw clone: no stack is our own */
}

/* The memo of a spare block is good for the same stack again, and only for that. */
static void stack_bounds(struct fr_thread *t, const struct fr_thread_origin *o)
{
	uintptr_t lo = t->stack_lo, hi = t->stack_hi;

	find_bounds(t, o);
	if (t->stack_lo != lo || t->stack_hi != hi)
		fr_stack_forget(t);
}

static void fill_record(struct fr_thread *t, const struct fr_thread_origin *o)
{
	struct fr_thread_rec *r = t->rec;

	memset(r, 0, sizeof(*r));
	r->serial = atomic_fetch_add(&serials, 1) + 1;
	r->tid = t->tid;
	r->creator_tid = o->creator_tid;
	r->create_stack = o->create_stack;
	r->handle = (uint64_t)pthread_self();
	r->routine = o->routine;
	r->start = fr_clock_ticks();
	r->stack_lo = t->stack_lo;
	r->stack_hi = t->stack_hi;
	__atomic_store_n(&r->x_life, FR_THREAD_LIVE, __ATOMIC_SEQ_CST);
	/* only now: who names this thread from outside either finds it alive or did so before */
	fr_sys2(SYS_prctl, PR_GET_NAME, r->name);
}

uint32_t fr_thread_tid(void)
{
	pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	int tid = fr_sys_gettid();

	if (tid >= 0)
		return (uint32_t)tid;
	fr_real.pthread_mutex_lock(&m);
	tid = m.__data.__owner;
	fr_real.pthread_mutex_unlock(&m);
	return (uint32_t)tid;
}

struct fr_thread *fr_thread_birth(const struct fr_thread_origin *o)
{
	struct fr_thread *t;
	struct fr_thread_rec *rec = fr_region.hdr ? take_slot() : NULL;

	FR_RUNS(FR_WHERE_HANDLER);
	if (!rec) {
		fr_drop(FR_DROP_NO_THREAD);
		return NULL;
	}
	t = take_block();
	if (!t) {
		__atomic_store_n(&rec->x_life, FR_THREAD_DEAD, __ATOMIC_RELEASE);
		fr_drop(FR_DROP_NO_THREAD);
		return NULL;
	}
	t->rec = rec;
	t->tid = fr_thread_tid();
	t->errno_at = &errno;
	t->random = fr_clock_ticks() * 0x9E3779B97F4A7C15ull | 1;
	t->sample_left = fr_sample_gap(t);
	fr_user_take(&t->user);
	stack_bounds(t, o);
	fill_record(t, o);
	if (fr_thread_wants_altstack)
		/* a stack overflow must still reach the crash handler */
		fr_onstack_make(t, altstack_of(t), FR_ALTSTACK_SIZE);
	if (have_key)
		pthread_setspecific(end_key, (void *)1);
	t->busy = (uintptr_t)__builtin_frame_address(0);
	fr_self = t;
	fr_put_cold(t, FR_EV_THREAD_START, FR_TIER_RARE, rec->start, 0,
		    FR_ARGS(THREAD_START, .handle = rec->handle, .routine = o->routine,
			    .creator = o->creator_tid, .created_by = o->create_stack));
	t->busy = 0;
	return t;
}

static bool on_own_stack(const struct fr_thread *t, uintptr_t p)
{
	return p >= t->stack_lo && p < t->stack_hi;
}

/*
 * Has a jump left the code behind that `busy` tells of? Yes if we stand no deeper than it; and yes
 * if we stand no deeper than the handler that interrupted it, for then the handler is gone too.
 * Else we are inside that handler, or may be.
 */
static bool is_stale(const struct fr_thread *t, uintptr_t frame)
{
	if (!on_own_stack(t, t->busy) || !on_own_stack(t, frame))
		return false;
	if (t->busy <= frame)
		return true;
	return t->handler && (!on_own_stack(t, t->handler) || t->handler <= frame);
}

struct fr_thread *fr_enter_slow(uintptr_t frame)
{
	static const struct fr_thread_origin unknown;
	struct fr_thread *t = fr_self;

	if (t == &fr_thread_gone) {
		fr_drop(FR_DROP_LATE);
		return NULL;
	}
	if (t == &fr_thread_none) {
		t = fr_thread_birth(&unknown);
		if (t)
			t->busy = frame;
		return t;
	}
	if (t->lent) {
		if (!fr_thread_take_back(t))
			return NULL; /* another process: nothing of ours is lost */
		t->busy = frame;
		return t;
	}
	if (!is_stale(t, frame)) {
		fr_drop(FR_DROP_NESTED);
		return NULL;
	}
	t->handler = 0;
	t->busy = frame;
	return t;
}

/* ---- held locks, state, names ---------------------------------------------------------------- */

FR_COLD void fr_held_overflow(struct fr_thread *t, uint64_t lock, enum fr_held_kind kind,
			      uint64_t since, uint32_t stack)
{
	if (t->lent && fr_thread_take_back(t) && t->rec->n_held < FR_HELD_MAX)
		fr_held_push(t, lock, kind, since, stack);
	else
		t->rec->held_more++;
}

void fr_held_remove(struct fr_thread *t, uint64_t lock)
{
	struct fr_thread_rec *rec;
	uint32_t n;

	if (!fr_thread_reclaim())
		return;
	rec = t->rec;
	n = rec->n_held;
	for (uint32_t i = n; i-- > 0;) {
		if (rec->held[i].addr != lock)
			continue;
		memmove(&rec->held[i], &rec->held[i + 1], (n - 1 - i) * sizeof(rec->held[0]));
		rec->n_held = (uint16_t)(n - 1);
		return;
	}
	if (!fr_wait_retook(t, lock) && rec->held_more)
		rec->held_more--;
}

uint64_t fr_held_since(const struct fr_thread *t, uint64_t lock)
{
	const struct fr_thread_rec *rec;

	if (!fr_thread_reclaim())
		return 0;
	rec = t->rec;
	for (uint32_t i = rec->n_held; i-- > 0;) {
		if (rec->held[i].addr == lock)
			return rec->held[i].since;
	}
	return 0;
}

FR_COLD void fr_held_stamp(struct fr_thread_rec *rec, uint64_t since)
{
	for (uint32_t i = rec->n_held; i-- > 0 && !rec->held[i].since;) {
		rec->held[i].since = since;
		rec->held[i].flags |= FR_HELD_SINCE_SEEN;
	}
}

struct fr_thread_rec *fr_thread_by_handle(uint64_t handle)
{
	uint32_t n = atomic_load(&n_slots);

	for (uint32_t i = 0; i < n; i++) {
		if (slot(i)->handle == handle && slot(i)->x_life == FR_THREAD_LIVE)
			return slot(i);
	}
	return NULL;
}

struct fr_thread_rec *fr_thread_at(uint32_t i)
{
	return fr_region.hdr && i < atomic_load(&n_slots) ? slot(i) : NULL;
}

void fr_thread_rename(struct fr_thread_rec *rec, const char *name)
{
	fr_text_copy(rec->name, sizeof(rec->name), name);
}
