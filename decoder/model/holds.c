/* SPDX-License-Identifier: MIT */
/*
 * holds.c - since when a lock was held, and what that cost the others.
 *
 * The pass knows releases: every release while somebody waited, with thread and stack. It does not
 * know when the lock had been taken, except at level full: uncontended calls are not recorded, and
 * a contended acquisition seen long ago may have been given back and taken again unseen. But:
 *
 *   waiters   |-------------|   |-----|          the union of all waits for the lock: segments
 *                 |----------------|
 *   releases            r1      r2    r3         inside a segment none can be missing
 *
 * (1) inside a segment the lock was held without a gap by one thread from one release (or from the
 *     segment's start) to the next, but for the moments between a release and the next acquire;
 * (2) an acquisition recorded inside that stretch by the same thread is exactly the hold's start;
 * (3) a thread that was blocked in a call cannot have taken the lock during the call: a hold known
 *     inside the call began before it;
 * (4) after a release, the same thread may have taken the lock back before the woken waiter could:
 *     then the hold is about as long as the time since that release; another thread's is unknown.
 * Where events have been overwritten, (1), (2) and (4) hold inside the common window only; what a
 * waiter saw while its owner was blocked stands by itself, see witness.c.
 * What no hold covers is hand-off: the woken thread was on its way. It is charged to nobody.
 */
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "base/select.h"
#include "model/build.h"

struct segment {
	uint64_t start;
	uint64_t end;
};

/* Scratch for one lock at a time. */
struct work {
	uint64_t *starts; /* of waits, ascending */
	uint64_t *ends; /* of waits, ascending */
	uint64_t *start_sum; /* prefix sums, for the integral of the number of waiters */
	uint64_t *end_sum;
	struct segment *seg;
	size_t n_seg;
	uint32_t asked; /* the last answer of ends_below() */
};

static const struct span *wait_at(const struct model *m, const struct lock *l, uint32_t i)
{
	return &m->spans[m->lock_waits[l->first_wait + i]];
}

static int by_start(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void sort_segments(struct segment *seg, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (seg[i].start < seg[i - 1].start) {
			qsort(seg, n, sizeof(*seg), by_start);
			return;
		}
	}
}

/*
 * Copies the times of all waits for L to one place: they lie far apart, and everything below asks
 * for them again and again.
 */
static void gather(const struct model *m, const struct lock *l, struct work *w)
{
	uint32_t i;

	for (i = 0; i < l->waits; i++) {
		const struct span *s = wait_at(m, l, i);

		w->seg[i] = (struct segment){s->start_ns, s->end_ns};
		w->ends[i] = s->end_ns;
		w->end_sum[i + 1] = w->end_sum[i] + s->end_ns;
	}
}

static void wait_totals(const struct model *m, struct lock *l, const struct work *w)
{
	uint64_t *durs = w->starts; /* not in use yet */
	uint32_t i;

	for (i = 0; i < l->waits; i++) {
		durs[i] = w->seg[i].end - w->seg[i].start;
		l->wait_ns += durs[i];
		if (durs[i] > l->max_wait_ns)
			l->max_wait_ns = durs[i];
		l->common_wait_ns += fr_model_common(m, w->seg[i].start, w->seg[i].end);
	}
	l->p99_wait_ns = fr_select(durs, l->waits, ((uint64_t)l->waits * 99 + 99) / 100 - 1);
}

/* Completes W: sorted starts, prefix sums and the union of all waits. */
static void prepare(const struct lock *l, struct work *w)
{
	uint32_t i, n = l->waits;

	sort_segments(w->seg, n);
	w->n_seg = 0;
	for (i = 0; i < n; i++) {
		struct segment s = w->seg[i];

		w->starts[i] = s.start;
		w->start_sum[i + 1] = w->start_sum[i] + s.start;
		if (w->n_seg && w->seg[w->n_seg - 1].end + CLOCK_SLACK_NS >= s.start) {
			struct segment *last = &w->seg[w->n_seg - 1];

			last->end = s.end > last->end ? s.end : last->end;
		} else {
			w->seg[w->n_seg++] = s;
		}
	}
}

