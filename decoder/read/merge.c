/* SPDX-License-Identifier: MIT */
/*
 * merge.c - all lanes as one stream in time order.
 *
 * A binary heap holds the next event's time of every lane but the current one; the current lane
 * goes on while it is not later than the heap's top, which is the usual case, because threads run
 * in bursts. Equal times: lower lane first, that is lower thread, rare tier before dense.
 *
 * A thread that seems to take a mutex before its holder has released it is put off (order.h): its
 * event waits in its lane and is tried again after each event of the others.
 *
 * Owns its cursors; reads the recording, which may serve many streams at once. Never holds more
 * than one event a lane.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "read/decode.h"
#include "read/order.h"

struct entry {
	uint64_t t;
	uint32_t lane;
};

/* An event that was put off; the time of its lane is still its own. */
struct waiting {
	bool is;
	uint64_t tried; /* s->id when it was last tried */
	struct event e;
};

struct stream {
	const struct recording *rec;
	size_t (*turn)(struct stream *s, struct event *out, size_t room);
	const struct schema *schema;
	const struct clock *clock;
	uint64_t mean;
	struct clock_segment segment; /* the present one */
	size_t n_segment;
	uint64_t segment_end; /* ticks */
	uint64_t id;
	uint64_t t; /* ticks of the event given last */
	uint32_t current; /* lane, valid if more */
	bool more;
	struct entry *heap;
	size_t n;
	struct lane_cursor *lanes;
	struct waiting *waiting; /* by lane */
	struct holder holders[ORDER_SLOTS];
};

static inline bool before(const struct entry *a, const struct entry *b)
{
	return a->t != b->t ? a->t < b->t : a->lane < b->lane;
}

static void sift_down(struct stream *s, size_t at)
{
	struct entry e = s->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= s->n)
			break;
		if (child + 1 < s->n && before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &e))
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = e;
}

/* Takes the top lane as the current one; what comes into its place is the caller's business. */
static void heap_pop(struct stream *s)
{
	s->more = s->n > 0;
	if (!s->more)
		return;
	s->current = s->heap[0].lane;
	s->heap[0] = s->heap[--s->n];
	if (s->n)
		sift_down(s, 0);
}

/* The current lane's turn is over: exchange it, now at time T, for the top of the heap. */
static void give_way(struct stream *s, uint64_t t)
{
	struct entry e = {t, s->current};

	s->current = s->heap[0].lane;
	s->heap[0] = e;
	sift_down(s, 0);
}

static void set_segment(struct stream *s, size_t i)
{
	s->n_segment = i;
	s->segment = s->clock->segments[i];
	s->segment_end = i + 1 < s->clock->n ? s->clock->segments[i + 1].t0 : UINT64_MAX;
}

/*
 * Lets the lane on top go first, if the current one's event E would have to wait for it no longer
 * than clocks can err. Not if nothing has come since the last try: two threads would wait for
 * each other for ever. Not behind the same thread's other lane: its own order is never touched.
 */
static inline __attribute__((always_inline)) bool put_off(struct stream *s, const struct event *e)
{
	struct waiting *w = &s->waiting[s->current];
	struct entry top, mine = {0, s->current};

	if (!s->n || w->tried == s->id)
		return false;
	top = s->heap[0];
	mine.t = top.t;
	if (s->lanes[top.lane].thread == e->thread ||
	    fr_clock_scale(top.t - s->lanes[s->current].place.t, s->mean) > ORDER_SKEW_NS)
		return false;
	*w = (struct waiting){.is = true, .tried = s->id, .e = *e};
	s->current = top.lane;
	s->heap[0] = mine;
	sift_down(s, 0);
	return true;
}

/* An event that was put off is its lane's next one: the first of a turn. */
static bool take_put_off(struct stream *s, struct event *e)
{
	struct waiting *w = &s->waiting[s->current];
	bool was = w->is;

	if (was)
		*e = w->e;
	w->is = false;
	return was;
}

