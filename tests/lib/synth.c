/* SPDX-License-Identifier: MIT */
/*
 * synth.c - everything of a synthetic recording but its events, and the file itself.
 */
#include "tests/lib/synth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tests/lib/synth_impl.h"

/* The order in the file, and the size of one record. */
static const struct {
	uint32_t id;
	uint32_t record_size;
} layout[] = {
	{FR_SEC_THREADS, sizeof(struct fr_thread_rec)},
	{FR_SEC_MODULES, sizeof(struct fr_module_rec)},
	{FR_SEC_DEPOT, 8},
	{FR_SEC_FDS, sizeof(struct fr_fd_rec)},
	{FR_SEC_LOCKS, sizeof(struct fr_lock_rec)},
	{FR_SEC_DROPS, sizeof(uint64_t)},
	{FR_SEC_CLOCKS, sizeof(struct fr_clock_pair)},
	{FR_SEC_CRASH, sizeof(struct fr_crash)},
	{FR_SEC_NOTES, 1},
	{FR_SEC_HOOKS, sizeof(struct fr_hook_rec)},
	{FR_SEC_SCHEMA, sizeof(struct fr_event_rec)},
	{FR_SEC_CONTROL, sizeof(struct fr_control)},
	{FR_SEC_CHUNKS_RARE, FR_CHUNK_RARE},
	{FR_SEC_CHUNKS_DENSE, FR_CHUNK_DENSE},
	{FR_SEC_TRIGGER, sizeof(struct fr_trigger)},
};
#define N_LAYOUT (sizeof(layout) / sizeof(layout[0]))

#define ARG(type, name) {FR_ARG_##type, #name},
#define EVENT(id_, NAME, name_, CLASS, TIER, short_, args_)                                        \
	{id_, name_, FR_CLASS_##CLASS, FR_TIER_##TIER, short_, {args_}},
static const struct {
	uint32_t id;
	const char *name;
	uint32_t klass;
	uint8_t tier;
	uint32_t n_short;
	struct {
		uint8_t type;
		const char *name;
	} args[FR_ARGS_MAX];
} rows[] = {
#include "preload/wire/events.def"
};
#undef EVENT
#undef ARG

void *synth_grow(struct bytes *b, size_t n)
{
	while (b->n + n > b->cap) {
		b->cap = b->cap ? 2 * b->cap : 4096;
		b->p = realloc(b->p, b->cap);
		SYNTH_NEED(b->p);
	}
	memset(b->p + b->n, 0, n);
	b->n += n;
	return b->p + b->n - n;
}

static void schema_add(struct synth *s, const struct fr_event_rec *row)
{
	SYNTH_NEED(row->id < 128);
	s->schema[row->id] = *row;
	memcpy(synth_grow(&s->sections[FR_SEC_SCHEMA], sizeof(*row)), row, sizeof(*row));
}

void synth_schema(struct synth *s, const struct fr_event_rec *row)
{
	schema_add(s, row);
	for (uint8_t i = 0; i < FR_ARGS_MAX; i++)
		s->home[row->id][i] = i;
}

static bool shuffled;

void synth_shuffle(bool on)
{
	shuffled = on;
}

/* Each argument one to the left, of those in the short form and of the others by themselves. */
static uint8_t shuffle(uint32_t n_short, uint32_t n, uint32_t i)
{
	uint32_t from = i < n_short ? 0 : n_short, end = i < n_short ? n_short : n;

	return (uint8_t)(i + 1 < end ? i + 1 : from);
}

static void row_shuffle(struct synth *s, struct fr_event_rec *r)
{
	const struct fr_event_rec old = *r;

	for (uint32_t i = 0; i < r->n_args; i++) {
		uint8_t from = shuffle(r->n_short, r->n_args, i);

		r->type[i] = old.type[from];
		memcpy(r->arg[i], old.arg[from], sizeof(r->arg[i]));
		s->home[r->id][i] = from;
	}
}

static void schema_fill(struct synth *s)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fr_event_rec r = {
			.id = rows[i].id, .klass = rows[i].klass, .n_short = rows[i].n_short};

		strncpy(r.name, rows[i].name, sizeof(r.name) - 1);
		for (; r.n_args < FR_ARGS_MAX && rows[i].args[r.n_args].type; r.n_args++) {
			const char *name = rows[i].args[r.n_args].name;

			r.type[r.n_args] = rows[i].args[r.n_args].type;
			memcpy(r.arg[r.n_args], name, strnlen(name, sizeof(r.arg[0])));
			s->home[r.id][r.n_args] = (uint8_t)r.n_args;
		}
		if (shuffled)
			row_shuffle(s, &r);
		schema_add(s, &r);
		s->event_tier[r.id] = rows[i].tier;
	}
}