static bool is_below(const void *v, const void *x)
{
	return *(const uint64_t *)v < *(const uint64_t *)x;
}

/*
 * How many of the N ascending values V are below X. Looks from HINT outwards: the questions come
 * nearly in order.
 */
static uint32_t below(const uint64_t *v, uint32_t n, uint64_t x, uint32_t hint)
{
	uint32_t lo = hint < n ? hint : n, hi = lo, step = 1;

	while (lo && v[lo - 1] >= x) {
		hi = lo - 1;
		lo = lo > step ? lo - step : 0;
		step *= 2;
	}
	for (step = 1; hi < n && v[hi] < x; step *= 2) {
		lo = hi + 1;
		hi = n - hi > step ? hi + step : n;
	}
	return lo + (uint32_t)fr_search(v + lo, hi - lo, sizeof(*v), is_below, &x);
}

/* How many waits for L were over before X. */
static uint32_t ends_below(const struct lock *l, struct work *w, uint64_t x)
{
	w->asked = below(w->ends, l->waits, x, w->asked);
	return w->asked;
}

/* Where the last question was answered: see below(). */
struct hint {
	uint32_t start;
	uint32_t end;
};

/* Thread time waited for L up to X. Wraps like the sums do; only differences are used. */
static uint64_t waited_until(const struct lock *l, const struct work *w, uint64_t x,
			     struct hint *hint)
{
	uint32_t a = below(w->starts, l->waits, x, hint->start);
	uint32_t e = below(w->ends, l->waits, x, hint->end);

	*hint = (struct hint){a, e};
	return (a * x - w->start_sum[a]) - (e * x - w->end_sum[e]);
}

/* Law 3. */
static uint64_t blocked_since(const struct model *m, uint32_t thread, uint32_t lock, uint64_t ns)
{
	const struct span *s = fr_build_blocked(m, thread, lock, ns);

	return s ? s->start_ns : ns;
}

/* Whether another thread is known to have taken L after START: then H cannot begin at START. */
static bool taken_between(const struct model *m, const struct lock *l, struct work *w,
			  const struct hold *h, uint64_t start)
{
	uint64_t end = h->end_ns > CLOCK_SLACK_NS ? h->end_ns - CLOCK_SLACK_NS : 0;
	uint32_t i = ends_below(l, w, end);
	const struct span *s = i ? wait_at(m, l, i - 1) : NULL;

	return s && !(s->flags & (SPAN_FAILED | SPAN_OPEN)) && s->thread != h->thread &&
	       s->end_ns > start + CLOCK_SLACK_NS;
}

/* A waiter that began in [START, END] and saw another owner than THREAD. */
static bool other_owner(const struct model *m, const struct lock *l, struct work *w,
			uint32_t thread, uint64_t start, uint64_t end)
{
	uint32_t i, from = ends_below(l, w, start);

	for (i = from; i < l->waits && i < from + 64; i++) {
		const struct span *s = wait_at(m, l, i);

		if (s->start_ns >= start && s->start_ns + CLOCK_SLACK_NS < end &&
		    s->owner != MODEL_NONE && s->owner != thread && s->thread != s->owner)
			return true;
	}
	return false;
}

static void set_start(struct hold *h, uint64_t start, enum hold_start quality)
{
	h->start_ns = start < h->end_ns ? start : h->end_ns;
	h->quality = (uint8_t)quality;
	if (quality != HOLD_EXACT)
		h->acq_stack = 0;
}

