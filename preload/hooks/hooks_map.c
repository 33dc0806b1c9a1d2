/* SPDX-License-Identifier: MIT */
/*
 * hooks_map.c - replacement functions: large memory maps.
 *
 * Maps of a MiB and more are recorded at every level of class mem but off. What libc maps inside
 * (arenas and big blocks of malloc, stacks of threads) and how its malloc grows the heap is not
 * seen: there the blocks themselves are. sbrk of other allocators is.
 *
 * Context: other allocators call these under their own locks and before anybody's constructor: no
 * dlsym here (it may allocate), the system call does as well. Giving back is stamped before.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "core/real.h"
#include "core/sys.h"
#include "record/ring.h"

#define LARGE (1u << 20)
static bool is_recorded(size_t size)
{
	return size >= LARGE && fr_level(FR_CLASS_MEM) != FR_LEVEL_OFF;
}

/* A raw call's answer as libc gives it. */
static void *answer(long rc)
{
	if (rc < 0 && rc > -4096) {
		errno = (int)-rc;
		return MAP_FAILED;
	}
	return (void *)rc;
}

struct map {
	size_t size;
	int prot;
	int fd;
	enum fr_hook via;
};

static void record_map(void *p, const struct map *m, struct fr_site s)
{
	uint64_t err = p == MAP_FAILED ? (uint64_t)errno : 0;
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_MEM_MAP, FR_TIER_RARE, fr_clock_ticks(), fr_stack_get(t, s),
		    FR_ARGS(MEM_MAP, .ptr = err ? 0 : (uint64_t)p, .size = m->size, .prot = m->prot,
			    .fd = m->fd, .err = err, .via = m->via));
	fr_leave(t);
}

FR_HOOK void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *p = fr_real.mmap ? fr_real.mmap(at, size, prot, flags, fd, offset)
			       : answer(fr_sys_raw6(SYS_mmap, (long)at, (long)size, prot, flags, fd,
						    offset));

	if (is_recorded(size))
		record_map(p, &(struct map){size, prot, fd, FR_HOOK_mmap}, FR_SITE());
	return p;
}

FR_HOOK void *mmap64(void *at, size_t size, int prot, int flags, int fd, off64_t offset)
{
	void *p = fr_real.mmap64 ? fr_real.mmap64(at, size, prot, flags, fd, offset)
				 : answer(fr_sys_raw6(SYS_mmap, (long)at, (long)size, prot, flags,
						      fd, offset));

	if (is_recorded(size))
		record_map(p, &(struct map){size, prot, fd, FR_HOOK_mmap64}, FR_SITE());
	return p;
}

FR_HOOK int munmap(void *p, size_t size)
{
	if (is_recorded(size)) {
		struct fr_thread *t = fr_enter();

		if (t) {
			fr_put_cold(t, FR_EV_MEM_UNMAP, FR_TIER_RARE, fr_clock_ticks(),
				    fr_stack_get(t, FR_SITE()),
				    FR_ARGS(MEM_UNMAP, .ptr = (uint64_t)p, .size = size));
			fr_leave(t);
		}
	}
	if (!fr_real.munmap)
		return answer(fr_sys_raw6(SYS_munmap, (long)p, (long)size, 0, 0, 0, 0)) ==
				       MAP_FAILED
			       ? -1
			       : 0;
	return fr_real.munmap(p, size);
}

/* The new address is there only with MREMAP_FIXED; libc reads it by the same rule. */
FR_HOOK void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	bool large = is_recorded(old_size > size ? old_size : size);
	uint64_t before = large ? fr_clock_ticks() : 0;
	struct fr_thread *t;
	void *to = NULL, *p;
	uint64_t err;

	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_list ap;

		va_start(ap, flags);
		to = va_arg(ap, void *);
		va_end(ap);
	}
	p = fr_real.mremap ? fr_real.mremap(old, old_size, size, flags, to)
			   : answer(fr_sys_raw6(SYS_mremap, (long)old, (long)old_size, (long)size,
						flags, (long)to, 0));
	if (!large)
		return p;
	err = p == MAP_FAILED ? (uint64_t)errno : 0;
	t = fr_enter();
	if (!t)
		return p;
	fr_put_cold(t, FR_EV_MEM_REMAP, FR_TIER_RARE, before, fr_stack_get(t, FR_SITE()),
		    FR_ARGS(MEM_REMAP, .old = (uint64_t)old, .old_size = old_size,
			    .ptr = err ? 0 : (uint64_t)p, .size = size, .err = err,
			    .via = FR_HOOK_mremap));
	fr_leave(t);
	return p;
}

/* Libc's own, which keeps its idea of the break: for a call before we know the real one. */
void *__sbrk(intptr_t by);

FR_HOOK void *sbrk(intptr_t by)
{
	size_t size = by < 0 ? -(size_t)by : (size_t)by;
	bool large = is_recorded(size);
	uint64_t before = large ? fr_clock_ticks() : 0;
	void *p = fr_real.sbrk ? fr_real.sbrk(by) : __sbrk(by);
	struct fr_thread *t;

	if (!large)
		return p;
	if (by > 0) {
		record_map(p, &(struct map){size, PROT_READ | PROT_WRITE, -1, FR_HOOK_sbrk},
			   FR_SITE());
		return p;
	}
	t = p == MAP_FAILED ? NULL : fr_enter();
	if (!t)
		return p;
	fr_put_cold(
		t, FR_EV_MEM_UNMAP, FR_TIER_RARE, before, fr_stack_get(t, FR_SITE()),
		FR_ARGS(MEM_UNMAP, .ptr = (uint64_t)p - size, .size = size, .via = FR_HOOK_sbrk));
	fr_leave(t);
	return p;
}
