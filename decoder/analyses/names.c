/* SPDX-License-Identifier: MIT */
/*
 * names.c - words for objects. Names of locks and classes are looked up once and kept.
 */
#include "analyses/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sbuf.h"
#include "base/sockaddr.h"
#include "base/units.h"

struct names {
	const struct model *m;
	struct symbols *sy;
	struct arena arena;
	const char **lock_symbol; /* by lock; "" = looked up, has none */
	const char **lock_class; /* by lock, NULL = not asked yet */
	const char **classes; /* distinct ones */
	size_t n_classes;
	size_t cap_classes;
};

struct names *fr_names_open(const struct model *m, struct symbols *sy)
{
	struct names *n = fr_mem_alloc(sizeof(*n));

	n->m = m;
	n->sy = sy;
	n->lock_symbol = fr_mem_alloc((m->n_locks + 1) * sizeof(*n->lock_symbol));
	n->lock_class = fr_mem_alloc((m->n_locks + 1) * sizeof(*n->lock_class));
	return n;
}

void fr_names_close(struct names *n)
{
	if (!n)
		return;
	fr_arena_free(&n->arena);
	free(n->lock_symbol);
	free(n->lock_class);
	free(n->classes);
	free(n);
}

const struct model *fr_names_model(const struct names *n)
{
	return n->m;
}

struct symbols *fr_names_symbols(struct names *n)
{
	return n->sy;
}

static const char *keep(struct names *n, struct sbuf *b)
{
	const char *s = fr_arena_strdup(&n->arena, fr_sbuf_cstr(b));

	fr_sbuf_free(b);
	return s;
}

const char *fr_name_fmt(struct names *n, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	const char *kept;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	kept = s ? fr_arena_strdup(&n->arena, s) : "?";
	free(s);
	return kept;
}

const char *fr_name_ns(struct names *n, uint64_t ns)
{
	char buf[FR_UNITS_LEN];

	return fr_arena_strdup(&n->arena, fr_units_ns(buf, ns));
}

const char *fr_name_count(struct names *n, uint64_t count, const char *what)
{
	return fr_name_fmt(n, "%llu %s%s", (unsigned long long)count, what, count == 1 ? "" : "s");
}

const char *fr_name_thread(struct names *n, uint32_t thread)
{
	const struct thread *t;
	struct sbuf b = {0};

	if (thread == MODEL_NONE || thread >= n->m->n_threads)
		return "an unknown thread";
	t = &n->m->threads[thread];
	fr_sbuf_fmt(&b, "T%u", t->serial);
	if (t->rec->name[0]) {
		fr_sbuf_char(&b, ' ');
		fr_sbuf_text(&b, t->rec->name, strlen(t->rec->name));
	}
	return keep(n, &b);
}

const char *fr_name_thread_tid(struct names *n, uint32_t thread)
{
	if (thread == MODEL_NONE || thread >= n->m->n_threads)
		return fr_name_thread(n, thread);
	return fr_name_fmt(n, "%s (tid %u)", fr_name_thread(n, thread), n->m->threads[thread].tid);
}

/* ---- locks ----------------------------------------------------------------------------------- */

const char *fr_name_lock_symbol(struct names *n, uint32_t lock)
{
	const char *s;
	struct sbuf b = {0};

	if (!n->lock_symbol[lock]) {
		s = fr_symbols_data(n->sy, n->m->locks[lock].addr);
		if (s)
			fr_sbuf_text(&b, s, strlen(s));
		n->lock_symbol[lock] = keep(n, &b);
	}
	return n->lock_symbol[lock][0] ? n->lock_symbol[lock] : NULL;
}

const char *fr_name_lock(struct names *n, uint32_t lock)
{
	const struct lock *l;
	const char *symbol;

	if (lock == MODEL_NONE)
		return "an unknown lock";
	l = &n->m->locks[lock];
	symbol = fr_name_lock_symbol(n, lock);
	if (symbol)
		return symbol;
	return fr_name_fmt(n, "L%u (0x%llx)", l->handle, (unsigned long long)l->addr);
}

static const char *sync_kind(uint8_t kind)
{
	switch (kind) {
	case SPAN_SEM:
		return "semaphore";
	case SPAN_BARRIER:
		return "barrier";
	case SPAN_ONCE:
		return "once";
	case SPAN_FUTEX:
		return "futex";
	}
	return "condition";
}

const char *fr_name_lock_kind(const struct model *m, uint32_t lock)
{
	if (lock == MODEL_NONE)
		return "lock";
	if (m->locks[lock].futex)
		return fr_known_words(m->locks[lock].known);
	if (m->locks[lock].is_cond)
		return sync_kind(m->locks[lock].sync);
	switch (m->locks[lock].kind) {
	case FR_HELD_RDLOCK:
	case FR_HELD_WRLOCK:
		return "rwlock";
	case FR_HELD_SPIN:
		return "spinlock";
	}
	return "mutex";
}

/* The symbol without what tells instances apart: array indices and offsets. */
static const char *class_text(struct names *n, const char *symbol)
{
	struct sbuf b = {0};
	bool inside = false;

	for (; *symbol; symbol++) {
		if (*symbol == ']' || *symbol == '+')
			inside = false;
		if (*symbol == '+')
			break;
		if (!inside)
			fr_sbuf_char(&b, *symbol);
		if (*symbol == '[')
			inside = true;
	}
	return keep(n, &b);
}