/* PREV: when the lock was given back before, 0 = not known. SEG: who waited around the release. */
static void mutex_start(const struct model *m, const struct lock *l, struct work *w, struct hold *h,
			const struct hold *prev, const struct segment *seg)
{
	uint64_t prev_ns = prev ? prev->end_ns : 0, taken = h->start_ns;
	uint64_t from = seg && seg->start > m->sure_ns ? seg->start : m->sure_ns;
	bool covered = seg && seg->start <= h->end_ns && from <= h->end_ns;

	if (h->quality == HOLD_EXACT) {
		set_start(h, taken > prev_ns ? taken : prev_ns, HOLD_EXACT);
		return;
	}
	if (covered && taken && taken + CLOCK_SLACK_NS >= from &&
	    taken + CLOCK_SLACK_NS >= prev_ns) {
		set_start(h, taken > prev_ns ? taken : prev_ns, HOLD_EXACT);
	} else if (covered && from > prev_ns && !taken_between(m, l, w, h, from) &&
		   !other_owner(m, l, w, h->thread, from, h->end_ns)) {
		uint64_t start = blocked_since(m, h->thread, h->lock, from);

		set_start(h, start > prev_ns ? start : prev_ns, HOLD_AT_LEAST);
	} else if (covered && from <= prev_ns && prev && prev->thread == h->thread &&
		   !taken_between(m, l, w, h, prev_ns)) {
		set_start(h, prev_ns, HOLD_ABOUT);
	} else {
		set_start(h, h->end_ns, HOLD_UNKNOWN);
	}
}

/* Readers share: only an owner that a waiter saw proves how long a holder had it. */
static void rwlock_start(const struct model *m, const struct lock *l, struct work *w,
			 struct hold *h, uint64_t prev_ns)
{
	uint64_t taken = h->start_ns, start = h->end_ns;
	uint32_t i;

	if (h->quality == HOLD_EXACT)
		return;
	if (prev_ns < m->sure_ns)
		prev_ns = m->sure_ns;
	for (i = ends_below(l, w, prev_ns); i < l->waits; i++) {
		const struct span *s = wait_at(m, l, i);

		if (s->owner == h->thread && s->start_ns >= prev_ns && s->start_ns < start)
			start = s->start_ns;
		if (s->end_ns > h->end_ns + l->max_wait_ns)
			break;
	}
	if (taken && taken <= start && taken >= prev_ns && start < h->end_ns)
		set_start(h, start, HOLD_AT_LEAST);
	else if (start < h->end_ns)
		set_start(h, blocked_since(m, h->thread, h->lock, start), HOLD_AT_LEAST);
	else
		set_start(h, start, HOLD_UNKNOWN);
}

/* A later time than the true one only makes what is known of a hold shorter. */
#define BACK_MAX 1024u

static uint64_t own_release_before(const struct model *m, const struct lock *l, uint32_t i)
{
	const struct hold *h = &m->holds[l->first_hold + i];
	uint32_t k;

	for (k = 1; k <= i; k++) {
		if (h[-(int64_t)k].thread == h->thread || k == BACK_MAX)
			return h[-(int64_t)k].end_ns;
	}
	return 0;
}

static void count_hold(struct lock *l, const struct hold *h)
{
	uint64_t ns = h->end_ns - h->start_ns;

	if (!h->counted)
		l->holds++;
	if (h->quality >= HOLD_AT_LEAST && ns > l->max_hold_ns)
		l->max_hold_ns = ns;
}

static void lock_starts(struct model *m, struct lock *l, struct work *w)
{
	const struct segment *seg = w->seg, *seg_end = w->seg + w->n_seg;
	uint32_t i;

	for (i = 0; i < l->n_holds; i++) {
		struct hold *h = &m->holds[l->first_hold + i];

		if (h->open)
			h->thread = l->owner;
		if (h->thread == MODEL_NONE)
			continue;
		while (seg < seg_end && seg->end + CLOCK_SLACK_NS < h->end_ns)
			seg++;
		if (l->kind == FR_HELD_MUTEX || l->kind == FR_HELD_SPIN)
			mutex_start(m, l, w, h, i ? h - 1 : NULL, seg < seg_end ? seg : NULL);
		else
			rwlock_start(m, l, w, h, own_release_before(m, l, i));
	}
}