struct synth *synth_new(void)
{
	struct synth *s = calloc(1, sizeof(*s));

	SYNTH_NEED(s);
	s->tier = -1;
	memcpy(s->hdr.magic, FR_MAGIC, sizeof(s->hdr.magic));
	s->hdr.version = FR_VERSION;
	s->hdr.byte_order = FR_BYTE_ORDER;
	s->hdr.header_size = FR_HEADER_SIZE;
	s->hdr.x_state = FR_STATE_FROZEN;
	s->hdr.pid = 4711;
	s->hdr.ppid = 1;
	s->hdr.arch = 62;
	s->hdr.start_mono_ns = SYNTH_START_NS;
	s->hdr.start_real_ns = SYNTH_REAL_NS;
	s->hdr.stack_depth = 64;
	s->hdr.slow_ns = 100000;
	memset(s->hdr.levels, FR_LEVEL_FULL, FR_CLASSES);
	strcpy(s->hdr.comm, "server");
	strcpy(s->hdr.exe, "/usr/bin/server");
	strcpy(s->hdr.host, "host");
	memcpy(s->hdr.cmdline, "server\0--fast", 14);
	schema_fill(s);
	synth_clock(s, SYNTH_START_NS, SYNTH_START_NS, SYNTH_REAL_NS); /* until the test's own */
	synth_clock(s, SYNTH_START_NS + 1000000000, SYNTH_START_NS + 1000000000,
		    SYNTH_REAL_NS + 1000000000);
	s->own_clock = 0;
	synth_grow(&s->sections[FR_SEC_DEPOT], 8); /* id 0 is no stack */
	synth_grow(&s->sections[FR_SEC_DROPS], FR_DROP_MAX * sizeof(uint64_t));
	synth_grow(&s->sections[FR_SEC_CRASH], sizeof(struct fr_crash));
	synth_grow(&s->sections[FR_SEC_HOOKS],
		   sizeof(struct fr_hook_rec)); /* id 0: the plain one */
	synth_grow(&s->sections[FR_SEC_TRIGGER], sizeof(struct fr_trigger));
	return s;
}

void synth_free(struct synth *s)
{
	synth_chunks_finish(s);
	for (size_t i = 0; i < FR_SECTIONS_MAX; i++)
		free(s->sections[i].p);
	free(s);
}

struct fr_header *synth_header(struct synth *s)
{
	return &s->hdr;
}

void synth_clock(struct synth *s, uint64_t raw, uint64_t mono_ns, uint64_t real_ns)
{
	struct bytes *b = &s->sections[FR_SEC_CLOCKS];
	struct fr_clock_pair *p;

	if (!s->own_clock)
		b->n = 0;
	s->own_clock = 1;
	p = synth_grow(b, sizeof(*p));
	*p = (struct fr_clock_pair){raw, mono_ns, real_ns, b->n / sizeof(*p)};
}

uint32_t synth_thread(struct synth *s, uint32_t tid, const char *name)
{
	struct fr_thread_rec *r = synth_grow(&s->sections[FR_SEC_THREADS], sizeof(*r));

	r->serial = ++s->n_threads;
	r->tid = tid;
	r->x_life = FR_THREAD_LIVE;
	r->handle = 0x7f0000000000 + (uint64_t)tid * 4096;
	r->start = SYNTH_START_NS;
	strncpy(r->name, name, sizeof(r->name) - 1);
	return r->serial;
}

