/* SPDX-License-Identifier: MIT */
/*
 * hooks_disk.c - replacement functions: what a file is on its disk, its bytes, size and name.
 *
 * Level slow records what took FR_SLOW or failed, with the names of files.
 */
#include <stdio.h>

#include "host/fileio.h"
#include "record/host.h"

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_IO) != FR_LEVEL_OFF;
}

/* ---- to the disk ----------------------------------------------------------------------------- */

static void record_sync_err(const struct fr_wait *w, uint64_t size, uint64_t err)
{
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (fr_file_wanted(dur, err != 0))
		fr_put_cold(t, FR_EV_IO_SYNC, fr_wait_tier(dur, err != 0), now, w->stack,
			    FR_ARGS(IO_SYNC, .fd = w->object, .dur = dur, .size = size, .err = err,
				    .via = w->call));
	fr_leave(t);
}

static int record_sync(const struct fr_wait *w, uint64_t size, int rc)
{
	record_sync_err(w, size, fr_err_of(rc));
	return rc;
}

FR_HOOK int fsync(int fd)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(fsync)(fd);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_fsync, fd);
	FR_RETRY(&w, rc, FR_REAL(fsync)(fd));
	return record_sync(&w, 0, rc);
}

FR_HOOK int fdatasync(int fd)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(fdatasync)(fd);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_fdatasync, fd);
	FR_RETRY(&w, rc, FR_REAL(fdatasync)(fd));
	return record_sync(&w, 0, rc);
}

FR_HOOK int sync_file_range(int fd, off64_t from, off64_t n, unsigned int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(sync_file_range)(fd, from, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_sync_file_range, fd);
	FR_RETRY(&w, rc, FR_REAL(sync_file_range)(fd, from, n, flags));
	return record_sync(&w, (uint64_t)n, rc);
}

FR_HOOK int msync(void *p, size_t n, int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(msync)(p, n, flags);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_msync, -1);
	FR_RETRY(&w, rc, FR_REAL(msync)(p, n, flags));
	return record_sync(&w, n, rc);
}

FR_HOOK int ftruncate(int fd, off_t size)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(ftruncate)(fd, size);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_ftruncate, fd);
	FR_RETRY(&w, rc, FR_REAL(ftruncate)(fd, size));
	return record_sync(&w, (uint64_t)size, rc);
}

FR_HOOK int ftruncate64(int fd, off64_t size)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(ftruncate64)(fd, size);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_ftruncate64, fd);
	FR_RETRY(&w, rc, FR_REAL(ftruncate64)(fd, size));
	return record_sync(&w, (uint64_t)size, rc);
}

FR_HOOK int fallocate(int fd, int mode, off_t from, off_t n)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(fallocate)(fd, mode, from, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_fallocate, fd);
	FR_RETRY(&w, rc, FR_REAL(fallocate)(fd, mode, from, n));
	return record_sync(&w, (uint64_t)n, rc);
}

FR_HOOK int fallocate64(int fd, int mode, off64_t from, off64_t n)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(fallocate64)(fd, mode, from, n);
	fr_wait_begin_fd(&w, FR_SITE(), FR_HOOK_fallocate64, fd);
	FR_RETRY(&w, rc, FR_REAL(fallocate64)(fd, mode, from, n));
	return record_sync(&w, (uint64_t)n, rc);
}

/* These return the error and leave errno alone. REAL may be the one for large files: the same. */
static int allocate(__typeof__(fr_real.posix_fallocate) real, enum fr_hook via, int fd, off_t from,
		    off_t n, struct fr_site s)
{
	struct fr_wait w;
	int err;

	if (!is_recorded())
		return real(fd, from, n);
	fr_wait_begin_fd(&w, s, via, fd);
	do {
		err = real(fd, from, n);
	} while (fr_wait_our_code(&w, err));
	record_sync_err(&w, (uint64_t)n, (uint64_t)err);
	return err;
}

FR_HOOK int posix_fallocate(int fd, off_t from, off_t n)
{
	return allocate(FR_REAL(posix_fallocate), FR_HOOK_posix_fallocate, fd, from, n, FR_SITE());
}

FR_HOOK int posix_fallocate64(int fd, off64_t from, off64_t n)
{
	return allocate(FR_REAL(posix_fallocate64), FR_HOOK_posix_fallocate64, fd, from, n,
			FR_SITE());
}

/* ---- names ----------------------------------------------------------------------------------- */

static int record_path(const struct fr_wait *w, const char *path, int rc)
{
	uint64_t err = fr_err_of(rc);
	bool failed = err && err != ENOENT; /* that is an answer: see hooks_fd.c */
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);
	struct fr_blob name;

	if (!t)
		return rc;
	if (fr_file_wanted(dur, err != 0)) {
		name = rc == 0 ? fr_host_text_read(path) : fr_host_text(path);
		fr_put_cold(
			t, FR_EV_IO_PATH, fr_wait_tier(dur, failed), now, w->stack,
			FR_ARGS(IO_PATH, .path = &name, .dur = dur, .err = err, .via = w->call));
	}
	fr_leave(t);
	return rc;
}

FR_HOOK int rename(const char *from, const char *to)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(rename)(from, to);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_rename, 0, 0, 0);
	rc = FR_REAL(rename)(from, to);
	return record_path(&w, to, rc);
}

FR_HOOK int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(renameat)(from_dir, from, to_dir, to);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_renameat, 0, 0, 0);
	rc = FR_REAL(renameat)(from_dir, from, to_dir, to);
	return record_path(&w, to, rc);
}

/* Younger than the others: a libc before 2.28 has none. */
FR_HOOK int renameat2(int from_dir, const char *from, int to_dir, const char *to,
		      unsigned int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(renameat2)(from_dir, from, to_dir, to, flags);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_renameat2, 0, 0, 0);
	rc = FR_REAL(renameat2)(from_dir, from, to_dir, to, flags);
	return record_path(&w, to, rc);
}

FR_HOOK int unlink(const char *path)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(unlink)(path);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_unlink, 0, 0, 0);
	rc = FR_REAL(unlink)(path);
	return record_path(&w, path, rc);
}

FR_HOOK int unlinkat(int dir, const char *path, int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(unlinkat)(dir, path, flags);
	fr_wait_begin(&w, FR_SITE(), FR_HOOK_unlinkat, 0, 0, 0);
	rc = FR_REAL(unlinkat)(dir, path, flags);
	return record_path(&w, path, rc);
}
