/* SPDX-License-Identifier: MIT */
/*
 * cache.c - reads and writes the persistent cache.
 *
 * Context: the decoder's own process, perhaps several at once: a file appears whole by rename.
 * Bounds: a file of FILE_MAX_BYTES, a directory of TOTAL_MAX_BYTES; the oldest files go first.
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

#define FILE_MAX_BYTES ((off_t)16 << 20)
#define TOTAL_MAX_BYTES ((off_t)128 << 20)
#define ID_BYTES_MIN 8

static bool directory(char *buf, size_t size)
{
	const char *off = getenv("FR_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n = -1;

	if (off && !strcmp(off, "0"))
		return false;
	if (xdg && xdg[0] == '/')
		n = snprintf(buf, size, "%s/fr", xdg);
	else if (home && home[0] == '/')
		n = snprintf(buf, size, "%s/.cache/fr", home);
	return n > 0 && (size_t)n < size;
}

static bool path_of(char *buf, size_t size, const uint8_t *id, uint32_t len)
{
	size_t n;
	uint32_t i;

	if (len < ID_BYTES_MIN || len > 32 || !directory(buf, size))
		return false;
	n = strlen(buf);
	if (n + 2 * len + sizeof("/.sym") > size)
		return false;
	buf[n++] = '/';
	for (i = 0; i < len; i++)
		n += (size_t)sprintf(buf + n, "%02x", id[i]);
	strcpy(buf + n, ".sym");
	return true;
}

static void *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *block = NULL;
	ssize_t n = 0;
	size_t have = 0;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_size <= FILE_MAX_BYTES)
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
	char path[PATH_MAX];
	size_t size = 0;
	void *block;

	if (!path_of(path, sizeof(path), build_id, len))
		return NULL;
	block = read_file(path, &size);
	if (block && fr_image_open(img, block, size) && img->head->build_id_len == len &&
	    !memcmp(img->head->build_id, build_id, len) && source_unchanged(img))
		return block;
	free(block);
	return NULL;
}

static bool make_directories(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	for (slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(dir, 0700);
		*slash = '/';
	}
	slash = strrchr(dir, '/');
	*slash = 0;
	return !access(dir, W_OK | X_OK);
}

struct entry {
	char name[80];
	off_t size;
	time_t mtime;
};

static int older_first(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return a->mtime < b->mtime ? -1 : a->mtime > b->mtime;
}

static size_t list(int dir_fd, struct entry *out, size_t max, off_t *total)
{
	DIR *d = fdopendir(dup(dir_fd));
	struct dirent *de;
	size_t n = 0;

	*total = 0;
	while (d && n < max && (de = readdir(d))) {
		struct stat st;

		/* Temporary names begin with a dot and are left to their writers. */
		if (de->d_name[0] == '.' || strlen(de->d_name) >= sizeof(out->name) ||
		    fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
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

/* Removes the files written longest ago until the directory is small enough. */
static void trim(void)
{
	const size_t max = 4096;
	struct entry *e = malloc(max * sizeof(*e));
	char path[PATH_MAX];
	off_t total = 0;
	size_t n = 0, i;
	int fd = e && directory(path, sizeof(path))
			 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
			 : -1;

	if (fd >= 0)
		n = list(fd, e, max, &total);
	if (n && total > TOTAL_MAX_BYTES)
		qsort(e, n, sizeof(*e), older_first);
	for (i = 0; i < n && total > TOTAL_MAX_BYTES; i++) {
		unlinkat(fd, e[i].name, 0);
		total -= e[i].size;
	}
	if (fd >= 0)
		close(fd);
	free(e);
}

static bool write_file(const char *path, const void *block, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
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
	char path[PATH_MAX], dir[PATH_MAX], tmp[PATH_MAX + 32];

	if (size > (size_t)FILE_MAX_BYTES || !path_of(path, sizeof(path), build_id, len) ||
	    !directory(dir, sizeof(dir)) || !make_directories(path))
		return;
	snprintf(tmp, sizeof(tmp), "%s/.%d.tmp", dir, (int)getpid());
	unlink(tmp);
	if (!write_file(tmp, block, size) || rename(tmp, path)) {
		unlink(tmp);
		return;
	}
	trim();
}