struct fr_thread_rec *synth_thread_rec(struct synth *s, uint32_t serial)
{
	SYNTH_NEED(serial && serial <= s->n_threads);
	return (struct fr_thread_rec *)s->sections[FR_SEC_THREADS].p + (serial - 1);
}

void synth_waits(struct synth *s, uint32_t serial, const char *call, uint64_t since,
		 uint64_t object, uint32_t owner_tid, uint32_t stack)
{
	struct fr_thread_rec *r = synth_thread_rec(s, serial);

	r->st_seq += 2;
	r->st_call = synth_call(s, call);
	r->st_since = since;
	r->st_object = object;
	r->st_owner = owner_tid;
	r->st_stack = stack;
}

void synth_holds(struct synth *s, uint32_t serial, uint64_t lock, uint64_t since, uint32_t stack)
{
	struct fr_thread_rec *r = synth_thread_rec(s, serial);

	SYNTH_NEED(r->n_held < FR_HELD_MAX);
	r->held[r->n_held++] = (struct fr_held){.addr = lock, .since = since, .stack = stack};
}

struct fr_module_rec *synth_module(struct synth *s, const char *path, uint64_t base, uint64_t end)
{
	struct fr_module_rec *r = synth_grow(&s->sections[FR_SEC_MODULES], sizeof(*r));

	r->base = r->bias = base;
	r->end = end;
	r->x_ready = 1;
	strncpy(r->path, path, sizeof(r->path) - 1);
	return r;
}

uint32_t synth_stack(struct synth *s, uint16_t n, const uint64_t *pcs)
{
	struct bytes *b = &s->sections[FR_SEC_DEPOT];
	uint64_t hash = XXH3_64bits(pcs, n * sizeof(*pcs));
	struct fr_stack_rec *r;

	for (size_t at = 8; at < b->n; at += r->total_size) {
		r = (struct fr_stack_rec *)(b->p + at);
		if (r->hash == hash && r->n_frames == n)
			return (uint32_t)(at / 8);
	}
	r = synth_grow(b, sizeof(*r) + n * sizeof(*pcs));
	r->total_size = (uint32_t)(sizeof(*r) + n * sizeof(*pcs));
	r->n_frames = n;
	r->flags = FR_STACK_COMPLETE;
	r->hash = hash;
	memcpy(r->pc, pcs, n * sizeof(*pcs));
	return (uint32_t)(((uint8_t *)r - b->p) / 8);
}

size_t synth_sockaddr(uint8_t *to, const char *peer)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const char *colon = strrchr(peer, ':');
	char host[64];

	if (!strncmp(peer, "unix:", 5)) {
		strncpy(un.sun_path, peer + 5, sizeof(un.sun_path) - 1);
		memcpy(to, &un, 2 + strlen(un.sun_path) + 1);
		return 2 + strlen(un.sun_path) + 1;
	}
	SYNTH_NEED(colon && colon - peer < 60);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - peer), peer);
	a4.sin_port = a6.sin6_port = htons((uint16_t)atoi(colon + 1));
	if (*host == '[') {
		host[strlen(host) - 1] = 0;
		SYNTH_NEED(inet_pton(AF_INET6, host + 1, &a6.sin6_addr) == 1);
		memcpy(to, &a6, sizeof(a6));
		return sizeof(a6);
	}
	SYNTH_NEED(inet_pton(AF_INET, host, &a4.sin_addr) == 1);
	memcpy(to, &a4, sizeof(a4));
	return sizeof(a4);
}

struct fr_fd_rec *synth_fd(struct synth *s, uint32_t fd, uint32_t kind, const char *peer)
{
	struct bytes *b = &s->sections[FR_SEC_FDS];
	size_t need = (fd + 1) * sizeof(struct fr_fd_rec), len;
	struct fr_fd_rec *r;
	uint8_t addr[128];

