/* SPDX-License-Identifier: MIT */
/*
 * cache.c - reads and writes the persistent cache.
 *
 * Context: the decoder's own process, perhaps several at once: a file appears whole by rename.
 * Bounds: a file of FILE_MAX_BYTES, all of them TOTAL_MAX_BYTES; the oldest go first. Must not:
 * remove a file that it has not written, use a directory that another user can write to.
 */
#include "symbols/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/regular.h"

#define FILE_MAX_BYTES ((off_t)16 << 20)
#define TOTAL_MAX_BYTES ((off_t)128 << 20)
#define ID_BYTES_MIN 8

static bool directory(char *buf, size_t size)
{
	const char *off = getenv("FR_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n = -1;

	/* What the other reader of DWARF says is for those who compare, not to be kept. */
	if ((off && !strcmp(off, "0")) || getenv("FR_SYMBOLS"))
		return false;
	if (xdg && xdg[0] == '/')
		n = snprintf(buf, size, "%s/fr", xdg);
	else if (home && home[0] == '/')
		n = snprintf(buf, size, "%s/.cache/fr", home);
	return n > 0 && (size_t)n < size;
}

/* <build-id in hex>.sym */
#define NAME_LEN (2 * 32 + sizeof(".sym"))
static bool name_of(char buf[NAME_LEN], const uint8_t *id, uint32_t len)
{
	size_t n = 0;
	uint32_t i;

	if (len < ID_BYTES_MIN || len > 32)
		return false;
	for (i = 0; i < len; i++)
		n += (size_t)sprintf(buf + n, "%02x", id[i]);
	strcpy(buf + n, ".sym");
	return true;
}

static bool is_cache_name(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n >= 2 * ID_BYTES_MIN && n <= 64 && n % 2 == 0 && !strcmp(name + n, ".sym");
}

/* ---- the directory --------------------------------------------------------------------------- */

static bool refuse(char *why, size_t size, const char *dir, const char *what)
{
	snprintf(why, size, "names are not kept for the next time: %s %s", dir, what);
	return false;
}

/*
 * What another user may write to holds names of his choice, and root leaves no files in another's
 * home. DIR need not be there yet: then what it would be made in counts.
 */
static bool is_ours(const char *dir, char *why, size_t size)
{
	char at[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(at, sizeof(at), "%s", dir);
	if (!lstat(at, &st)) {
		if (!S_ISDIR(st.st_mode))
			return refuse(why, size, at, "is no directory");
		if (st.st_uid != geteuid())
			return refuse(why, size, at, "belongs to another user");
		if (st.st_mode & (S_IWGRP | S_IWOTH))
			return refuse(why, size, at, "may be written to by others");
	}
	do {
		slash = strrchr(at, '/');
		slash[slash == at] = 0;
	} while (stat(at, &st) && slash != at);
	return st.st_uid == geteuid() || !st.st_uid ||
	       refuse(why, size, at, "belongs to another user");
}

static void make_directories(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	for (slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(dir, 0700);
		*slash = '/';
	}
	mkdir(dir, 0700);
}

/* Everything happens in the directory that was checked, whatever its name means by then. */
static int open_directory(bool make)
{
	char dir[PATH_MAX], why[PATH_MAX + 100];
	struct stat st;
	int fd;

	if (!directory(dir, sizeof(dir)) || !is_ours(dir, why, sizeof(why)))
		return -1;
	if (make)
		make_directories(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid())) {
		close(fd);
		return -1;
	}
	return fd;
}

bool fr_cache_refused(char *why, size_t size)
{
	char dir[PATH_MAX];

	return directory(dir, sizeof(dir)) && !is_ours(dir, why, size);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void *read_file(int dir, const char *name, size_t *size)
{
	struct stat st;
	int fd = fr_regular_open_at(dir, name, &st);
	char *block = NULL;
	ssize_t n = 0;
	size_t have = 0;

	if (fd < 0)
		return NULL;
	if (st.st_uid == geteuid() && st.st_size <= FILE_MAX_BYTES)
		block = malloc((size_t)st.st_size + 1);
	while (block && have < (size_t)st.st_size &&
	       (n = read(fd, block + have, (size_t)st.st_size - have)) > 0)
		have += (size_t)n;
	close(fd);
	*size = have;
	return block;
}

/* A source that is gone proves nothing; one that changed may not be what its build-id says. */
static bool source_unchanged(const struct image *img)
{
	const char *source = fr_image_string(img, img->head->source);
	struct stat st;

	if (!source || stat(source, &st))
		return true;
	return (uint64_t)st.st_size == img->head->source_size &&
	       st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec ==
		       img->head->source_mtime_ns;
}

void *fr_cache_load(const uint8_t *build_id, uint32_t len, struct image *img)
{
	char name[NAME_LEN];
	size_t size = 0;
	void *block;
	int dir;

	if (!name_of(name, build_id, len))
		return NULL;
	dir = open_directory(false);
	if (dir < 0)
		return NULL;
	block = read_file(dir, name, &size);
	close(dir);
	if (block && fr_image_open(img, block, size) && img->head->build_id_len == len &&
	    !memcmp(img->head->build_id, build_id, len) && source_unchanged(img))
		return block;
	free(block);
	return NULL;
}

/* ---- trimming -------------------------------------------------------------------------------- */

struct entry {
	char name[NAME_LEN];
	off_t size;
	time_t mtime;
};

static int older_first(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return a->mtime < b->mtime ? -1 : a->mtime > b->mtime;
}

/* Of the name alone there could be others: a core's, a checksum's. */
static bool is_written_by_us(int dir, const char *name)
{
	char magic[sizeof(((struct image_head *)0)->magic)];
	struct stat st;
	int fd = fr_regular_open_at(dir, name, &st);
	bool yes = fd >= 0 && st.st_uid == geteuid() &&
		   read(fd, magic, sizeof(magic)) == sizeof(magic) &&
		   !memcmp(magic, IMAGE_MAGIC, sizeof(magic));

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Files of others are neither counted nor touched. */
static size_t list(int dir_fd, struct entry *out, size_t max, off_t *total)
{
	DIR *d = fdopendir(dup(dir_fd));
	struct dirent *de;
	size_t n = 0;

	*total = 0;
	while (d && n < max && (de = readdir(d))) {
		struct stat st;

		if (!is_cache_name(de->d_name) ||
		    fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
		    st.st_uid != geteuid())
			continue;
		strcpy(out[n].name, de->d_name);
		out[n].size = st.st_size;
		out[n].mtime = st.st_mtime;
		*total += st.st_size;
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

/* Removes the files written longest ago until those of ours are small enough. */
static void trim(int dir)
{
	const size_t max = 4096;
	struct entry *e = malloc(max * sizeof(*e));
	off_t total = 0;
	size_t n = e ? list(dir, e, max, &total) : 0, i;

	if (n && total > TOTAL_MAX_BYTES)
		qsort(e, n, sizeof(*e), older_first);
	for (i = 0; i < n && total > TOTAL_MAX_BYTES; i++) {
		if (is_written_by_us(dir, e[i].name))
			unlinkat(dir, e[i].name, 0);
		total -= e[i].size;
	}
	free(e);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool write_file(int dir, const char *name, const void *block, size_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	const char *p = block;
	bool ok = fd >= 0;

	while (ok && size) {
		ssize_t n = write(fd, p, size);

		ok = n > 0;
		if (ok) {
			p += n;
			size -= (size_t)n;
		}
	}
	if (fd >= 0 && close(fd))
		ok = false;
	return ok;
}

void fr_cache_store(const uint8_t *build_id, uint32_t len, const void *block, size_t size)
{
	char name[NAME_LEN], tmp[32];
	int dir;

	if (size > (size_t)FILE_MAX_BYTES || !name_of(name, build_id, len))
		return;
	dir = open_directory(true);
	if (dir < 0)
		return;
	snprintf(tmp, sizeof(tmp), ".%d.tmp", (int)getpid());
	unlinkat(dir, tmp, 0);
	if (write_file(dir, tmp, block, size) && !renameat(dir, tmp, dir, name))
		trim(dir);
	else
		unlinkat(dir, tmp, 0);
	close(dir);
}