/* What the holds HOLDS[0..N) of L cost; returns the sum. */
static uint64_t charge(struct lock *l, const struct work *w, struct hold *holds, size_t n)
{
	struct hint from = {0}, to = {0};
	uint64_t blamed = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		struct hold *h = &holds[i];

		if (h->thread == MODEL_NONE)
			continue;
		h->inflicted_ns =
			waited_until(l, w, h->end_ns, &to) - waited_until(l, w, h->start_ns, &from);
		blamed += h->inflicted_ns;
		count_hold(l, h);
	}
	return blamed;
}

static void set_waker(struct span *s, const struct hold *h)
{
	if (h->thread == s->thread)
		return;
	s->waker = h->thread;
	s->waker_event = h->event;
}

/* The release that let a waiter go: the last one before its end. */
static void find_wakers(struct model *m, const struct lock *l)
{
	uint32_t i, k = 0;

	for (i = 0; i < l->waits; i++) {
		struct span *s = &m->spans[m->lock_waits[l->first_wait + i]];

		if (s->flags & SPAN_OPEN)
			break;
		if (s->flags & SPAN_FAILED)
			continue;
		while (k < l->n_holds &&
		       m->holds[l->first_hold + k].end_ns <= s->end_ns + CLOCK_SLACK_NS)
			k++;
		if (k && m->holds[l->first_hold + k - 1].end_ns >= s->start_ns)
			set_waker(s, &m->holds[l->first_hold + k - 1]);
	}
}

/*
 * Released while somebody waited, but no wait was kept: only level full knows the start. Whoever
 * gave back what another thread had, has not held it at all.
 */
static void no_waits(struct model *m, const struct lock *l)
{
	uint32_t i;

	for (i = 0; i < l->n_holds; i++) {
		struct hold *h = &m->holds[l->first_hold + i];

		if (h->quality != HOLD_EXACT || l->is_passed)
			set_start(h, h->end_ns, HOLD_UNKNOWN);
	}
}

static void one_lock(struct build *b, struct lock *l, struct work *w, struct witnessed *seen)
{
	struct model *m = b->m;
	size_t before = seen->n;
	uint64_t blamed;

	w->asked = 0;
	gather(m, l, w);
	wait_totals(m, l, w);
	prepare(l, w);
	if (l->is_passed) {
		no_waits(m, l);
	} else {
		lock_starts(m, l, w);
		fr_build_witness(m, l, seen);
	}
	blamed = charge(l, w, &m->holds[l->first_hold], l->n_holds);
	if (seen->n > before)
		blamed += charge(l, w, &seen->holds[before], seen->n - before);
	l->handoff_ns = l->wait_ns > blamed ? l->wait_ns - blamed : 0;
	find_wakers(m, l);
}

static void work_alloc(struct work *w, size_t most)
{
	w->starts = fr_mem_array(most + 1, sizeof(*w->starts));
	w->ends = fr_mem_array(most + 1, sizeof(*w->ends));
	w->start_sum = fr_mem_array(most + 1, sizeof(*w->start_sum));
	w->end_sum = fr_mem_array(most + 1, sizeof(*w->end_sum));
	w->seg = fr_mem_array(most + 1, sizeof(*w->seg));
	w->start_sum[0] = w->end_sum[0] = 0;
}

static void work_free(struct work *w)
{
	free(w->starts);
	free(w->ends);
	free(w->start_sum);
	free(w->end_sum);
	free(w->seg);
}

void fr_build_holds(struct build *b)
{
	struct model *m = b->m;
	struct witnessed seen = {0};
	struct work w;
	size_t i, most = 0;

	for (i = 0; i < m->n_locks; i++)
		most = m->locks[i].waits > most ? m->locks[i].waits : most;
	work_alloc(&w, most);
	for (i = 0; i < m->n_locks; i++) {
		if (m->locks[i].waits)
			one_lock(b, &m->locks[i], &w, &seen);
		else
			no_waits(m, &m->locks[i]);
	}
	for (i = 0; i < seen.n; i++)
		*fr_build_hold(b) = seen.holds[i];
	if (seen.n)
		fr_build_index_holds(b);
	free(seen.holds);
	work_free(&w);
}