/* E is the next event of the stream: its place and its time. */
static inline void put(struct stream *s, uint64_t t, struct event *e)
{
	if (t > s->t)
		s->t = t;
	while (__builtin_expect(s->t >= s->segment_end, 0) && s->n_segment + 1 < s->clock->n)
		set_segment(s, s->n_segment + 1);
	e->id = ++s->id;
	e->t_ns = fr_clock_ns(&s->segment, s->t);
}

/*
 * Events of the current lane, at most ROOM of them, for as long as it comes before all others.
 * MOVED: see lane_take().
 */
static inline __attribute__((always_inline)) size_t turn_of(struct stream *s, struct event *out,
							    size_t room, bool moved)
{
	const struct schema *schema = s->schema;
	const uint64_t mean = s->mean;
	const struct entry top = s->n ? s->heap[0] : (struct entry){UINT64_MAX, UINT32_MAX};
	const bool first = s->current < top.lane;
	struct lane_cursor *l = &s->lanes[s->current];
	struct lane_place p = l->place;
	struct event *e = out, *const end = out + room;
	bool taken = take_put_off(s, e);

	do {
		if (__builtin_expect(!taken, 1))
			lane_take(l, &p, schema, mean, moved, e);
		taken = false;
		if (order_concerns(e)) {
			if (__builtin_expect(order_too_early(s->holders, e), 0)) {
				l->place = p;
				if (put_off(s, e))
					return (size_t)(e - out);
			}
			order_note(s->holders, e);
		}
		put(s, p.t, e++);
		if (__builtin_expect(p.at == p.end, 0)) {
			l->place = p;
			if (!lane_open_chunk(l)) {
				heap_pop(s);
				return (size_t)(e - out);
			}
			p = l->place;
		}
		lane_peek(&p);
	} while ((p.t < top.t || (p.t == top.t && first)) && e < end);
	l->place = p;
	if (p.t > top.t || (p.t == top.t && !first))
		give_way(s, p.t);
	return (size_t)(e - out);
}

static size_t turn(struct stream *s, struct event *out, size_t room)
{
	return turn_of(s, out, room, false);
}

static size_t turn_moved(struct stream *s, struct event *out, size_t room)
{
	return turn_of(s, out, room, true);
}

struct stream *fr_stream_open(const struct recording *rec)
{
	const struct recording_impl *impl = rec->impl;
	struct stream *s = fr_mem_alloc(sizeof(*s));

	s->rec = rec;
	s->schema = &impl->schema;
	s->turn = s->schema->moved ? turn_moved : turn;
	s->clock = &impl->clock;
	s->mean = impl->clock.mean;
	set_segment(s, 0);
	s->lanes = fr_mem_alloc(impl->n_lanes * sizeof(*s->lanes));
	s->waiting = fr_mem_alloc(impl->n_lanes * sizeof(*s->waiting));
	s->heap = fr_mem_alloc(impl->n_lanes * sizeof(*s->heap));
	for (size_t i = 0; i < impl->n_lanes; i++) {
		struct lane_cursor *l = &s->lanes[i];

		l->chunk = impl->lanes[i].chunks;
		l->last_chunk = l->chunk + impl->lanes[i].n;
		l->thread = l->chunk->thread;
		l->tier = l->chunk->tier;
		if (!lane_open_chunk(l))
			continue;
		lane_peek(&l->place);
		s->heap[s->n++] = (struct entry){l->place.t, (uint32_t)i};
	}
	for (size_t i = s->n / 2; i-- > 0;)
		sift_down(s, i);
	heap_pop(s);
	return s;
}

size_t fr_stream_fill(struct stream *s, struct event *out, size_t room)
{
	size_t n = 0;

	while (s->more && n < room)
		n += s->turn(s, out + n, room - n);
	if (s->rec->impl->places.needed)
		fr_depot_settle(s->rec, out, n);
	return n;
}

bool fr_stream_next(struct stream *s, struct event *e)
{
	return fr_stream_fill(s, e, 1) == 1;
}

void fr_stream_close(struct stream *s)
{
	if (!s)
		return;
	free(s->lanes);
	free(s->waiting);
	free(s->heap);
	free(s);
}
