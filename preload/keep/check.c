/* SPDX-License-Identifier: MIT */
/*
 * check.c - see check.h: the invariants of a chunk, a span, a thread and a region.
 *
 * Context: any, also signal handlers. System calls only. Must not: exist without FR_DEBUG; change
 * anything but by ending the process.
 */
#include "core/check.h"

#ifdef FR_DEBUG

#include <signal.h>
#include <stdatomic.h>

#include "core/sys.h"
#include "core/text.h"
#include "record/ring.h"

static atomic_bool no_region;

/* The host's handler, or our own, is not to have a say. */
_Noreturn static void die(void)
{
	uint64_t kernel_action[4] = {0}, mask = 1ull << (SIGABRT - 1);

	fr_sys_raw6(SYS_rt_sigaction, SIGABRT, (long)kernel_action, 0, 8, 0, 0);
	fr_sys_raw6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, 8, 0, 0);
	fr_sys_raw6(SYS_tgkill, fr_sys_raw6(SYS_getpid, 0, 0, 0, 0, 0, 0),
		    fr_sys_raw6(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGABRT, 0, 0, 0);
	for (;;)
		fr_sys_raw6(SYS_exit_group, 128 + SIGABRT, 0, 0, 0, 0, 0);
}

_Noreturn void fr_check_failed(const char *what, const char *file, unsigned int line)
{
	char buf[400];
	struct fr_text t = fr_text_on(buf, sizeof(buf));

	fr_text_str(&t, "fr: check failed: ");
	fr_text_str(&t, what);
	fr_text_str(&t, " at ");
	fr_text_str(&t, file);
	fr_text_str(&t, ":");
	fr_text_num(&t, line, 10);
	fr_text_str(&t, "\n");
	fr_sys_raw6(SYS_write, 2, (long)buf, (long)t.n, 0, 0, 0);
	die();
}

void fr_check_no_region(void)
{
	atomic_store(&no_region, true);
}

/*
 * Of memory that lies in the file. Whoever shortens or overwrites the file breaks it at any moment,
 * also between the look at no_region and the look at the memory: that is nobody's mistake.
 */
static bool is_spoilt(void)
{
	return atomic_load(&no_region) ||
	       (fr_region.hdr && memcmp(fr_region.hdr->magic, FR_MAGIC, 8) != 0);
}

