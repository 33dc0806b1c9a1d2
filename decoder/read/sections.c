/* SPDX-License-Identifier: MIT */
/*
 * sections.c - header and section table: the first untrusted bytes. Each section that is there is
 * copied into memory of its own, 16-aligned and followed by SECTION_PAD zero bytes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "preload/wire/wire_settings.h"
#include "read/impl.h"

/* What each section is called in messages, and how small its records can be. */
static const struct {
	const char *name;
	uint32_t record; /* 0 = a stream of bytes, or one of any size */
} kinds[SECTION_IDS] = {
#define SECTION(id, NAME, name, record, least) [FR_SEC_##NAME] = {name, least},
#include "preload/wire/sections.def"
#undef SECTION
};
#define RECORD_MAX (1u << 20)

const char *fr_section_name(uint32_t id)
{
	return id < SECTION_IDS && kinds[id].name ? kinds[id].name : "unknown";
}

static void terminate(struct fr_header *h)
{
	h->boot_id[sizeof(h->boot_id) - 1] = 0;
	h->host[sizeof(h->host) - 1] = 0;
	h->comm[sizeof(h->comm) - 1] = 0;
	h->exe[sizeof(h->exe) - 1] = 0;
	h->out_dir[sizeof(h->out_dir) - 1] = 0;
	h->cmdline[sizeof(h->cmdline) - 1] = 0;
	h->x_failure.dir[sizeof(h->x_failure.dir) - 1] = 0;
}

static bool header_good(const struct recording *rec, size_t n, struct diag *d)
{
	const struct fr_header *h = &rec->hdr;

	if (n < sizeof(h->magic) || memcmp(h->magic, FR_MAGIC, sizeof(h->magic)))
		diag_add(d, DIAG_ERROR, "%s: not a recording%s", rec->path,
			 n ? " (its first bytes are not those of one)" : ": the file is empty");
	else if (n < sizeof(*h))
		diag_add(d, DIAG_ERROR, "%s: cut off inside the header, after %zu of %zu bytes",
			 rec->path, n, sizeof(*h));
	else if (h->byte_order != FR_BYTE_ORDER)
		diag_add(d, DIAG_ERROR, "%s: written on a machine of another byte order",
			 rec->path);
	else if (!fr_version_readable(h->version))
		diag_add(d, DIAG_ERROR,
			 "%s: format version %u, this fr reads versions %u to %u: use the fr that "
			 "came with the recorder",
			 rec->path, h->version, FR_VERSION_OLDEST, FR_VERSION);
	else
		return true;
	return false;
}

/* What of section S can be there at all: recorded, reserved and inside the source. */
static uint64_t present(struct recording *rec, const struct source *src, const struct fr_section *s,
			struct diag *d)
{
	uint64_t used = s->x_used < s->size ? s->x_used : s->size;
	uint64_t there = s->offset < src->size ? src->size - s->offset : 0;

	if (s->x_used > s->size)
		LOSS(rec, d, "section %s: says it uses %" PRIu64 " of %" PRIu64 " bytes",
		     fr_section_name(s->id), s->x_used, s->size);
	if (used > there)
		LOSS(rec, d, "section %s: cut off, %" PRIu64 " of %" PRIu64 " bytes are there",
		     fr_section_name(s->id), there, used);
	return used < there ? used : there;
}

#define HUGE_PAGE ((uint64_t)2 << 20)

/*
 * Memory for a section. Large ones ask for huge pages: a third of the time to open a large
 * recording would be page faults.
 */
