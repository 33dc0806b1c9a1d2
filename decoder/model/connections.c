/* SPDX-License-Identifier: MIT */
/*
 * connections.c - connections of which this process has both ends.
 *
 * TCP: both ends have told the same link, made of both addresses; no other connection has it.
 *
 * UNIX: a client has no name, and the link is that of the listener alone. Its queue is in the order
 * of the connects; an accept takes the head. So once the queue is known to be empty (it was just
 * made, or an accept found nothing), each accept of one of our own connects (the link says that
 * it is) belongs to the oldest. Where two connects or two accepts were made at once, or where
 * another process may have accepted, it is not known which belongs to which: they are counted off
 * against each other, and nothing is joined. An event that shows this may come late: then what was
 * said is taken back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/search.h"
#include "model/flow.h"

#define QUEUED 32u

/* A connect or an accept. */
struct half {
	uint64_t began;
	uint64_t ended;
	uint64_t event;
	uint32_t sock;
	uint32_t thread;
	uint32_t polled; /* accept: the wait for the listener before it, as index + 1 */
	bool unsure;
};

struct joined {
	struct half c, a;
	bool said; /* it was sure */
	uint64_t until; /* the latest end of this and of all accepts that were joined before */
};

/* TCP: what is known of a link. */
struct link {
	struct half c, a; /* event 0 = not seen */
};

/*
 * UNIX: connects to one name and accepts there that do not belong to each other yet, and those that
 * do: an event which comes later can still make them unsure.
 */
struct queue {
	struct half c[QUEUED], a[QUEUED];
	uint32_t n_c, n_a;
	struct joined *joined; /* in the order of joining */
	size_t n_joined;
	size_t cap_joined;
	uint32_t listener;
	uint64_t steps; /* through those that are joined */
	uint64_t joins; /* of all its listeners */
	bool hopeless; /* several listeners of that name, or a crowd: nothing is joined any more */
};

/* Can nobody else accept there? It began to listen here, and no child has been forked since. */
static bool is_ours(const struct build *b, uint32_t listener)
{
	const struct sock *l = &b->m->socks[listener];

	return l->listened && (!b->forked_ns || b->forked_ns < l->start_ns);
}

static struct half half_of(const struct event *e, uint32_t sock, uint64_t dur)
{
	return (struct half){.began = e->t_ns - (dur < e->t_ns ? dur : e->t_ns),
			     .ended = e->t_ns,
			     .event = e->id,
			     .sock = sock,
			     .thread = e->thread};
}

/* ---- joining --------------------------------------------------------------------------------- */

static bool is_earlier(const void *span, const void *event)
{
	return ((const struct span *)span)->event < *(const uint64_t *)event;
}

static struct span *span_of_event(struct build *b, uint64_t event)
{
	struct span *spans = b->m->spans;
	size_t n = b->m->n_spans;
	size_t i = fr_search(spans, n, sizeof(*spans), is_earlier, &event);

	return i < n && spans[i].event == event ? &spans[i] : NULL;
}

static void wake(struct span *s, const struct half *c)
{
	if (!s || s->thread == c->thread || c->began + CLOCK_SLACK_NS < s->start_ns)
		return;
	s->waker = c->thread;
	s->waker_event = c->event;
}

static void unwake(struct span *s, uint64_t event)
{
	if (!s || s->waker_event != event)
		return;
	s->waker = MODEL_NONE;
	s->waker_event = 0;
}

static void join(struct build *b, const struct half *c, const struct half *a)
{
	wake(span_of_event(b, a->event), c);
	if (a->polled)
		wake(&b->m->spans[a->polled - 1], c);
	if (!fr_sock_alive(b, c->sock) || !fr_sock_alive(b, a->sock))
		return;
	b->m->socks[c->sock].other_end = a->sock;
	b->m->socks[a->sock].other_end = c->sock;
}