#define SHARED_CHECK(what)                                                                         \
	((what) || is_spoilt() ? (void)0 : fr_check_failed(#what, __FILE__, __LINE__))

/* ---- a chunk --------------------------------------------------------------------------------- */

static uint64_t get_varint(const uint8_t **at)
{
	const uint8_t *p = *at;
	uint8_t first =
		*(volatile const uint8_t *)p; /* once: the page may turn to zeros (rescue.h) */
	unsigned int n = first ? (unsigned int)__builtin_ctz(first) + 1 : 9;
	uint64_t v = 0;

	memcpy(&v, n == 9 ? p + 1 : p, n == 9 ? 8 : n);
	*at += n;
	return n == 9 ? v : v >> n;
}

static const uint8_t *event_end(const uint8_t *p)
{
	const uint8_t ev = *p & 0x7f, is_short = *p & 0x80;
	const struct fr_event_row *row = &fr_event_rows[ev];
	const uint8_t *start = p++;

	SHARED_CHECK(ev > 0 && ev < FR_EV_MAX);
	if (ev >= FR_EV_MAX)
		return p; /* spoilt */
	get_varint(&p);
	get_varint(&p);
	for (unsigned int i = 0; i < (is_short ? row->n_short : row->n); i++) {
		uint8_t op = row->op[i];
		uint64_t v = op == FR_WIRE_VIA ? 0 : get_varint(&p);

		if (op != FR_WIRE_BYTES)
			continue;
		SHARED_CHECK(v <= FR_EVENT_MAX);
		p += v <= FR_EVENT_MAX ? v : 0; /* else spoilt */
	}
	SHARED_CHECK(p - start <= FR_EVENT_MAX);
	return p;
}

uint64_t fr_chunk_check(const struct fr_chunk *c, size_t size)
{
	const uint8_t *p = (const uint8_t *)(c + 1), *end = p + c->x_committed;
	uint64_t n = 0;

	SHARED_CHECK(c->x_state == FR_CHUNK_OPEN);
	SHARED_CHECK(c->x_seq > 0);
	SHARED_CHECK(c->serial > 0);
	SHARED_CHECK(c->x_committed <= size - sizeof(*c));
	for (; p < end && !is_spoilt(); n++)
		p = event_end(p);
	SHARED_CHECK(p == end);
	return is_spoilt() ? UINT64_MAX : n;
}

/* ---- a span ---------------------------------------------------------------------------------- */

void fr_span_check(const struct fr_span *s)
{
	size_t used = atomic_load(&s->used), ready = atomic_load(&s->ready);

	if (!fr_region.hdr)
		return;
	FR_CHECK(s->base > (const uint8_t *)fr_region.hdr);
	FR_CHECK(s->base + s->size <= (const uint8_t *)fr_region.hdr + fr_region.size);
	FR_CHECK((uintptr_t)s->base % FR_PAGE == 0);
	FR_CHECK(s->step > 0);
	FR_CHECK(used <= ready);
	FR_CHECK(ready <= s->size);
}

/* ---- a thread -------------------------------------------------------------------------------- */

static void check_writer(const struct fr_writer *w)
{
	FR_CHECK(!w->chunk == !w->limit);
	FR_CHECK(!w->chunk == !w->p);
	if (!w->chunk)
		return;
	FR_CHECK(w->p >= (const uint8_t *)(w->chunk + 1));
	FR_CHECK(w->p <= w->limit + FR_EVENT_FIXED_MAX);
}

static void check_held(const struct fr_thread_rec *r)
{
	SHARED_CHECK(r->n_held <= FR_HELD_MAX);
	for (uint32_t i = 0; i < r->n_held; i++) {
		SHARED_CHECK(r->held[i].addr != 0);
		SHARED_CHECK(r->held[i].kind <= FR_HELD_SPIN);
		SHARED_CHECK(!(r->held[i].flags & ~FR_HELD_SINCE_SEEN));
	}
}

/* A test that has no table of threads has no region either. */
static void check_record(const struct fr_thread *t)
{
	const struct fr_thread_rec *first = (const struct fr_thread_rec *)fr_region.threads.base;

	check_held(t->rec);
	if (!first)
		return;
	SHARED_CHECK(t->rec >= first && t->rec < first + fr_region.n_threads_max);
	SHARED_CHECK(t->rec->x_life == FR_THREAD_LIVE);
	SHARED_CHECK(t->rec->tid == t->tid);
	SHARED_CHECK(t->rec->serial > 0);
	SHARED_CHECK(t->rec->stack_lo == t->stack_lo && t->rec->stack_hi == t->stack_hi);
}

void fr_thread_check(const struct fr_thread *t)
{
	FR_CHECK(t != &fr_thread_none && t != &fr_thread_gone);
	FR_CHECK(t->busy != 0);
	FR_CHECK(t->rec != NULL);
	FR_CHECK(t->stack_lo <= t->stack_hi);
	for (int i = 0; i < FR_TIERS; i++)
		check_writer(&t->w[i]);
	if (!t->lent)
		check_record(t);
}

/* ---- the region ------------------------------------------------------------------------------ */

void fr_region_check(void)
{
	const struct fr_header *h = fr_region.hdr;
	uint64_t at = FR_HEADER_SIZE;

	if (!h || is_spoilt())
		return;
	SHARED_CHECK(h->section_count > 0 && h->section_count < FR_SECTIONS_MAX);
	for (uint32_t i = 0; i < h->section_count; i++) {
		const struct fr_section *s = &h->sections[i];

		SHARED_CHECK(s->id > 0 && s->record_size > 0);
		SHARED_CHECK(s->offset == at && s->offset % FR_SECTION_UNIT == 0);
		SHARED_CHECK(s->x_used <= s->size);
		at += s->size;
	}
	SHARED_CHECK(at == fr_region.size);
}

#endif
