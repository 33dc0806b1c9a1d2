/* SPDX-License-Identifier: MIT */
/*
 * parting.c - see parting.h.
 *
 * The kernel gives a file without a name no new one. So a call that has failed costs a new file:
 * the region's content is copied into it and the mapping is exchanged in one step, at the same
 * addresses, while no other thread of ours can write.
 *
 * Context: hooks of exec and daemon, perhaps in a forked child or a signal handler: system calls
 * only. Must not: touch errno, keep a descriptor.
 */
#include "parting.h"

#include <errno.h>
#include <signal.h>

#include "config.h"
#include "host.h"
#include "region.h"
#include "sys.h"
#include "thread.h"

static bool is_ours(void)
{
	return fr_region.hdr && fr_region.path[0] && !fr_config.keep &&
	       FR_LEVEL(FR_CLASS_RECORDER) > FR_LEVEL_OFF && !fr_host_is_other_process();
}

bool fr_parting_begin(void)
{
	return is_ours() && fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0) == 0;
}

bool fr_parting_exec(const char *path)
{
	long rc;

	if (!is_ours())
		return false;
	rc = fr_sys3(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */);
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -EFAULT || rc == -ELOOP || rc == -ENAMETOOLONG)
		return false;
	return fr_parting_begin();
}

/* ---- undo ---------------------------------------------------------------------------------------
 */

static bool others_write(void)
{
	const struct fr_thread_rec *recs = (const void *)fr_region.threads.base;
	size_t n = atomic_load(&fr_region.threads.ready) / sizeof(*recs);

	for (size_t i = 0; i < n; i++) {
		if (recs[i].x_life == FR_THREAD_LIVE && &recs[i] != fr_self->rec)
			return true;
	}
	return false;
}

static bool copy_bytes(int fd, const uint8_t *from, size_t n)
{
	size_t at = (size_t)(from - (const uint8_t *)fr_region.hdr);

	while (n) {
		long w = fr_sys4(SYS_pwrite64, fd, from, n, at);

		if (w == -EINTR)
			continue;
		if (w <= 0)
			return false;
		from += w;
		at += (size_t)w;
		n -= (size_t)w;
	}
	return true;
}

/* What has pages in the region has them in the copy: nothing needs to grow a second time. */
static bool copy_region(int fd)
{
	const uint8_t *base = (const uint8_t *)fr_region.hdr;
	struct fr_span *spans[FR_SPANS];

	/* the small sections stand before the threads and are all there */
	if (!copy_bytes(fd, base, (size_t)(fr_region.threads.base - base)))
		return false;
	fr_region_spans(spans);
	for (unsigned int i = 0; i < FR_SPANS; i++) {
		if (!copy_bytes(fd, spans[i]->base, atomic_load(&spans[i]->ready)))
			return false;
	}
	return true;
}

static bool exchange(int fd)
{
	long p;

	if (!fr_file_size_allowed(fr_region.size) ||
	    fr_sys2(SYS_ftruncate, fd, fr_region.size) < 0 || !copy_region(fd))
		return false;
	p = fr_sys6(SYS_mmap, (long)fr_region.hdr, (long)fr_region.size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0);
	if (p != (long)fr_region.hdr)
		return false;
	fr_sys_madvise(fr_region.hdr, fr_region.size, MADV_DONTDUMP);
	return true;
}

static bool new_file(void)
{
	bool ok;
	int fd;

	if (others_write())
		return false;
	fd = fr_sys_openat(AT_FDCWD, fr_region.path,
			   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = exchange(fd);
	fr_sys_close(fd);
	if (!ok)
		fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0);
	return ok;
}

void fr_parting_undo(void)
{
	uint64_t all = UINT64_MAX, before;

	/* a handler that recorded in the middle would write to a region that is given up */
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
	if (!new_file()) {
		fr_region.path[0] = '\0';
		fr_region.hdr->region_kind = FR_REGION_MEMFD;
	}
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}
