/* SPDX-License-Identifier: MIT */
/*
 * scrub.c - fr scrub: a copy of a recording without the texts that the program has brought.
 *
 * Gone are: texts of events (paths, names, labels, logs), the command line, names of threads, paths
 * and UNIX addresses of descriptors, notes, reasons and settings that are texts, and what lies in
 * chunks behind their events. They become '*' of the same length. What stays is what symbols need,
 * the program's and its libraries' paths, and numbers: addresses of the network too.
 *
 * The reader's own copy is changed and written down: the recording stays as it is. Must not: pass
 * on what could not be read.
 */
#include <string.h>
#include <sys/socket.h>

#include "capture/image.h"
#include "preload/wire/wire_settings.h"
#include "read/events.h"

#define FAMILY sizeof(sa_family_t)

static void stars(void *bytes, uint64_t n)
{
	char *p = bytes;

	for (uint64_t i = 0; i < n; i++)
		p[i] = p[i] ? '*' : '\0';
}

static bool is_unix(const void *address, uint64_t n)
{
	sa_family_t family = AF_UNSPEC;

	if (n >= FAMILY)
		memcpy(&family, address, FAMILY);
	return family == AF_UNIX;
}

static void scrub_address(uint8_t *p, uint64_t n)
{
	if (is_unix(p, n))
		stars(p + FAMILY, n - FAMILY);
}

/* The bytes of a section, which the recording has read into memory of its own. */
static uint8_t *bytes_of(const struct recording *rec, enum fr_section_id id, uint64_t *n)
{
	*n = rec->sec[id].data ? rec->sec[id].size : 0;
	return (uint8_t *)rec->sec[id].data;
}

/* Does the text of an event lie in what will be written? */
static bool is_ours(const struct recording *rec, const uint8_t *p, uint64_t n)
{
	for (int tier = FR_SEC_CHUNKS_RARE; tier <= FR_SEC_CHUNKS_DENSE; tier++) {
		const struct section_view *v = &rec->sec[tier];

		if (v->data && p >= v->data && n <= v->size &&
		    (uint64_t)(p - v->data) <= v->size - n)
			return true;
	}
	return false;
}

static bool scrub_event(const struct recording *rec, const struct event *e)
{
	const struct fr_event_rec *row = fr_event_schema(rec, e->kind);
	uint8_t *p = (uint8_t *)e->blob;

	if (!p || e->kind == FR_EV_NET_POLL)
		return true;
	for (unsigned int i = 0; row && i < e->n_args; i++) {
		uint64_t n = e->arg[i];

		if (row->type[i] != FR_ARG_STR && row->type[i] != FR_ARG_PAIR &&
		    row->type[i] != FR_ARG_SOCK)
			continue;
		if (!is_ours(rec, p, n))
			return false;
		if (row->type[i] == FR_ARG_SOCK)
			scrub_address(p, n);
		else
			stars(p, n);
		return true;
	}
	return false;
}

static bool scrub_events(const struct recording *rec)
{
	struct stream *s = fr_stream_open(rec);
	struct event e;
	bool ok = true;

	while (ok && fr_stream_next(s, &e))
		ok = scrub_event(rec, &e);
	fr_stream_close(s);
	return ok;
}

/* Behind the events of a chunk lie parts of those that it had before. */
static void scrub_rests(const struct recording *rec, enum fr_section_id id)
{
	uint32_t size = rec->sec[id].record_size;
	struct fr_chunk c;
	uint64_t n, used;
	uint8_t *p = bytes_of(rec, id, &n);

	for (; size > sizeof(c) && n >= size; n -= size, p += size) {
		memcpy(&c, p, sizeof(c));
		used = c.x_seq && c.x_committed <= size - sizeof(c) ? c.x_committed : 0;
		memset(p + sizeof(c) + used, 0, size - sizeof(c) - used);
	}
}

static void scrub_fd(uint8_t *at)
{
	struct fr_fd_rec r;
	size_t n;

	memcpy(&r, at, sizeof(r));
	n = r.peer_len < sizeof(r.peer) ? r.peer_len : sizeof(r.peer);
	if (r.x_kind == FR_FD_CLOSED)
		n = sizeof(uint32_t); /* who closed it */
	else if (r.x_kind == FR_FD_SOCKET || r.x_kind == FR_FD_LISTENER)
		scrub_address(r.peer, n);
	else
		stars(r.peer, n);
	memset(r.peer + n, 0, sizeof(r.peer) - n);
	memcpy(at, &r, sizeof(r));
}

/* Texts that stand in each record of a section. */
#define FIELD(type, name) offsetof(struct type, name), sizeof(((struct type *)0)->name)
static const struct field {
	enum fr_section_id id;
	size_t at, size;
} fields[] = {
	{FR_SEC_THREADS, FIELD(fr_thread_rec, name)},
	{FR_SEC_SETTINGS, FIELD(fr_setting_rec, text)},
	{FR_SEC_TRIGGER, FIELD(fr_trigger, reason)},
	{FR_SEC_CRASH, FIELD(fr_crash, said)},
};

static void scrub_field(const struct recording *rec, const struct field *f)
{
	uint32_t size = rec->sec[f->id].record_size;
	uint64_t n;
	uint8_t *p = bytes_of(rec, f->id, &n);

	if (size < f->at + f->size) /* a record from before there was this field */
		return;
	for (; n >= size; n -= size, p += size)
		stars(p + f->at, f->size);
}

static void scrub_tables(const struct recording *rec)
{
	uint64_t n;
	uint8_t *p = bytes_of(rec, FR_SEC_FDS, &n);

	for (; n >= sizeof(struct fr_fd_rec); n -= sizeof(struct fr_fd_rec)) {
		scrub_fd(p);
		p += sizeof(struct fr_fd_rec);
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		scrub_field(rec, &fields[i]);
	p = bytes_of(rec, FR_SEC_NOTES, &n);
	stars(p, n);
}

static void scrub_header(struct fr_header *h)
{
	stars(h->cmdline, sizeof(h->cmdline));
	stars(h->out_dir, sizeof(h->out_dir));
	stars(h->host, sizeof(h->host));
	stars(h->x_failure.dir, sizeof(h->x_failure.dir));
}

int fr_cmd_scrub(struct call *c)
{
	if (c->rec->losses || !scrub_events(c->rec)) {
		diag_add(c->diag, DIAG_ERROR,
			 "%s: not all of it can be read, and what cannot may hold texts: "
			 "nothing was written",
			 c->spec);
		return FR_EXIT_ERROR;
	}
	scrub_rests(c->rec, FR_SEC_CHUNKS_RARE);
	scrub_rests(c->rec, FR_SEC_CHUNKS_DENSE);
	scrub_tables(c->rec);
	scrub_header(&c->rec->hdr);
	return fr_image_save(c);
}
