/* SPDX-License-Identifier: MIT */
/*
 * region_name.c - see region_name.h.
 *
 * What is sure to fail (no such file) is left alone. Else: the kernel gives a file without a name
 * no new one, so a call that has failed costs a new file: the region's content is copied into it
 * and the mapping is exchanged in one step, at the same addresses, while other threads that want to
 * write wait (freeze.h).
 *
 * Context: hooks of exec and daemon, perhaps in a forked child or a signal handler: system calls
 * only. Must not: touch errno, keep a descriptor.
 */
#include "keep/region_name.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config.h"
#include "core/place.h"
#include "core/sys.h"
#include "core/text.h"
#include "keep/freeze.h"
#include "record/host.h"
#include "record/thread.h"
#include "store/region.h"

static bool is_ours(void)
{
	return fr_region.hdr && fr_region.path[0] && !fr_config.keep &&
	       fr_level_now(FR_CLASS_RECORDER) > FR_LEVEL_OFF && !fr_host_is_other_process();
}

static bool unlink_it(void)
{
	return fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0) == 0;
}

bool fr_region_name_remove(void)
{
	return is_ours() && unlink_it();
}

/* exec of PATH fails for sure: exec itself asks the same questions. */
static bool hopeless(const char *path)
{
	struct stat st;

	if (fr_sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && !S_ISREG(st.st_mode))
		return true;
	switch (-fr_sys4(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS)) {
	case EACCES:
	case EFAULT:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOENT:
	case ENOTDIR:
		return true;
	default:
		return false;
	}
}

bool fr_region_name_remove_for_exec(const char *path)
{
	return is_ours() && !hopeless(path) && unlink_it();
}

/* No directory of the search path has a FILE to execute. As libc searches; it has looked at FILE.
 */
static bool hopeless_search(const char *file)
{
	const char *path = fr_text_search_path();
	char name[1024];
	struct fr_text t;

	while (path) {
		t = fr_text_on(name, sizeof(name));
		fr_text_searched(&t, &path, file);
		if (t.n + 1 == sizeof(name) || !hopeless(name))
			return false;
	}
	return true;
}

bool fr_region_name_remove_for_execvp(const char *file)
{
	struct fr_blob readable = fr_host_text(file);

	if (!is_ours() || !readable.size)
		return false; /* ENOENT, or EFAULT by a signal of libc's making */
	if (memchr(file, '/', readable.size))
		return fr_region_name_remove_for_exec(file);
	return !hopeless_search(file) && unlink_it();
}

/* ---- undo ------------------------------------------------------------------------------------ */

/*
 * Only the kernel knows of a thread that is being born: it writes to the region before its record
 * says that it lives. Without /proc the records have to do.
 */
static bool others_write(void)
{
	const struct fr_thread_rec *recs = (const void *)fr_region.threads.base;
	size_t n = atomic_load(&fr_region.threads.ready) / sizeof(*recs);
	struct stat st;

	if (fr_sys4(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) == 0)
		return st.st_nlink != 2 + 1; /* as each directory, and for each thread */
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
static bool copy_spans(int fd)
{
	struct fr_span *spans[FR_SPANS];

	atomic_fetch_add(&fr_region.exchanges, 1);
	fr_region_spans(spans);
	for (unsigned int i = 0; i < FR_SPANS; i++) {
		if (!copy_bytes(fd, spans[i]->base, atomic_load(&spans[i]->ready)))
			return false;
	}
	return true;
}

static bool copy_region(int fd)
{
	const uint8_t *base = (const uint8_t *)fr_region.hdr;

	/* the small sections stand before the threads and are all there */
	return copy_bytes(fd, base, (size_t)(fr_region.threads.base - base)) && copy_spans(fd);
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

	fd = fr_place_make_file(AT_FDCWD, fr_region.path, O_RDWR);
	if (fd < 0)
		return false;
	ok = exchange(fd);
	fr_sys_close(fd);
	if (!ok)
		fr_sys3(SYS_unlinkat, AT_FDCWD, fr_region.path, 0);
	return ok;
}

static bool new_file_while_others_wait(void)
{
	int frozen = fr_freeze_begin();
	bool ok;

	if (frozen < 0)
		return false;
	ok = new_file();
	fr_freeze_end(frozen);
	return ok;
}

void fr_region_name_restore(void)
{
	uint64_t all = UINT64_MAX, before;

	/* a handler that recorded in the middle would write to a region that is given up */
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
	if (!(others_write() ? new_file_while_others_wait() : new_file())) {
		fr_region.path[0] = '\0';
		fr_region.hdr->region_kind = FR_REGION_MEMFD;
	}
	fr_sys4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}
