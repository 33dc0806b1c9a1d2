/* SPDX-License-Identifier: MIT */
/*
 * hooks_mem.c - replacement functions: the malloc family.
 *
 * free is recorded before the real call, malloc after it: else another thread's malloc of the same
 * address would come first. realloc is both. Pointers and sizes are never changed.
 * Must not: allocate; test with anything but counters at level sampled.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/real.h"
#include "record/ring.h"
#include "record/sample.h"

/* ---- before the real functions are known ----------------------------------------------------- */

/* dlsym may allocate while it looks for malloc: a bump pool whose blocks are never freed. */
static FR_BIG _Alignas(16) char pool[32768];
static atomic_size_t pool_used;
static __thread bool resolving __attribute__((tls_model("initial-exec")));

static bool in_pool(const void *p)
{
	return (uintptr_t)p - (uintptr_t)pool < sizeof(pool);
}

static void *pool_alloc(size_t n)
{
	size_t size = (n + 31) & ~(size_t)15; /* 16 bytes in front for the size */
	size_t at = atomic_fetch_add(&pool_used, size);

	if (n > sizeof(pool) || at + size > sizeof(pool))
		return NULL;
	*(size_t *)(pool + at) = n;
	return pool + at + 16;
}

/* True when the real functions can be used; false: take the pool. */
static bool resolved(void)
{
	if (likely(fr_real.malloc && fr_real.free && fr_real.realloc && fr_real.calloc))
		return true;
	if (resolving)
		return false;
	resolving = true;
	fr_real_resolve();
	resolving = false;
	return fr_real.malloc != NULL;
}

static FR_COLD void *pool_realloc(void *p, size_t n)
{
	void *q = resolved() ? fr_real.malloc(n) : pool_alloc(n);
	size_t old = *(size_t *)((char *)p - 16);

	if (q)
		memcpy(q, p, old < n ? old : n);
	return q;
}

/* ---- recording ------------------------------------------------------------------------------- */

static FR_ALWAYS_INLINE void count_alloc(struct fr_thread *t, const void *p, size_t n)
{
	if (unlikely(!p))
		return;
	t->rec->allocs++;
	t->rec->alloc_bytes += n;
}

/* Counted is what a handler or a vfork child does, too, of which no event is written. */
static FR_ALWAYS_INLINE void record_alloc_full(struct fr_site s, void *p, size_t n,
					       enum fr_hook via)
{
	struct fr_thread *t = fr_enter();

	if (unlikely(!t)) {
		count_alloc(fr_self, p, n);
		return;
	}
	count_alloc(t, p, n);
	if (via == FR_HOOK_malloc)
		fr_put(t, FR_EV_MEM_ALLOC, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		       FR_ARGS(MEM_ALLOC, .ptr = (uint64_t)p, .size = n));
	else
		fr_put_cold(t, FR_EV_MEM_ALLOC, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
			    FR_ARGS(MEM_ALLOC, .ptr = (uint64_t)p, .size = n, .via = via));
	fr_leave(t);
}

/* For all but malloc, out of line: those hooks stay small. */
static __attribute__((noinline)) void record_alloc_other(uintptr_t pc, uintptr_t sp, uintptr_t fp,
							 void *p, size_t n, enum fr_hook via)
{
	record_alloc_full((struct fr_site){pc, sp, fp}, p, n, via);
}

static FR_COLD void record_alloc_sample(struct fr_site s, void *p, size_t n, enum fr_hook via)
{
	struct fr_thread *t = fr_enter();
	uint64_t weight;

	if (!t)
		return;
	weight = fr_sample_weight(t, n);
	if (weight && p && fr_sample_add(p, weight))
		fr_put_cold(t, FR_EV_MEM_ALLOC, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
			    FR_ARGS(MEM_ALLOC, .ptr = (uint64_t)p, .size = n, .weight = weight,
				    .via = via == FR_HOOK_malloc ? 0 : via));
	fr_leave(t);
}

/* Level sampled: counts an allocation of N bytes, unless it has failed. Is it to be sampled? */
static FR_ALWAYS_INLINE bool sample_is_due(void *p, size_t n)
{
	struct fr_thread *t = fr_self;

	if (unlikely(!p))
		return false;
	t->rec->allocs++;
	t->rec->alloc_bytes += n;
	t->sample_left -= (int64_t)n;
	return t->sample_left < 0 || n >= FR_SAMPLE_MEAN;
}

static FR_COLD void alloc_other(struct fr_site s, void *p, size_t n, enum fr_hook via)
{
	enum fr_level level = fr_level(FR_CLASS_MEM);

	if (fr_gate.waiting && !sample_is_due(p, n))
		return; /* no reason for a birth */
	if (level == FR_LEVEL_SAMPLED)
		record_alloc_sample(s, p, n, via);
	else if (level == FR_LEVEL_FULL)
		record_alloc_other(s.pc, s.sp, s.fp, p, n, via);
}