	if (b->n < need)
		synth_grow(b, need - b->n);
	r = (struct fr_fd_rec *)b->p + fd;
	r->x_kind = kind;
	r->gen = 1;
	r->since = SYNTH_START_NS;
	len = peer ? synth_sockaddr(addr, peer) : 0;
	r->peer_len = (uint16_t)(len < sizeof(r->peer) ? len : sizeof(r->peer));
	memcpy(r->peer, addr, r->peer_len);
	return r;
}

struct fr_lock_rec *synth_lock(struct synth *s, uint64_t addr)
{
	struct fr_lock_rec *r = synth_grow(&s->sections[FR_SEC_LOCKS], sizeof(*r));

	r->x_addr = addr;
	return r;
}

uint32_t synth_call(struct synth *s, const char *name)
{
	struct bytes *b = &s->sections[FR_SEC_HOOKS];
	struct fr_hook_rec *r = (struct fr_hook_rec *)b->p;
	uint32_t n = (uint32_t)(b->n / sizeof(*r));

	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(r[i].name, name))
			return i;
	r = synth_grow(b, sizeof(*r));
	strncpy(r->name, name, sizeof(r->name) - 1);
	r->id = n;
	r->taken = 1;
	return n;
}

struct fr_hook_rec *synth_call_rec(struct synth *s, uint32_t id)
{
	SYNTH_NEED((id + 1) * sizeof(struct fr_hook_rec) <= s->sections[FR_SEC_HOOKS].n);
	return (struct fr_hook_rec *)s->sections[FR_SEC_HOOKS].p + id;
}

void synth_note(struct synth *s, const char *line)
{
	size_t n = strlen(line);

	memcpy(synth_grow(&s->sections[FR_SEC_NOTES], n + 1), line, n);
	s->sections[FR_SEC_NOTES].p[s->sections[FR_SEC_NOTES].n - 1] = '\n';
}

void synth_drop(struct synth *s, uint32_t drop, uint64_t n)
{
	SYNTH_NEED(drop < FR_DROP_MAX);
	((uint64_t *)s->sections[FR_SEC_DROPS].p)[drop] = n;
}

struct fr_control *synth_control(struct synth *s)
{
	struct bytes *b = &s->sections[FR_SEC_CONTROL];

	return b->n ? (struct fr_control *)b->p : synth_grow(b, sizeof(struct fr_control));
}

struct fr_trigger *synth_trigger(struct synth *s, uint32_t kind, uint64_t ticks)
{
	struct fr_trigger *t = (struct fr_trigger *)s->sections[FR_SEC_TRIGGER].p;

	t->kind = kind;
	t->ticks = ticks;
	t->real_ns = SYNTH_REAL_NS + (ticks - SYNTH_START_NS);
	t->number = 1;
	return t;
}

struct fr_crash *synth_crash(struct synth *s, uint32_t signo, uint32_t tid, uint64_t ticks)
{
	struct fr_crash *c = (struct fr_crash *)s->sections[FR_SEC_CRASH].p;

	c->signo = signo;
	c->tid = tid;
	c->ticks = ticks;
	c->real_ns = SYNTH_REAL_NS + (ticks - SYNTH_START_NS);
	return c;
}

uint8_t *synth_bytes(struct synth *s, size_t *n)
{
	struct bytes out = {0};
	struct fr_header *h;

	synth_chunks_finish(s);
	synth_grow(&out, FR_HEADER_SIZE);
	s->hdr.section_count = N_LAYOUT;
	for (size_t i = 0; i < N_LAYOUT; i++) {
		const struct bytes *b = &s->sections[layout[i].id];

		s->hdr.sections[i] = (struct fr_section){.id = layout[i].id,
							 .record_size = layout[i].record_size,
							 .offset = out.n,
							 .size = b->n,
							 .x_used = b->n};
		if (b->n)
			memcpy(synth_grow(&out, (b->n + 7) & ~(size_t)7), b->p, b->n);
	}
	h = (struct fr_header *)out.p;
	*h = s->hdr;
	*n = out.n;
	return out.p;
}

void synth_write(struct synth *s, const char *path)
{
	size_t n;
	uint8_t *bytes = synth_bytes(s, &n);
	FILE *f = fopen(path, "we");

	SYNTH_NEED(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
	free(bytes);
}
