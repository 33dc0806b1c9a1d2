/* SPDX-License-Identifier: MIT */
/*
 * place.c - see place.h.
 *
 * Context: birth, also in a forked child; the writer of a snapshot, which may be a signal handler
 * or a thread without TLS: system calls only. Must not: touch errno, keep a descriptor but the one
 * it returns.
 */
#include "core/place.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "core/sys.h"
#include "core/text.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/*
 * The recording has what the program's memory has, so nobody else shall get at it, and nobody shall
 * make us write to or remove files of theirs.
 *
 * - Another user's directory: its owner may exchange what we make there at any time, for a link or
 *   a FIFO as well. That holds for root, too: above all for root.
 * - root's is as good as our own: root can do everything anyway. (A service's /var/log/app.)
 * - One that everybody may write to is good if it is sticky, as /tmp: there nobody can rename or
 *   remove our files, and names that somebody took before us are never opened (O_EXCL). Without the
 *   sticky bit it is as another user's.
 * - One that a group may write to was made so by somebody for that group: our business as little as
 *   the mode of its parents.
 */
enum fr_place fr_place_judge(const struct stat *st, uint32_t uid)
{
	if (st->st_uid != uid && st->st_uid != 0)
		return FR_PLACE_OWNER;
	if ((st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX))
		return FR_PLACE_OPEN;
	return FR_PLACE_GOOD;
}

/*
 * A page of the region that was written once is written again, for months. On these file systems
 * its block stays its own. The others (btrfs, zfs, f2fs, overlays of we know not what, what comes
 * over a network or from a helper process) may want a new block for each write-back, and where
 * there is none the kernel sends SIGBUS.
 */
bool fr_place_keeps_space(int64_t fs_type)
{
	static const uint32_t good[] = {
		TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if ((uint32_t)fs_type == good[i])
			return true;
	}
	return false;
}

static int refuse(int fd, struct fr_refusal *r, enum fr_place why, long error)
{
	*r = (struct fr_refusal){why, error < 0 ? (int)-error : 0};
	if (fd >= 0)
		fr_sys_close(fd);
	return -1;
}

static uint32_t our_uid(void)
{
	return (uint32_t)fr_sys0(SYS_geteuid); /* not as at birth: servers drop their privileges */
}

static int open_judged(const char *dir, int flags, struct fr_refusal *r)
{
	int fd = fr_sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags, 0);
	enum fr_place why;
	struct stat st;
	long rc;

	if (fd < 0)
		return refuse(-1, r, FR_PLACE_SYSTEM, fd);
	rc = fr_sys2(SYS_fstat, fd, &st);
	if (rc < 0)
		return refuse(fd, r, FR_PLACE_SYSTEM, rc);
	why = fr_place_judge(&st, our_uid());
	return why ? refuse(fd, r, why, 0) : fd;
}

int fr_place_open_snapshots(const char *dir, struct fr_refusal *r)
{
	return open_judged(dir, O_PATH, r); /* one need not be able to list it */
}

static int on_good_disk(int fd, struct fr_refusal *r)
{
	struct statfs fs = {0};
	long rc;

	if (fd < 0)
		return fd;
	rc = fr_sys2(SYS_fstatfs, fd, &fs);
	if (rc < 0)
		return refuse(fd, r, FR_PLACE_SYSTEM, rc);
	return fr_place_keeps_space(fs.f_type) ? fd : refuse(fd, r, FR_PLACE_DISK, 0);
}

int fr_place_open_regions(const char *dir, struct fr_refusal *r)
{
	return on_good_disk(open_judged(dir, O_NOFOLLOW, r), r);
}

/*
 * Our directory as an umask of 0777 left it: not even we can open it. By descriptor, because the
 * name may be somebody's link by now.
 */
static void mend_mode(const char *dir)
{
	int fd = fr_sys_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	char name[40];
	struct fr_text t = fr_text_on(name, sizeof(name));
	struct stat st;

	if (fd < 0)
		return;
	fr_text_str(&t, "/proc/self/fd/");
	fr_text_num(&t, (unsigned int)fd, 10);
	if (fr_sys2(SYS_fstat, fd, &st) == 0 && st.st_uid == our_uid())
		fr_sys3(SYS_fchmodat, AT_FDCWD, name, 0700);
	fr_sys_close(fd);
}

int fr_place_open_own(const char *dir, struct fr_refusal *r)
{
	bool made = fr_sys3(SYS_mkdirat, AT_FDCWD, dir, 0700) == 0;
	struct stat st;
	int fd;

	if (made)
		mend_mode(dir);
	fd = fr_place_open_regions(dir, r);
	if (fd < 0 && r->error == EACCES) {
		mend_mode(dir);
		fd = fr_place_open_regions(dir, r);
	}
	if (fd < 0)
		return fd;
	if (fr_sys2(SYS_fstat, fd, &st) < 0 || st.st_uid != our_uid())
		return refuse(fd, r, FR_PLACE_OWNER, 0);
	return st.st_mode & 077 ? refuse(fd, r, FR_PLACE_OPEN, 0) : fd;
}

int fr_place_make_file(int dir, const char *name, int flags)
{
	int fd = fr_sys_openat(dir, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		fr_sys2(SYS_fchmod, fd, 0600); /* the umask may have taken even our own right */
	return fd;
}

/* ---- words ----------------------------------------------------------------------------------- */

static const struct {
	int error;
	const char *words;
} errors[] = {
	{ENOSPC, "no space left there"}, {EDQUOT, "the quota is used up"},
	{EFBIG, "the file is too big"},  {EROFS, "it is mounted read-only"},
	{EIO, "input/output error"},     {EACCES, "permission denied"},
	{EPERM, "not permitted"},        {ENOENT, "there is no such directory"},
	{ENOTDIR, "it is no directory"}, {ELOOP, "it is a link"},
	{ENOMEM, "no memory"},           {EMFILE, "no descriptor is to be had"},
};

const char *fr_place_why(const struct fr_refusal *r)
{
#define PLACE(id, NAME, name, meaning) [id] = (meaning),
	static const char *const rows[] = {
#include "wire/places.def"
	};
#undef PLACE

	if (r->why == FR_PLACE_SYSTEM) {
		for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
			if (errors[i].error == r->error)
				return errors[i].words;
		}
	}
	return r->why < sizeof(rows) / sizeof(*rows) && rows[r->why] ? rows[r->why] : "";
}

bool fr_file_size_allowed(uint64_t size)
{
	struct rlimit lim = {0};

	return fr_sys2(SYS_getrlimit, RLIMIT_FSIZE, &lim) != 0 || lim.rlim_cur == RLIM_INFINITY ||
	       lim.rlim_cur >= size;
}