static const char *intern_class(struct names *n, const char *text)
{
	size_t i;

	for (i = 0; i < n->n_classes; i++) {
		if (!strcmp(n->classes[i], text))
			return n->classes[i];
	}
	n->classes =
		fr_mem_grow(n->classes, &n->cap_classes, n->n_classes + 1, sizeof(*n->classes));
	n->classes[n->n_classes++] = text;
	return text;
}

const char *fr_name_class(struct names *n, uint32_t lock)
{
	const char *symbol;

	if (n->lock_class[lock])
		return n->lock_class[lock];
	symbol = fr_name_lock_symbol(n, lock);
	n->lock_class[lock] =
		intern_class(n, symbol ? class_text(n, symbol) : fr_name_lock_kind(n->m, lock));
	return n->lock_class[lock];
}

/* ---- waits ----------------------------------------------------------------------------------- */

const char *fr_name_peer(struct names *n, uint32_t sock)
{
	const struct sock *s;
	struct sbuf b = {0};

	if (sock == MODEL_NONE)
		return NULL;
	s = &n->m->socks[sock];
	fr_sockaddr_text(&b, s->peer, s->peer_len);
	if (!b.n) {
		fr_sbuf_free(&b);
		return NULL;
	}
	return keep(n, &b);
}

/* Of a long path the end tells more than the beginning. */
#define PATH_SHOWN 40u

const char *fr_name_fd(struct names *n, uint32_t sock)
{
	const struct sock *s = &n->m->socks[sock];
	uint32_t cut = s->path_len > PATH_SHOWN ? s->path_len - PATH_SHOWN : 0;
	struct sbuf b = {0};

	while (cut && cut < s->path_len && (s->path[cut] & 0xc0) == 0x80)
		cut++; /* not within a character of UTF-8 */
	fr_sbuf_fmt(&b, "fd %d", s->fd);
	if (s->path_len) {
		fr_sbuf_str(&b, cut || s->path_cut ? " (..." : " (");
		fr_sbuf_text(&b, s->path + cut, s->path_len - cut);
		fr_sbuf_str(&b, ")");
	}
	return keep(n, &b);
}

static const char *preposition(unsigned int kind)
{
	switch (kind) {
	case SPAN_RECV:
		return "from";
	case SPAN_SEND:
	case SPAN_CONNECT:
	case SPAN_CONNECTING:
		return "to";
	case SPAN_TLS:
		return "with";
	}
	return "on";
}

const struct known *fr_name_primitive(struct names *n, const struct span *s)
{
	if (!fr_span_is(s, 1u << SPAN_FUTEX | 1u << SPAN_FUTEX_LOCK | 1u << SPAN_COND |
				   1u << SPAN_SEM))
		return NULL;
	return fr_known_stack(n->sy, s->stack);
}

bool fr_name_is_idle(struct names *n, const struct span *s)
{
	const struct known *k = fr_name_primitive(n, s);

	if (s->kind == SPAN_FUTEX)
		return k && k->what == KNOWN_WORK;
	return fr_span_is(s, 1u << SPAN_COND | 1u << SPAN_SEM) && (!k || k->what == KNOWN_WORK);
}

const char *fr_name_given_back(struct names *n, uint32_t lock)
{
	const struct hold *h = fr_model_last_release(n->m, lock);
	const struct lock *l = &n->m->locks[lock];

	if (!l->futex)
		return "";
	if (!h || fr_known_is_parked(l->known))
		return ", its holder is not known";
	return fr_name_fmt(n, ", last given back by %s %s ago, its holder is not known",
			   fr_name_thread(n, h->thread), fr_name_ns(n, n->m->end_ns - h->end_ns));
}

const char *fr_name_wait(struct names *n, const struct span *s)
{
	const char *peer = fr_span_is_sock(s) ? fr_name_peer(n, s->object) : NULL;
	const struct known *known = fr_name_primitive(n, s);
	struct sbuf b = {0};

	fr_sbuf_text(&b, fr_span_call(n->m, s), strlen(fr_span_call(n->m, s)));
	fr_sbuf_str(&b, "()");
	if (known && s->kind != SPAN_FUTEX_LOCK)
		fr_sbuf_fmt(&b, " in %s", known->words);
	if (s->object == MODEL_NONE)
		return keep(n, &b);
	if (s->kind == SPAN_JOIN)
		fr_sbuf_fmt(&b, " of %s", fr_name_thread(n, s->object));
	else if (peer)
		fr_sbuf_fmt(&b, " %s %s", preposition(s->kind), peer);
	else if (fr_span_is_sock(s))
		fr_sbuf_fmt(&b, " on %s", fr_name_fd(n, s->object));
	else if (s->kind == SPAN_FUTEX_LOCK && fr_known_is_parked(n->m->locks[s->object].known))
		fr_sbuf_fmt(&b, " for %s, which one is not known",
			    fr_name_lock_kind(n->m, s->object));
	else if (s->kind == SPAN_FUTEX_LOCK)
		fr_sbuf_fmt(&b, " for %s %s", fr_name_lock_kind(n->m, s->object),
			    fr_name_lock(n, s->object));
	else
		fr_sbuf_fmt(&b, " on %s", fr_name_lock(n, s->object));
	return keep(n, &b);
}