static void part(struct build *b, const struct joined *j)
{
	unwake(span_of_event(b, j->a.event), j->c.event);
	if (j->a.polled)
		unwake(&b->m->spans[j->a.polled - 1], j->c.event);
	if (b->m->socks[j->c.sock].other_end != j->a.sock)
		return;
	b->m->socks[j->c.sock].other_end = MODEL_NONE;
	b->m->socks[j->a.sock].other_end = MODEL_NONE;
	fr_flow_unwake(b, j->c.sock, j->c.began);
	fr_flow_unwake(b, j->a.sock, j->c.began);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static struct link *link_of(struct build *b, uint64_t id)
{
	bool is_new;
	uint32_t *at = fr_map_slot(&b->link_by_id, id, &is_new);

	if (is_new) {
		b->links = fr_mem_grow(b->links, &b->cap_links, b->n_links + 1, sizeof(*b->links));
		*at = (uint32_t)b->n_links++;
	}
	return &b->links[*at];
}

/* Ports are used again: what was before this connect is another connection. */
static void tcp_join(struct build *b, struct link *l)
{
	if (!l->c.event || !l->a.event || l->a.ended + CLOCK_SLACK_NS < l->c.began ||
	    !fr_sock_alive(b, l->c.sock))
		return;
	join(b, &l->c, &l->a);
	memset(l, 0, sizeof(*l));
}

/* ---- UNIX ------------------------------------------------------------------------------------ */

static struct queue *queue_of(struct build *b, uint64_t id)
{
	bool is_new;
	uint32_t *at = fr_map_slot(&b->queue_by_id, id, &is_new);

	if (is_new) {
		b->queues =
			fr_mem_grow(b->queues, &b->cap_queues, b->n_queues + 1, sizeof(*b->queues));
		b->queues[b->n_queues].listener = MODEL_NONE;
		*at = (uint32_t)b->n_queues++;
	}
	return &b->queues[*at];
}

/* COUNT from FIRST on, in LIST of *N. */
static void forget(struct half *first, uint32_t *n, const struct half *list, uint32_t count)
{
	*n -= count;
	memmove(first, first + count, (size_t)(list + *n - first) * sizeof(*first));
}

static void doubt(struct build *b, struct joined *j)
{
	if (j->said)
		part(b, j);
	j->said = false;
}

/*
 * An event is compared with the few that happened at the same time. Where those are hundreds each
 * time, nothing can be told, and a made-up file must not take for ever.
 */
static bool is_crowd(const struct queue *q)
{
	return q->steps > 100000 + 256 * q->joins;
}

static void give_up(struct build *b, struct queue *q)
{
	for (size_t i = 0; i < q->n_joined; i++)
		doubt(b, &q->joined[i]);
	q->n_joined = 0;
	q->n_a = q->n_c = 0;
	q->hopeless = true;
}

/* The one joined before J, or the last one if J is NULL, as long as accepts end after NS. */
static struct joined *before(struct queue *q, struct joined *j, uint64_t ns)
{
	q->steps++;
	if (is_crowd(q))
		return NULL;
	if (!j)
		j = q->joined + q->n_joined;
	return j > q->joined && j[-1].until + CLOCK_SLACK_NS >= ns ? j - 1 : NULL;
}

static bool may_take(const struct half *a, const struct half *c)
{
	return c->began <= a->ended + CLOCK_SLACK_NS;
}

static bool at_once(const struct half *a, const struct half *b)
{
	return a->began <= b->ended + CLOCK_SLACK_NS && b->began <= a->ended + CLOCK_SLACK_NS;
}

static bool has_company(struct queue *q, const struct half *a)
{
	uint32_t n = 0;

	for (struct joined *j = before(q, NULL, a->began); j; j = before(q, j, a->began))
		n += at_once(a, &j->a);
	for (uint32_t i = 0; i < q->n_a; i++)
		n += at_once(a, &q->a[i]);
	return n > 1; /* one is itself */
}

/*
 * C has been seen late: an accept that was joined with another connect may have taken it, be it
 * that C was before that one, or that another accept at the same time took that one.
 */
static void seen_late(struct build *b, struct queue *q, struct half *c)
{
	for (struct joined *j = before(q, NULL, c->began); j; j = before(q, j, c->began)) {
		if (!may_take(&j->a, c) ||
		    (c->began > j->c.ended && is_ours(b, q->listener) && !has_company(q, &j->a)))
			continue;
		c->unsure = true;
		doubt(b, j);
	}
}

/* Two accepts at once, and a second connect in time: which of them got which? */
static bool raced(struct build *b, struct queue *q, const struct half *a, const struct half *c)
{
	bool out = false;
	uint64_t next = c->unsure ? 0 : c->began;

	for (uint32_t i = 0; i < q->n_c; i++)
		if (q->c[i].began < next)
			next = q->c[i].began;
	for (struct joined *j = before(q, NULL, a->began); j; j = before(q, j, a->began)) {
		if (at_once(a, &j->a) && next <= j->a.ended + CLOCK_SLACK_NS) {
			doubt(b, j);
			out = true;
		}
		if (j->c.began < next || j->c.unsure)
			next = j->c.unsure ? 0 : j->c.began;
	}
	return out;
}

/* Is C, which A may have taken, the only one, or before all others? Else they are unsure too. */
static bool is_first(const struct build *b, struct queue *q, const struct half *a,
		     const struct half *c)
{
	bool sure = true;

	for (uint32_t i = 0; i < q->n_c; i++) {
		struct half *other = &q->c[i];

		if (other == c || !may_take(a, other) ||
		    (other->began > c->ended && is_ours(b, q->listener)))
			continue;
		other->unsure = true;
		sure = false;
	}
	for (uint32_t i = 0; i < q->n_a; i++) {
		struct half *other = &q->a[i];

		if (other == a || !may_take(other, c))
			continue;
		other->unsure = true;
		sure = false;
	}
	return sure && !a->unsure && !c->unsure;
}

static void match(struct build *b, struct queue *q, uint32_t a, uint32_t c)
{
	struct joined new = {.c = q->c[c], .a = q->a[a], .until = q->a[a].ended};

	new.said = is_first(b, q, &q->a[a], &q->c[c]);
	forget(q->c + c, &q->n_c, q->c, 1);
	forget(q->a + a, &q->n_a, q->a, 1);
	new.c.unsure = !new.said;
	if (raced(b, q, &new.a, &new.c))
		new.said = false;
	if (q->n_joined && q->joined[q->n_joined - 1].until > new.until)
		new.until = q->joined[q->n_joined - 1].until;
	q->joined = fr_mem_grow(q->joined, &q->cap_joined, q->n_joined + 1, sizeof(new));
	q->joined[q->n_joined++] = new;
	q->joins++;
	if (new.said)
		join(b, &new.c, &new.a);
}

/* An accept that no connect fits waits for one that has not been seen yet. */
static void settle(struct build *b, struct queue *q)
{
	for (uint32_t a = 0; a < q->n_a; a++)
		for (uint32_t c = 0; c < q->n_c; c++)
			if (may_take(&q->a[a], &q->c[c])) {
				match(b, q, a, c);
				a = ~0u;
				break;
			}
}

static void lose(struct build *b, struct queue *q)
{
	q->n_a = q->n_c = 0;
	if (q->listener != MODEL_NONE)
		b->m->socks[q->listener].empty_ns = 0;
}

static void unix_connect(struct build *b, struct queue *q, struct half *c)
{
	if (q->n_c == QUEUED)
		lose(b, q);
	if (q->listener != MODEL_NONE)
		seen_late(b, q, c);
	q->c[q->n_c++] = *c;
	settle(b, q);
	if (is_crowd(q))
		give_up(b, q);
}

static void listener_is(struct build *b, struct queue *q, uint32_t listener)
{
	if (q->listener == listener)
		return;
	q->hopeless |= fr_sock_alive(b, q->listener);
	q->listener = listener;
	q->n_a = 0;
	q->n_joined = 0;
}

static void unix_accept(struct build *b, struct queue *q, uint32_t listener, const struct half *a)
{
	uint32_t gone = 0;

	listener_is(b, q, listener);
	if (q->hopeless || !b->m->socks[listener].empty_ns)
		return;
	while (gone < q->n_c && q->c[gone].ended < b->m->socks[listener].empty_ns)
		gone++;
	forget(q->c, &q->n_c, q->c, gone);
	if (q->n_a == QUEUED)
		forget(q->a, &q->n_a, q->a, 1);
	q->a[q->n_a++] = *a;
	settle(b, q);
	if (is_crowd(q))
		give_up(b, q);
}

void fr_connections_free(struct build *b)
{
	for (size_t i = 0; i < b->n_queues; i++)
		free(b->queues[i].joined);
	free(b->queues);
	free(b->links);
	fr_map_free(&b->queue_by_id);
	fr_map_free(&b->link_by_id);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_unix(const struct event *e, uint64_t len)
{
	return e->blob && len >= 2 && e->blob[0] == 1 && !e->blob[1]; /* AF_UNIX, little endian */
}

/* A connect that goes on has its port already; UNIX ones never do. */
void fr_connections_connect(struct build *b, const struct event *e, uint32_t sock)
{
	struct half c = half_of(e, fr_sock_first(b, sock), e->arg[FR_A(NET_CONNECT, dur)]);
	uint64_t id = e->arg[FR_A(NET_CONNECT, link)];

	if (!id || b->m->socks[c.sock].other_end != MODEL_NONE)
		return;
	if (is_unix(e, e->arg[FR_A(NET_CONNECT, peer)])) {
		if (!e->arg[FR_A(NET_CONNECT, err)])
			unix_connect(b, queue_of(b, id), &c);
		return;
	}
	link_of(b, id)->c = c;
	tcp_join(b, link_of(b, id));
}

#define AGAIN 11u

void fr_connections_accept(struct build *b, const struct event *e, uint32_t listener, uint32_t sock)
{
	struct sock *l = &b->m->socks[listener];
	struct half a = half_of(e, sock, e->arg[FR_A(NET_ACCEPT, dur)]);
	uint64_t id = e->arg[FR_A(NET_ACCEPT, link)];

	if (e->arg[FR_A(NET_ACCEPT, err)] == AGAIN && a.began >= b->m->sure_ns)
		l->empty_ns = a.began;
	if (sock == MODEL_NONE)
		return;
	if (l->polled && b->m->spans[l->polled - 1].thread == e->thread && is_ours(b, listener))
		a.polled = l->polled;
	l->polled = 0;
	if (!id)
		return;
	if (is_unix(e, e->arg[FR_A(NET_ACCEPT, peer)])) {
		unix_accept(b, queue_of(b, id), listener, &a);
		return;
	}
	link_of(b, id)->a = a;
	tcp_join(b, link_of(b, id));
}

void fr_connections_listen(struct build *b, const struct event *e, uint32_t listener)
{
	struct sock *l = &b->m->socks[listener];

	if (!l->listened && l->role != SOCK_LISTENER && e->t_ns >= b->m->sure_ns)
		l->empty_ns = e->t_ns;
	l->listened = true;
}
