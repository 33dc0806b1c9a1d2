/* SPDX-License-Identifier: MIT */
/*
 * region.c - makes, grows and removes the region file.
 *
 * Context: fr_region_make at birth (one thread; perhaps a forked child, so nothing but system
 * calls); fr_span_grow anywhere, also in signal handlers. Must not: touch errno, keep a
 * descriptor, touch a page that fr_span_grow has not got.
 */
#include "store/region.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/gate.h"
#include "core/place.h"
#include "core/process.h"
#include "core/real.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "store/leftover.h"
#include "store/pages.h"
#include "wire/events.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#define STEP_MIN (2 * 4096u) /* bytes, whatever a page is */

FR_HOT_BIG struct fr_region fr_region;

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) & ~(unit - 1);
}

/* ---- layout ---------------------------------------------------------------------------------- */

struct plan {
	uint32_t id, record_size;
	size_t size;
};

static size_t clamp(size_t v, size_t lo, size_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

#define SECTION(id, NAME, name, record, least) [FR_SEC_##NAME] = record,
static const uint32_t record_sizes[] = {
#include "wire/sections.def"
};
#undef SECTION

/* The next section of the file, with room for N records of its kind, up to a multiple of UNIT. */
static struct plan *add(struct plan *p, enum fr_section_id id, size_t n, size_t unit)
{
	*p = (struct plan){id, record_sizes[id], round_up(n * record_sizes[id], unit)};
	return p + 1;
}

/* The small sections before P have pages together: one each is much where that is 64 KiB. */
static void end_small(const struct plan *first, struct plan *p)
{
	size_t end = FR_HEADER_SIZE;

	for (const struct plan *q = first; q < p; q++)
		end += q->size;
	p[-1].size += round_up(end, FR_PAGE) - end;
}

/* Of the stacks: a power of two, so that an id tells its place by a mask. */
static size_t depot_size(size_t max)
{
	size_t size = 256u << 10;

	while (size < 2u << 20 ? 2 * size <= max / 2 : 2 * size <= max / 4)
		size *= 2;
	return size;
}

/*
 * MAX is shared out: a quarter to stacks, an eighth to rare chunks, a sixteenth to tables (which
 * have no pages until used), the rest to dense chunks. Tables that need more than their share take
 * it from what the others have not used yet: fr_span_grow() keeps to MAX. A real server has some
 * 6000 distinct stacks of 190 bytes (redis), which a small region must still hold. Returns the
 * number of sections.
 */
static unsigned int plan_sections(struct plan *first, size_t max)
{
	size_t depot = depot_size(max);
	size_t dense = max - depot - max / 8 - max / 16;
	struct plan *p = first;

	p = add(p, FR_SEC_DROPS, FR_DROP_MAX, FR_SECTION_UNIT);
	p = add(p, FR_SEC_CLOCKS, FR_CLOCK_PAIRS, FR_SECTION_UNIT);
	p = add(p, FR_SEC_CRASH, 1, FR_SECTION_UNIT);
	p = add(p, FR_SEC_NOTES, FR_NOTES_SIZE, FR_SECTION_UNIT);
	p = add(p, FR_SEC_CONTROL, 1, FR_SECTION_UNIT);
	p = add(p, FR_SEC_SETTINGS, FR_SETTINGS, FR_SECTION_UNIT);
	p = add(p, FR_SEC_HOOKS, FR_HOOK_MAX, FR_SECTION_UNIT);
	p = add(p, FR_SEC_SCHEMA, FR_EV_MAX, FR_SECTION_UNIT);
	end_small(first, p);
	p = add(p, FR_SEC_THREADS, clamp(max / 4096, 256, 32768), FR_PAGE);
	p = add(p, FR_SEC_MODULES, 1024, FR_PAGE);
	p = add(p, FR_SEC_FDS, 65536, FR_PAGE);
	p = add(p, FR_SEC_LOCKS, clamp(max / 4096, 256, 4096), FR_PAGE);
	p = add(p, FR_SEC_DEPOT, depot, FR_PAGE);
	p = add(p, FR_SEC_CHUNKS_RARE, max / 8 / FR_CHUNK_RARE, FR_PAGE);
	p = add(p, FR_SEC_CHUNKS_DENSE, dense / FR_CHUNK_DENSE, FR_PAGE);
	return (unsigned int)(p - first);
}

void *fr_section_base(enum fr_section_id id)
{
	struct fr_header *h = fr_region.hdr;

	for (uint32_t i = 0; i < h->section_count; i++) {
		if (h->sections[i].id == (uint32_t)id)
			return (uint8_t *)h + h->sections[i].offset;
	}
	return NULL;
}

static struct fr_section *section(enum fr_section_id id)
{
	struct fr_header *h = fr_region.hdr;

	for (uint32_t i = 0; i < h->section_count; i++) {
		if (h->sections[i].id == (uint32_t)id)
			return &h->sections[i];
	}
	return NULL;
}

void fr_section_used(enum fr_section_id id, uint64_t used)
{
	__atomic_store_n(&section(id)->x_used, used, __ATOMIC_RELEASE);
}

void fr_span_raise(struct fr_span *s, size_t end)
{
	uint64_t before = __atomic_load_n(s->x_used, __ATOMIC_RELAXED);

	while (end > before && !__atomic_compare_exchange_n(s->x_used, &before, end, true,
							    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	atomic_store_explicit(&s->used, before > end ? before : end, memory_order_relaxed);
	fr_span_check(s);
}

static void span_init(struct fr_span *s, enum fr_section_id id, size_t step)
{
	struct fr_section *sec = section(id);

	s->base = fr_section_base(id);
	s->size = sec->size;
	s->step = step;
	s->x_used = &sec->x_used;
	atomic_store_explicit(&s->used, 0, memory_order_relaxed);
	atomic_store_explicit(&s->full, false, memory_order_relaxed);
	atomic_store_explicit(&s->ready, 0, memory_order_relaxed);
}

/* ---- growth ---------------------------------------------------------------------------------- */

bool fr_region_populate(const void *p, size_t size)
{
	int rc;

	do {
		rc = fr_sys_madvise((void *)p, size, MADV_POPULATE_WRITE);
	} while (rc == -EINTR);
	return rc == 0;
}

/*
 * As fr_region_populate(), on whatever file is mapped by now. While the region gets another one
 * (keep/freeze.h) the kernel refuses: who then writes to the region waits until that is over.
 */
static bool populate_or_wait(const void *p, size_t size)
{
	for (int tries = 0; tries < 3; tries++) {
		if (fr_region_populate(p, size))
			return true;
		fr_drop_n(FR_DROP_REGION_FULL, 0);
	}
	return false;
}

/*
 * Without a lock: its holder may be one of a thousand runnable threads. Two that grow the same span
 * ask for the same pages, which does no harm, and one of them moves `ready`.
 */
static bool grow(struct fr_span *s, size_t end)
{
	uint32_t exchanges = atomic_load(&fr_region.exchanges);
	size_t ready = atomic_load(&s->ready), want, n, step;

	if (end > s->size || !fr_region.hdr)
		return false;
	while (end > ready) {
		/* a page costs 2 to 4 us: small at first, for programs that end soon */
		step = clamp(ready, STEP_MIN, s->step);
		want = ready + step > end ? ready + step : end;
		want = clamp(round_up(want, FR_PAGE), 0, s->size);
		if (!fr_pages_take(want - ready)) {
			want = round_up(end, FR_PAGE); /* not a step, but what is due */
			if (!fr_pages_take(want - ready))
				return false;
		}
		if (!populate_or_wait(s->base + ready, want - ready)) {
			fr_pages_return(want - ready);
			fr_drop(FR_DROP_REGION_FULL);
			return false;
		}
		n = want - ready;
		if (atomic_compare_exchange_strong(&s->ready, &ready, want)) {
			/* a new file has what was `ready` when it was made */
			return exchanges == atomic_load(&fr_region.exchanges) ||
			       populate_or_wait(s->base + want - n, n);
		}
		fr_pages_return(n); /* another thread was faster */
	}
	return true;
}

bool fr_span_grow(struct fr_span *s, size_t end)
{
	bool alone = atomic_fetch_add(&fr_region.growing, 1) == 0;
	bool grown = grow(s, end);

	/* what another one has taken for the moment it may give back */
	if (!grown && alone && atomic_load(&fr_region.growing) == 1)
		atomic_store(&s->full, true);
	atomic_fetch_sub(&fr_region.growing, 1);
	fr_span_check(s);
	return grown;
}

/* ---- birth ----------------------------------------------------------------------------------- */

/* OWN: the directory is ours alone, and made if need be. A descriptor, or -1 and why. */
static int open_file_in(const char *dir, bool own, bool first, struct fr_refusal *r)
{
	struct fr_text t = fr_text_on(fr_region.path, sizeof(fr_region.path));
	int dirfd = own ? fr_place_open_own(dir, r) : fr_place_open_regions(dir, r);
	size_t name;
	int fd;

	if (dirfd < 0)
		return -1;
	fr_leftover_tidy(dirfd, !first);
	fr_text_str(&t, dir);
	fr_text_str(&t, "/");
	name = t.n;
	fr_text_str(&t, fr_process.comm_safe);
	fr_text_str(&t, "-");
	fr_text_num(&t, fr_process.pid, 10);
	fr_text_str(&t, "-");
	fr_text_num(&t, fr_clock_ns(CLOCK_REALTIME), 16);
	fr_text_str(&t, ".frr");
	fd = fr_place_make_file(dirfd, fr_region.path + name, O_RDWR);
	fr_sys_close(dirfd);
	if (fd < 0)
		*r = (struct fr_refusal){FR_PLACE_SYSTEM, -fd};
	return fd;
}

/* FR_DIR, /dev/shm/fr-<uid>, then a memfd, which does not survive the process. */
static void candidate_dir(int i, char *buf, size_t size)
{
	struct fr_text t = fr_text_on(buf, size);

	if (i == 0) {
		fr_text_str(&t, fr_config.dir);
	} else {
		fr_text_str(&t, "/dev/shm/fr-");
		fr_text_num(&t, fr_process.uid, 10);
	}
}

/* NULL and why. */
static void *map_file(int fd, size_t size, struct fr_refusal *r)
{
	long rc;
	void *p;

	*r = (struct fr_refusal){FR_PLACE_LIMIT, 0};
	if (!fr_file_size_allowed(size))
		return NULL;
	rc = fr_sys2(SYS_ftruncate, fd, size);
	*r = (struct fr_refusal){FR_PLACE_SYSTEM, rc < 0 ? (int)-rc : ENOMEM};
	p = rc < 0 ? NULL : fr_sys_mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (!p)
		return NULL;
	r->error = ENOSPC;
	if (fr_region_populate(p, FR_PAGE))
		return p;
	/* A kernel before 5.14: everything at once, or not at all. */
	if (fr_sys4(SYS_fallocate, fd, 0, 0, size) == 0)
		return p;
	fr_sys_munmap(p, size);
	return NULL;
}

static void note_refusal(const char *dir, const struct fr_refusal *r)
{
	fr_note("no region in ", dir, ": ");
	fr_notes_len--; /* continue the line */
	fr_note(fr_place_why(r), "", "");
	fr_say("no region in ", dir, fr_place_why(r));
}

static void *make_in_dir(size_t size, bool first)
{
	struct fr_refusal r;
	char dir[300];

	for (int i = fr_config.dir[0] ? 0 : 1; i < 2; i++) {
		void *p = NULL;
		int fd;

		candidate_dir(i, dir, sizeof(dir));
		fd = open_file_in(dir, i == 1, first, &r);
		if (fd >= 0) {
			p = map_file(fd, size, &r);
			if (!p)
				fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0);
			fr_sys_close(fd);
		}
		if (p)
			return p;
		note_refusal(dir, &r);
	}
	return NULL;
}

static void *make_memfd(size_t size)
{
	struct fr_refusal r;
	void *p;
	int fd = (int)fr_sys2(SYS_memfd_create, "fr-region", 1 /* MFD_CLOEXEC */);

	fr_region.path[0] = '\0';
	if (fd < 0)
		return NULL;
	p = map_file(fd, size, &r);
	fr_sys_close(fd);
	if (p)
		fr_note("the region is anonymous memory: it will not survive the process", "", "");
	return p;
}

static void header_fill(struct fr_header *h, const struct plan *p, unsigned int n)
{
	uint64_t at = FR_HEADER_SIZE;

	memcpy(h->magic, FR_MAGIC, 8);
	h->version = FR_VERSION;
	h->byte_order = FR_BYTE_ORDER;
	h->header_size = FR_HEADER_SIZE;
	h->section_count = n;
	h->region_kind = fr_region.path[0] ? FR_REGION_FILE : FR_REGION_MEMFD;
	h->arch = FR_ELF_MACHINE;
	h->page_size = FR_PAGE;
	for (unsigned int i = 0; i < n; i++) {
		h->sections[i] = (struct fr_section){p[i].id, p[i].record_size, at, p[i].size, 0};
		at += p[i].size;
	}
}

static void spans_init(void)
{
	struct fr_region *r = &fr_region;

	span_init(&r->threads, FR_SEC_THREADS, STEP_MIN);
	span_init(&r->modules, FR_SEC_MODULES, STEP_MIN);
	span_init(&r->fds, FR_SEC_FDS, STEP_MIN);
	span_init(&r->locks, FR_SEC_LOCKS, section(FR_SEC_LOCKS)->size);
	span_init(&r->depot, FR_SEC_DEPOT, 8 * STEP_MIN);
	span_init(&r->chunks[FR_TIER_RARE], FR_SEC_CHUNKS_RARE, 4 * STEP_MIN);
	span_init(&r->chunks[FR_TIER_DENSE], FR_SEC_CHUNKS_DENSE, 8 * STEP_MIN);
	r->n_threads_max = (uint32_t)(r->threads.size / sizeof(struct fr_thread_rec));
	r->n_modules_max = (uint32_t)(r->modules.size / sizeof(struct fr_module_rec));
	r->n_fds_max = (uint32_t)(r->fds.size / sizeof(struct fr_fd_rec));
	r->n_locks_max = (uint32_t)(r->locks.size / sizeof(struct fr_lock_rec));
}

/* The small sections before the threads are touched at birth: get their pages now. */
static bool small_sections(size_t max_bytes)
{
	size_t end = section(FR_SEC_THREADS)->offset;
	/* the schema is the last of them, and has room for more events than there are */
	size_t written = section(FR_SEC_SCHEMA)->offset + FR_EVENTS * sizeof(struct fr_event_rec);

	if (!fr_region_populate(fr_region.hdr, written))
		return false;
	fr_pages_init(max_bytes, end);
	fr_region.drops = fr_section_base(FR_SEC_DROPS);
	fr_region.clocks = fr_section_base(FR_SEC_CLOCKS);
	fr_region.crash = fr_section_base(FR_SEC_CRASH);
	fr_region.control = fr_section_base(FR_SEC_CONTROL);
	fr_region.settings = fr_section_base(FR_SEC_SETTINGS);
	fr_section_used(FR_SEC_DROPS, 8 * FR_DROP_MAX);
	fr_section_used(FR_SEC_CLOCKS, FR_CLOCK_PAIRS * sizeof(struct fr_clock_pair));
	fr_section_used(FR_SEC_CRASH, sizeof(struct fr_crash));
	fr_section_used(FR_SEC_CONTROL, sizeof(struct fr_control));
	fr_section_used(FR_SEC_SETTINGS, FR_SETTINGS * sizeof(struct fr_setting_rec));
	return true;
}

size_t fr_region_size(uint64_t max_bytes)
{
	struct plan plan[FR_SECTIONS_MAX];
	unsigned int n = plan_sections(plan, max_bytes);
	size_t size = FR_HEADER_SIZE;

	for (unsigned int i = 0; i < n; i++)
		size += plan[i].size;
	return size;
}

bool fr_region_make(uint64_t max_bytes, bool first)
{
	struct plan plan[FR_SECTIONS_MAX];
	unsigned int n = plan_sections(plan, max_bytes);
	size_t size = fr_region_size(max_bytes);
	void *p;

	memset(&fr_region, 0, sizeof(fr_region));
	p = make_in_dir(size, first);
	if (!p)
		p = make_memfd(size);
	if (!p)
		return false;
	fr_sys_madvise(p, size, MADV_DONTDUMP); /* the core is what it would have been */
	fr_sys_madvise(p, size, MADV_RANDOM); /* on a disk: nobody reads holes ahead, into memory */
	fr_region.hdr = p;
	fr_region.size = size;
	header_fill(fr_region.hdr, plan, n);
	spans_init();
	fr_region_check();
	if (small_sections(max_bytes))
		return true;
	fr_region_unlink();
	fr_region_forget(true);
	return false;
}

void fr_region_forget(bool unmap)
{
	struct fr_header *h = fr_region.hdr;
	size_t size = fr_region.size;

	memset(&fr_region, 0, sizeof(fr_region));
	if (h && unmap)
		fr_sys_munmap(h, size);
}

void fr_region_spans(struct fr_span *out[FR_SPANS])
{
	struct fr_region *r = &fr_region;
	struct fr_span *const all[FR_SPANS] = {&r->threads, &r->modules,   &r->fds,      &r->locks,
					       &r->depot,   &r->chunks[0], &r->chunks[1]};

	memcpy(out, all, sizeof(all));
}

void fr_region_done(void)
{
	__atomic_store_n(&fr_region.hdr->x_state,
			 fr_config.keep ? FR_STATE_EXITED : FR_STATE_UNWANTED, __ATOMIC_RELEASE);
}

void fr_region_unlink(void)
{
	if (fr_region.path[0])
		fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0);
	fr_region.path[0] = '\0';
}