static uint8_t *section_alloc(uint64_t size)
{
	uint8_t *p;

	if (size < 2 * HUGE_PAGE)
		return fr_mem_alloc(size);
	p = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (!p)
		return fr_mem_alloc(size);
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void copy(struct recording *rec, const struct source *src, const struct fr_section *s,
		 uint64_t size)
{
	struct recording_impl *impl = rec->impl;
	uint8_t *to = section_alloc(size + SECTION_PAD);
	bool live = rec->source == RECORDING_LIVE;

	if (live && (s->id == FR_SEC_CHUNKS_RARE || s->id == FR_SEC_CHUNKS_DENSE)) {
		memset(to, 0, size);
		rec->n_torn += fr_live_chunks_copy(src, s->offset, s->record_size, to, size);
	} else if (live && s->id == FR_SEC_THREADS) {
		memset(to, 0, size);
		fr_live_threads_copy(src, s->offset, s->record_size, to, size);
	} else {
		size = fr_source_read(src, s->offset, to, size);
	}
	memset(to + size, 0, SECTION_PAD);
	impl->sections[s->id] = to;
	rec->sec[s->id] = (struct section_view){to, size, s->record_size};
}

static bool acceptable(struct recording *rec, const struct fr_section *s, struct diag *d)
{
	uint32_t least = s->id < SECTION_IDS ? kinds[s->id].record : 0;

	if (!s->id || s->id >= SECTION_IDS || !kinds[s->id].name)
		return false; /* of a newer recorder: not an error */
	if (rec->sec[s->id].data) {
		LOSS(rec, d, "section %s appears twice: the second one is ignored",
		     fr_section_name(s->id));
		return false;
	}
	if (least &&
	    (s->record_size < least || s->record_size > RECORD_MAX || s->record_size % 8)) {
		LOSS(rec, d, "section %s: records of %u bytes make no sense",
		     fr_section_name(s->id), s->record_size);
		return false;
	}
	return true;
}

/*
 * How much may be copied: half of the machine's memory, and not much more than the file really
 * takes, or a small file with large holes would use up the memory. (File systems that compress
 * store less.)
 */
static uint64_t room_for(const struct source *src)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t room = (uint64_t)1 << 32, real = ((uint64_t)64 << 20) + 64 * src->stored;

	if (pages > 0 && size > 0)
		room = (uint64_t)pages * (uint64_t)size / 2;
	return room < real ? room : real;
}

/*
 * Chunks of a live region come first: whatever they refer to (stacks, threads, modules) is then
 * copied later and therefore there.
 */
static void load_pass(struct recording *rec, const struct source *src, bool chunks, uint64_t *room,
		      struct diag *d)
{
	for (uint32_t i = 0; i < rec->hdr.section_count; i++) {
		const struct fr_section *s = &rec->hdr.sections[i];
		bool is_chunks = s->id == FR_SEC_CHUNKS_RARE || s->id == FR_SEC_CHUNKS_DENSE;
		uint64_t size;

		if (is_chunks != chunks || !acceptable(rec, s, d))
			continue;
		size = present(rec, src, s, d);
		if (size > *room) {
			LOSS(rec, d,
			     "section %s: %" PRIu64
			     " bytes are more than is there or fits into memory",
			     fr_section_name(s->id), size);
			continue;
		}
		*room -= size;
		copy(rec, src, s, size);
	}
}

static void copy_struct(const struct section_view *v, void *to, size_t size)
{
	if (v->data)
		memcpy(to, v->data, v->size < size ? v->size : size);
}

static void load_crash(struct recording *rec)
{
	struct fr_crash *c = &rec->crash;

	copy_struct(&rec->sec[FR_SEC_CRASH], c, sizeof(*c));
	if (c->n_regs > 32)
		c->n_regs = 32;
	c->said[sizeof(c->said) - 1] = 0;
}

/* The sections that are one struct or one array of numbers. */
static void load_small(struct recording *rec)
{
	const struct section_view *drops = &rec->sec[FR_SEC_DROPS];

	copy_struct(&rec->sec[FR_SEC_TRIGGER], &rec->trigger, sizeof(rec->trigger));
	rec->trigger.reason[sizeof(rec->trigger.reason) - 1] = 0;
	load_crash(rec);
	copy_struct(drops, rec->drops, sizeof(rec->drops));
	rec->n_drops = drops->size / sizeof(uint64_t);
	if (rec->n_drops > sizeof(rec->drops) / sizeof(rec->drops[0]))
		rec->n_drops = sizeof(rec->drops) / sizeof(rec->drops[0]);
}

bool fr_header_load(struct recording *rec, const struct source *src, struct diag *d)
{
	size_t n = fr_source_read(src, 0, &rec->hdr, sizeof(rec->hdr));

	if (!header_good(rec, n, d))
		return false;
	terminate(&rec->hdr);
	return true;
}

void fr_sections_load(struct recording *rec, const struct source *src, struct diag *d)
{
	uint64_t room = room_for(src);

	if (rec->hdr.x_state == FR_STATE_STARTING)
		LOSS(rec, d,
		     "the process ended, or was looked at, before the recorder had started");
	if (rec->hdr.section_count > FR_SECTIONS_MAX) {
		LOSS(rec, d, "the header says %u sections, %u are possible", rec->hdr.section_count,
		     FR_SECTIONS_MAX);
		rec->hdr.section_count = FR_SECTIONS_MAX;
	}
	load_pass(rec, src, true, &room, d);
	load_pass(rec, src, false, &room, d);
	if (rec->n_torn)
		diag_add(d, DIAG_NOTE, "%" PRIu64 " chunks changed while they were copied",
			 rec->n_torn);
	load_small(rec);
}
