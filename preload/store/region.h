/* SPDX-License-Identifier: MIT */
/*
 * region.h - the shared memory that holds everything this process records.
 *
 * The file has its full size from the start but no pages: each section that grows is a span with
 * a watermark, and fr_span_need() asks the kernel for pages (MADV_POPULATE_WRITE, an error code
 * where touching a page of a full tmpfs would be SIGBUS) before anybody may touch them. No file
 * descriptor is held, so growth still works after chroot, setuid and closefrom.
 */
#ifndef FR_REGION_H
#define FR_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/arch.h"
#include "core/mask.h"
#include "wire/events.h"
#include "wire/wire.h"
#include "wire/wire_control.h"
#include "wire/wire_settings.h"

/* A section's memory. Bytes [0, ready) may be touched. */
struct fr_span {
	uint8_t *base;
	_Atomic size_t ready;
	size_t size;
	size_t step; /* bytes to add at a time */
	uint64_t *x_used; /* the section's bytes in use, for readers */
	_Atomic size_t used; /* the same, at hand */
	_Atomic bool full; /* it could not grow, and no other thread had taken what it lacked */
};

struct fr_region {
	struct fr_span fds, depot; /* where they begin is looked at with each event: one line */
	struct fr_header *hdr; /* NULL = no region */
	size_t size; /* of the mapping */
	_Atomic size_t
		left; /* bytes that may still get pages: FR_MAX_BYTES, or part of it at first */
	struct fr_control *control;
	struct fr_span threads, modules, locks;
	struct fr_span chunks[FR_TIERS];
	uint64_t *drops;
	struct fr_clock_pair *clocks;
	struct fr_crash *crash;
	_Atomic uint32_t growing; /* threads at work in fr_span_grow() */
	_Atomic uint32_t exchanges; /* of its file for another (keep/region_name.h), begun */
	char path[384]; /* of the file; "" = memfd */
	uint32_t n_threads_max, n_modules_max, n_fds_max, n_locks_max;
	struct fr_setting_rec *settings; /* by enum fr_setting */
};
extern struct fr_region fr_region;
_Static_assert(offsetof(struct fr_region, depot.base) < 64, "the line that each event reads");

/*
 * Makes the region. FIRST: of this program, not of a forked child: what its earlier images left is
 * removed. False: nothing could be had, not even a memfd; the reason is in the notes. */
bool fr_region_make(uint64_t max_bytes, bool first);

/* Address space that one of MAX_BYTES takes. */
size_t fr_region_size(uint64_t max_bytes);

/* Lets go of an inherited region after a fork: the memory is the parent's. */
void fr_region_forget(bool unmap);

/* The sections that grow, in the order of the file. */
#define FR_SPANS 7u
void fr_region_spans(struct fr_span *out[FR_SPANS]);

/* Says in the header that nothing more comes, and whether anybody wants the file. */
void fr_region_done(void);

/* Removes the file, if it is still ours. */
void fr_region_unlink(void);

/* A section's memory, and how much of it is in use if it is written as a whole. */
void *fr_section_base(enum fr_section_id id);
void fr_section_used(enum fr_section_id id, uint64_t used);

/*
 * Makes bytes [0, END) of the span usable. False when the kernel refuses, FR_MAX_BYTES is reached
 * or END lies beyond the span: count and go without. Signal-safe.
 */
bool fr_span_grow(struct fr_span *s, size_t end);

static inline bool fr_span_need(struct fr_span *s, size_t end)
{
	if (end <= atomic_load_explicit(&s->ready, memory_order_acquire))
		return true;
	return fr_span_grow(s, end);
}

/* Pages for [P, P + SIZE), mapped here and now. False: there are none. */
bool fr_region_populate(const void *p, size_t size);

/* Bytes [0, END) of the span are in use: readers look no further. Only ever raised. */
void fr_span_raise(struct fr_span *s, size_t end);

static inline void fr_span_used(struct fr_span *s, size_t end)
{
	if (unlikely(end > atomic_load_explicit(&s->used, memory_order_relaxed)))
		fr_span_raise(s, end);
}

/* Counts N missing events. Any context. */
static inline void fr_drop_n(enum fr_drop reason, uint64_t n)
{
	if (fr_region.drops)
		__atomic_fetch_add(&fr_region.drops[reason], n, __ATOMIC_RELAXED);
}

static inline void fr_drop(enum fr_drop reason)
{
	fr_drop_n(reason, 1);
}

/* A text of the host's goes into the region: without secrets, which are counted (mask.h). */
static inline void fr_text_store(void *to, const void *from, size_t n)
{
	if (fr_mask_copy(to, from, (uint32_t)n) && fr_region.hdr)
		__atomic_fetch_add(&fr_region.hdr->x_masked, 1, __ATOMIC_RELAXED);
}

/* The same for a field of SIZE bytes, which ends in NUL. */
static inline void fr_text_store_field(char *field, size_t size, const char *s)
{
	size_t n = strnlen(s, size - 1);

	fr_text_store(field, s, n);
	memset(field + n, 0, size - n);
}

#endif