/* After every successful or failed allocation of N bytes. Failed ones do not count. */
static FR_ALWAYS_INLINE void after_alloc(struct fr_site s, void *p, size_t n, enum fr_hook via)
{
	enum fr_level level = fr_level_now(FR_CLASS_MEM);

	if (likely(level == FR_LEVEL_SAMPLED)) {
		if (likely(!sample_is_due(p, n)))
			return;
	} else if (level == FR_LEVEL_FULL) {
		record_alloc_other(s.pc, s.sp, s.fp, p, n, via);
		return;
	}
	if (level != FR_LEVEL_OFF)
		alloc_other(s, p, n, via);
}

static FR_ALWAYS_INLINE void record_free_full(struct fr_site s, void *p, enum fr_hook via)
{
	struct fr_thread *t = fr_enter();

	if (unlikely(!t)) {
		fr_self->rec->frees++;
		return;
	}
	t->rec->frees++;
	if (via == FR_HOOK_free)
		fr_put(t, FR_EV_MEM_FREE, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		       FR_ARGS(MEM_FREE, .ptr = (uint64_t)p));
	else
		fr_put_cold(t, FR_EV_MEM_FREE, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
			    FR_ARGS(MEM_FREE, .ptr = (uint64_t)p, .via = via));
	fr_leave(t);
}

static __attribute__((noinline)) void record_free_other(uintptr_t pc, uintptr_t sp, uintptr_t fp,
							void *p, enum fr_hook via)
{
	record_free_full((struct fr_site){pc, sp, fp}, p, via);
}

/* The weight of the block's sample, 0 = it has none. */
static FR_COLD uint64_t record_free_sample(struct fr_site s, void *p, enum fr_hook via)
{
	uint64_t weight = fr_sample_remove(p);
	struct fr_thread *t;

	if (!weight)
		return 0;
	t = fr_enter();
	if (!t)
		return weight;
	fr_put_cold(t, FR_EV_MEM_FREE, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(MEM_FREE, .ptr = (uint64_t)p, .weight = weight,
			    .via = via == FR_HOOK_free ? 0 : via));
	fr_leave(t);
	return weight;
}

/* Before every free of a block. */
static FR_ALWAYS_INLINE uint64_t before_free(struct fr_site s, void *p, enum fr_hook via)
{
	enum fr_level level = fr_level_now(FR_CLASS_MEM);

	if (likely(level == FR_LEVEL_SAMPLED)) {
		fr_self->rec->frees++;
		if (unlikely(fr_sample_maybe(p)))
			return record_free_sample(s, p, via);
	} else if (level == FR_LEVEL_FULL) {
		record_free_other(s.pc, s.sp, s.fp, p, via);
	}
	return 0;
}

/* realloc has failed: the block that before_free() has ended lives on, with its sample. */
static FR_COLD void lives_on(struct fr_site s, void *p, uint64_t weight, enum fr_hook via)
{
	struct fr_thread *t;

	if (fr_level_now(FR_CLASS_MEM) <= FR_LEVEL_OFF)
		return;
	fr_self->rec->frees--;
	if (!weight)
		return;
	t = fr_enter();
	if (!t)
		return;
	if (fr_sample_add(p, weight))
		fr_put_cold(t, FR_EV_MEM_ALLOC, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
			    FR_ARGS(MEM_ALLOC, .ptr = (uint64_t)p, .weight = weight, .via = via));
	fr_leave(t);
}

static void record_realloc(struct fr_site s, void *old, void *p, size_t n, enum fr_hook via)
{
	struct fr_thread *t = fr_enter();

	count_alloc(t ? t : fr_self, p, n);
	if (!t)
		return;
	fr_put_cold(t, FR_EV_MEM_REALLOC, FR_TIER_DENSE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(MEM_REALLOC, .old = (uint64_t)old, .ptr = (uint64_t)p, .size = n,
			    .via = via == FR_HOOK_realloc ? 0 : via));
	fr_leave(t);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

/* At another level, or before there is one. */
static __attribute__((noinline)) void *other_malloc(size_t n, uintptr_t pc, uintptr_t sp,
						    uintptr_t fp)
{
	struct fr_site s = {pc, sp, fp};
	void *p;

	if (unlikely(!fr_real.malloc) && !resolved())
		return pool_alloc(n);
	p = fr_real.malloc(n);
	if (likely(fr_level_now(FR_CLASS_MEM) == FR_LEVEL_FULL))
		record_alloc_full(s, p, n, FR_HOOK_malloc);
	else if (fr_level_now(FR_CLASS_MEM) != FR_LEVEL_OFF)
		alloc_other(s, p, n, FR_HOOK_malloc);
	return p;
}

static FR_COLD void *sampled_malloc(void *p, size_t n, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	record_alloc_sample((struct fr_site){pc, sp, fp}, p, n, FR_HOOK_malloc);
	return p;
}

/* The level tells that the real functions are known, too. */
FR_HOOK void *malloc(size_t n)
{
	struct fr_site s;
	void *p;

	if (unlikely(fr_level_now(FR_CLASS_MEM) != FR_LEVEL_SAMPLED)) {
		s = FR_SITE();
		return other_malloc(n, s.pc, s.sp, s.fp);
	}
	p = fr_real.malloc(n);
	if (unlikely(sample_is_due(p, n))) {
		s = FR_SITE();
		return sampled_malloc(p, n, s.pc, s.sp, s.fp);
	}
	return p;
}

/* The same of free, and of blocks that may have a sample. */
static __attribute__((noinline)) void other_free(void *p, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	struct fr_site s = {pc, sp, fp};

	if (unlikely(in_pool(p)))
		return;
	if (likely(p && fr_level_now(FR_CLASS_MEM) == FR_LEVEL_FULL))
		record_free_full(s, p, FR_HOOK_free);
	else if (p)
		before_free(s, p, FR_HOOK_free);
	if (likely(fr_real.free) || resolved())
		fr_real.free(p);
}

FR_HOOK void free(void *p)
{
	struct fr_site s;

	if (unlikely(!p || in_pool(p) || fr_level_now(FR_CLASS_MEM) != FR_LEVEL_SAMPLED ||
		     fr_sample_maybe(p))) {
		s = FR_SITE();
		return other_free(p, s.pc, s.sp, s.fp);
	}
	fr_self->rec->frees++;
	fr_real.free(p);
}

FR_HOOK void *calloc(size_t n, size_t size)
{
	void *p;

	if (unlikely(!fr_real.calloc) && !resolved()) {
		p = __builtin_mul_overflow(n, size, &n) ? NULL : pool_alloc(n);
		return p; /* the pool is zero: it lies in .bss and is never reused */
	}
	p = fr_real.calloc(n, size);
	after_alloc(FR_SITE(), p, n * size, FR_HOOK_calloc);
	return p;
}

/* At level full: the old block is gone before, the new one is there after, or the old one again. */
static FR_ALWAYS_INLINE void *do_realloc(void *old, size_t n, struct fr_site s, enum fr_hook via,
					 size_t count, size_t size)
{
	uint64_t weight = 0;
	void *p;

	if (unlikely(in_pool(old)))
		return pool_realloc(old, n);
	if (unlikely(!fr_real.realloc) && !resolved())
		return pool_alloc(n);
	if (old)
		weight = before_free(s, old, via);
	if (via == FR_HOOK_realloc) {
		p = fr_real.realloc(old, n);
	} else {
		fr_self->in_real = true; /* libc's jumps to realloc, which is our hook again */
		p = FR_REAL(reallocarray)(old, count, size);
		fr_self->in_real = false;
	}
	if (unlikely(!p && old && n))
		lives_on(s, old, weight, via);
	if (fr_level_now(FR_CLASS_MEM) == FR_LEVEL_FULL)
		record_realloc(s, old, p, n, via);
	else
		after_alloc(s, p, n, via);
	return p;
}

FR_HOOK void *realloc(void *old, size_t n)
{
	if (unlikely(fr_self->in_real))
		return fr_real.realloc(old, n);
	return do_realloc(old, n, FR_SITE(), FR_HOOK_realloc, 0, 0);
}

FR_HOOK void *reallocarray(void *old, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return FR_REAL(reallocarray)(old, count, size); /* fails, with the right errno */
	return do_realloc(old, n, FR_SITE(), FR_HOOK_reallocarray, count, size);
}

FR_HOOK int posix_memalign(void **out, size_t align, size_t n)
{
	int rc = FR_REAL(posix_memalign)(out, align, n);

	if (rc == 0)
		after_alloc(FR_SITE(), *out, n, FR_HOOK_posix_memalign);
	return rc;
}

FR_HOOK void *aligned_alloc(size_t align, size_t n)
{
	void *p = FR_REAL(aligned_alloc)(align, n);

	after_alloc(FR_SITE(), p, n, FR_HOOK_aligned_alloc);
	return p;
}

FR_HOOK void *memalign(size_t align, size_t n)
{
	void *p = FR_REAL(memalign)(align, n);

	after_alloc(FR_SITE(), p, n, FR_HOOK_memalign);
	return p;
}

FR_HOOK void *valloc(size_t n)
{
	void *p = FR_REAL(valloc)(n);

	after_alloc(FR_SITE(), p, n, FR_HOOK_valloc);
	return p;
}

FR_HOOK void *pvalloc(size_t n)
{
	void *p = FR_REAL(pvalloc)(n);

	after_alloc(FR_SITE(), p, n, FR_HOOK_pvalloc);
	return p;
}
